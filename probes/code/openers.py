"""Who opens listening sockets in a program that a restart library renews."""

from __future__ import annotations

from probes.code.program import NoCode, Program
from probes.go.facts import BinaryFacts
from probes.go.restarts import library_of

OPENERS = (
    "net.Listen",
    "net.(*ListenConfig).Listen",
    "net.ListenTCP",
    "net.ListenUnix",
    "crypto/tls.Listen",
    "net/http.ListenAndServe",
    "net/http.ListenAndServeTLS",
    "net/http.(*Server).ListenAndServe",
    "net/http.(*Server).ListenAndServeTLS",
)
"""Functions of the standard library that open a listening socket."""

_BETWEEN = ("net.", "net/http.", "crypto/tls.")
"""Packages of the standard library whose functions call these for somebody else."""


def openers(facts: BinaryFacts, entries: tuple[str, ...]) -> tuple[str, ...] | None:
    """The functions that open listening sockets and are not of the restart libraries of `entries`, by name.

    None where the program's code cannot be looked into. What is called through a value or an interface is not seen.
    """
    try:
        program = Program(facts)
    except NoCode:
        return None
    libraries = tuple(each[: each.find(library_of(each)) + len(library_of(each))] for each in entries)
    found = {program.name(row) for row in program.callers(program.entries(*OPENERS))}
    return tuple(sorted(name for name in found if not name.startswith((*_BETWEEN, *libraries))))
