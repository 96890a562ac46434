"""The report as data, with its schema."""
