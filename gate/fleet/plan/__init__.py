"""Who is updated when: stages, batches and hosts, the least time, and what is taken back at each point."""
