"""Data that changed: initial values of variables, strings that the linker wrote, embedded files."""
