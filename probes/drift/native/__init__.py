"""C: functions, data, what the loader needs, shared objects, plugins."""
