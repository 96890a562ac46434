"""Where a rehearsal runs: a folder, namespaces, limits, and the processes in them; and the end of all of these."""
