"""Time, memory, load, statistics."""
