"""The canaries, and C's walk up the stack."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct


class CanaryFacts(Struct, frozen=True):
    """The canaries, and C's walk up the stack: each `holds`/`agrees`, `broken`/`differs` or `unknown`."""

    source: str
    thread_id: int
    thread_local: Literal["holds", "broken", "unknown"]
    static: Literal["holds", "broken", "unknown"]
    walk: Literal["agrees", "differs", "unknown"]
    walk_reason: str = ""
    expected: tuple[str, str] = ("", "")
    found: tuple[str, str] = ("", "")

    def summary(self) -> str:
        """What it comes to, in words."""
        return f"thread-local {self.thread_local}, static {self.static}, stack walk {self.walk}"
