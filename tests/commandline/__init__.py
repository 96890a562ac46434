"""Flags that programs define, and those of a command line."""
