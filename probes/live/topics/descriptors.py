"""Listeners, and descriptors that exec would leave open."""

from __future__ import annotations

from msgspec import Struct

from probes.wording import count


class Listening(Struct, frozen=True):
    """A listening socket.

    Attributes:
        fd: a descriptor of it.
        address: such as `tcp 127.0.0.1:8080`.
        close_on_exec: whether all of its descriptors are.
        handed_over: the service has declared that it passes it on.
        copies: its descriptors in the process; a restart library that keeps one of its own has two.
        shared: the process's parent has it open, too.
        passed: it is one that the service manager passed when it started the process.
    """

    fd: int
    address: str
    close_on_exec: bool
    handed_over: bool
    copies: int = 1
    shared: bool = False
    passed: bool = False


class DescriptorFacts(Struct, frozen=True):
    """Open descriptors. `leaking`: (number, target) of those that exec leaves open without a hand-over.

    `complete`: all listeners are known, which only `/proc` can say.
    """

    source: str
    listeners: tuple[Listening, ...]
    leaking: tuple[tuple[int, str], ...]
    complete: bool
    limit: int | None = None
    locks: tuple[tuple[int, str], ...] = ()
    """(number, target) of files that the process has locked for itself alone."""

    def summary(self) -> str:
        """What it comes to, in words."""
        kept = sum(each.handed_over for each in self.listeners)
        twice = sum((each.copies > 1 or each.shared or each.passed) and not each.handed_over for each in self.listeners)
        listening = f"{count(len(self.listeners), 'listener')}, {kept} of them handed over"
        listening += f", {twice} open twice" if twice else ""
        return f"{listening}; {count(len(self.leaking), 'descriptor')} would leak"
