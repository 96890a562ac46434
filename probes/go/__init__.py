"""One Go ELF file -> BinaryFacts."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from probes.go.loading import load

__all__ = ["load"]


def __getattr__(attribute: str) -> object:
    """`load`, imported when it is first asked for: whoever only wants the facts' dataclasses does not pay for numpy."""
    if attribute != "load":
        raise AttributeError(f"module {__name__!r} has no attribute {attribute!r}")
    from probes.go.loading import load  # noqa: PLC0415 - see above

    globals()["load"] = load
    return load
