"""Listeners, and descriptors that exec would leave open."""

from __future__ import annotations

from msgspec import Struct

from probes.wording import count


class Listening(Struct, frozen=True):
    """A listening socket. `handed_over`: the service has declared that it passes it on."""

    fd: int
    address: str
    close_on_exec: bool
    handed_over: bool


class DescriptorFacts(Struct, frozen=True):
    """Open descriptors. `leaking`: (number, target) of those that exec leaves open without a hand-over.

    `complete`: all listeners are known, which only `/proc` can say.
    """

    source: str
    listeners: tuple[Listening, ...]
    leaking: tuple[tuple[int, str], ...]
    complete: bool
    limit: int | None = None

    def summary(self) -> str:
        """What it comes to, in words."""
        kept = sum(each.handed_over for each in self.listeners)
        listening = f"{count(len(self.listeners), 'listener')}, {kept} of them handed over"
        return f"{listening}; {count(len(self.leaking), 'descriptor')} would leak"
