"""One Go ELF file: `load(path)` gives `BinaryFacts`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from probes.lazily import lazily

if TYPE_CHECKING:
    from probes.go.facts import BinaryFacts
    from probes.go.loading import load

__all__ = ["BinaryFacts", "load"]

__getattr__ = lazily(
    globals(),
    {
        "BinaryFacts": "probes.go.facts",
        "load": "probes.go.loading",
    },
)
