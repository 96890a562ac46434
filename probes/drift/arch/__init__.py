"""Machine code: what a comparison asks of an architecture, and a package for each one."""
