"""Two BinaryFacts -> Drift."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from probes.drift.comparison import compare

__all__ = ["compare"]


def __getattr__(attribute: str) -> object:
    """`compare`, imported when it is first asked for: whoever only wants the facts' dataclasses does not pay for numpy."""
    if attribute != "compare":
        raise AttributeError(f"module {__name__!r} has no attribute {attribute!r}")
    from probes.drift.comparison import compare  # noqa: PLC0415 - see above

    globals()["compare"] = compare
    return compare
