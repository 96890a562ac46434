"""The embedded files of one binary, for `hotgate inspect`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from probes.go.facts import BinaryFacts


class EmbeddedLine(Struct, frozen=True):
    """One file: its path in the embed.FS, the variable that holds it (null in a stripped program), bytes, SHA-256."""

    path: str
    variable: str | None
    bytes: int
    sha256: str


class EmbeddedPart(Struct, frozen=True):
    """The files that `//go:embed` put into embed.FS values; those in strings and byte slices have no path in a program."""

    total: int
    bytes: int
    files: list[EmbeddedLine]


def embedded_part(facts: BinaryFacts) -> tuple[EmbeddedPart | None, str | None]:
    """The embedded files, or why they cannot be read."""
    from probes.errors import MalformedTable
    from probes.go.embedded_files import digest, read_embedded

    try:
        found = [file for each in read_embedded(facts.image, facts.symtab) for file in each.files]
        lines = [EmbeddedLine(f.path, f.variable or None, f.size, digest(facts.image, f)) for f in found]
    except MalformedTable as exc:
        return None, exc.what
    return EmbeddedPart(len(lines), sum(each.bytes for each in lines), lines), None
