"""One binary, shown."""
