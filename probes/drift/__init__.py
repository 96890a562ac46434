"""Two binaries: `compare(old, new)` gives a `Drift`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from probes.lazily import lazily

if TYPE_CHECKING:
    from probes.drift.comparison import compare
    from probes.drift.result import Drift

__all__ = ["Drift", "compare"]

__getattr__ = lazily(
    globals(),
    {
        "Drift": "probes.drift.result",
        "compare": "probes.drift.comparison",
    },
)
