"""The rules, one a file; `gate.rules.base.discover` finds them."""
