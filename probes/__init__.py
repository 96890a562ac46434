"""Facts. Reads binaries, processes and profiles; never judges, never prints."""
