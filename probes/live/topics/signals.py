"""Signals that the new image would inherit."""

from __future__ import annotations

from msgspec import Struct

from probes.wording import count, some


class SignalFacts(Struct, frozen=True):
    """Signals by name. `handlers`: (signal, where) of handlers outside of Go, None where not known."""

    source: str
    ignored: tuple[str, ...]
    blocked: tuple[str, ...]
    handlers: tuple[tuple[str, str], ...] | None = None
    reload: str = ""
    reload_handled: bool | None = None

    def summary(self) -> str:
        """What it comes to, in words."""
        parts = [
            f"{word} {some(names)}" for word, names in (("ignored", self.ignored), ("blocked", self.blocked)) if names
        ]
        if self.handlers:
            parts.append(f"{count(len(self.handlers), 'handler')} of C")
        return "; ".join(parts) or "none ignored or blocked"
