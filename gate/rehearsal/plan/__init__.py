"""What a rehearsal does: the `[rehearsal]` table of a policy file, or what can be done without one."""
