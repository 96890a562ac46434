"""Releases: a repository of signed images and deltas (The Update Framework), and one host's view of it."""
