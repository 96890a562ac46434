"""What is read from code."""

from __future__ import annotations

from msgspec import Struct

REGISTER = "goprobe.(*Probe).RegisterState"
"""The end of the name of the method with which a program declares the state that it hands over."""


class RegisteredState(Struct, frozen=True):
    """One state: its name, the version with which it is written, and the versions that the program can read.

    `reads` may have versions that only another state of the program is read with; it is None where it is not known, because
    the program has a codec of its own, or computes versions.
    """

    name: str
    version: int
    reads: tuple[int, ...] | None
