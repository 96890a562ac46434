"""System calls that programs can make."""

from __future__ import annotations

from msgspec import Struct


class SystemCallDrift(Struct, frozen=True):
    """System calls by name: those that only NEW can make, and only OLD, by its Go code.

    `foreign`: NEW has C code, whose system calls are not known. `problem`: why nothing is known, "" otherwise.
    """

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    foreign: bool = False
    problem: str = ""
