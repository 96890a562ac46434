"""Deltas: a new image from an old one and the few bytes that the old one does not tell."""
