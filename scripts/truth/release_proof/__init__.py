"""Proofs of what brings a release onto a host: measured on real processes, in tables."""
