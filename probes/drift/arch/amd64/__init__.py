"""amd64 code: instructions, operands, effects on registers."""
