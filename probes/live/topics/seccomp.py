"""The system calls that the process may make."""

from __future__ import annotations

from msgspec import Struct

FILTER = 2
"""`SECCOMP_MODE_FILTER` of linux/seccomp.h."""


class SeccompFacts(Struct, frozen=True):
    """`mode`: 0 off, 1 strict, 2 filter, which exec keeps. `filters`: how many are installed, None where not known."""

    source: str
    mode: int
    filters: int | None = None

    @property
    def filtered(self) -> bool:
        """Whether a filter decides about system calls."""
        return self.mode == FILTER

    def summary(self) -> str:
        """What it comes to, in words."""
        if not self.filtered:
            return "no filter" if not self.mode else "strict mode"
        return "a filter is active" if self.filters in {None, 1} else f"{self.filters} filters are active"
