"""Whether a file is as the go command wrote it: the last part of Go's build ID is a hash of the file.

The go command links with a placeholder, hashes the file with every occurrence of the build ID zeroed, and puts the hash in:
base64url of the first 15 bytes of its SHA-256 (cmd/internal/buildid/rewrite.go and buildid.go, HashToString). From Go 1.24 on
the contents of the GNU build ID note are zeroed as well, which the linker derives from Go's. It is no signature: whoever
changes a file on purpose can put in the hash of the result.
"""

from __future__ import annotations

import base64
import hashlib
import re
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from probes.elf.headers import Elf

Integrity = Literal["intact", "changed", "unknown"]
INTACT: Final = "intact"
CHANGED: Final = "changed"
UNKNOWN: Final = "unknown"
"""As the go command wrote it; changed afterwards; nothing to tell it by."""

CONTENT = re.compile(r"[A-Za-z0-9_-]{20}")
"""Base64url of 15 bytes."""
MAX_PLACES = 1 << 10
"""Occurrences of the build ID; a program has it two or three times."""
NOTE_HEADER = 16
"""Bytes of the note's three words and its name, `GNU\\0`."""


def read_integrity(buffer: bytearray, elf: Elf, build_id: str | None) -> Integrity:
    """`INTACT`, `CHANGED` or `UNKNOWN`, for the bytes of a file as they were read (without relocations)."""
    wanted = (build_id or "").rpartition("/")[2]
    if build_id is None or not CONTENT.fullmatch(wanted):
        return UNKNOWN
    places = _places(buffer, build_id.encode())
    if places is None:
        return UNKNOWN
    note = elf.section(".note.gnu.build-id")
    if note is not None and note.size > NOTE_HEADER and note.offset + note.size <= len(buffer):
        # Go before 1.24 hashes the note as it is.
        zeroed = (note.offset + NOTE_HEADER, note.offset + note.size)
        if _digest(buffer, sorted([*places, zeroed])) == wanted:
            return INTACT
    return INTACT if _digest(buffer, places) == wanted else CHANGED


def _places(buffer: bytearray, build_id: bytes) -> list[tuple[int, int]] | None:
    """Where the build ID stands, in order; None when that is more often than any linker writes it."""
    found: list[tuple[int, int]] = []
    at = buffer.find(build_id)
    while at >= 0:
        if len(found) >= MAX_PLACES:
            return None
        found.append((at, at + len(build_id)))
        at = buffer.find(build_id, at + len(build_id))
    return found


def _digest(buffer: bytearray, zeroed: list[tuple[int, int]]) -> str:
    """The hash as the build ID has it, with zeros in place of the ranges `zeroed`, which are sorted."""
    digest = hashlib.sha256()
    view, position = memoryview(buffer), 0
    for start, end in zeroed:
        if start < position:
            continue
        digest.update(view[position:start])
        digest.update(bytes(end - start))
        position = end
    digest.update(view[position:])
    return base64.urlsafe_b64encode(digest.digest()[:15]).decode("ascii")
