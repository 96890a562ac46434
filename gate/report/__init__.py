"""The report, and one renderer a file."""
