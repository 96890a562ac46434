"""The commands of `hotgate release`, one a file; what they share is in `_options`."""
