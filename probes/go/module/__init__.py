"""The runtime's module data: where everything is in a Go program, by release."""
