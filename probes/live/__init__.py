"""A running process: `gather(Asked(...))` gives `LiveFacts`, from `/proc`, goprobe and plain pprof. Nothing is judged or written."""

from __future__ import annotations

from typing import TYPE_CHECKING

from probes.lazily import lazily

if TYPE_CHECKING:
    from probes.live.facts import LiveFacts
    from probes.live.gathering import Asked, gather

__all__ = ["Asked", "LiveFacts", "gather"]

__getattr__ = lazily(
    globals(),
    {
        "Asked": "probes.live.gathering",
        "LiveFacts": "probes.live.facts",
        "gather": "probes.live.gathering",
    },
)
