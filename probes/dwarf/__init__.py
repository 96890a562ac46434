"""Debugging information: sections, entries, and the shapes of types."""
