"""Verdicts that the sidecar gives when it is asked."""
