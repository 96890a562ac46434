"""A process as `/proc` shows it."""
