"""The rules, one a file; `gate.check.discover` finds them."""
