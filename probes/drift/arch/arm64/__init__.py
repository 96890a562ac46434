"""arm64 code: instructions, operands, loads."""
