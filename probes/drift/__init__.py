"""Two BinaryFacts -> Drift."""

from probes.drift.compare import compare

__all__ = ["compare"]
