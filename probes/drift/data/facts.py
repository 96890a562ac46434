"""What differs between the data of two binaries."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

FileChangeKind = Literal["added", "removed", "changed"]


class DataChange(Struct, frozen=True):
    """A variable, or a part of one, that starts with another value.

    `name` is that of the variable, "" where none is known (stripped); `used_by`: functions of NEW that refer to it then,
    a few of them. `package`: an import path, or `C`. `path`: the part, such as `[2]`, `.Limits.Max` or `+16` (an offset in
    bytes), "" for the whole. `old` and `new`: the values as Go would write them, else bytes in hexadecimal.
    `text`: the values are texts; `old_digest`, `new_digest`: SHA-256 over the bytes that the values are made of, 64 hex
    digits; `old_size`, `new_size`: their number.
    """

    name: str
    package: str
    path: str
    old: str
    new: str
    text: bool
    old_size: int
    new_size: int
    old_digest: str
    new_digest: str
    used_by: tuple[str, ...] = ()


class EmbeddedChange(Struct, frozen=True):
    """An embedded file that differs. `variable` holds it, "" where that is not known (stripped).

    Sizes in bytes and digests (SHA-256, 64 hex digits) are None and "" on the side that does not have it. `diff`: lines as
    of `diff -u` without its head, where both are short texts.
    """

    path: str
    variable: str
    kind: FileChangeKind
    old_size: int | None
    new_size: int | None
    old_digest: str
    new_digest: str
    diff: tuple[str, ...] = ()


class UndecidedData(Struct, frozen=True):
    """A part of the data that could not be compared: what, and why."""

    subject: str
    package: str
    reason: str


class DataDrift(Struct, frozen=True):
    """Initial values of variables, and embedded files.

    `compared`: variables with an initial value on either side whose values were compared; in a stripped program, where
    none has a name, the pieces of data between places that code refers to. `bytes`: of OLD's initialised data, and
    `compared_bytes` of them compared. `files`: embedded files in NEW. `more`: changes beyond those listed.
    """

    compared: int
    bytes: int
    compared_bytes: int
    variables: tuple[DataChange, ...]
    files: int
    embedded: tuple[EmbeddedChange, ...]
    undecided: tuple[UndecidedData, ...]
    more: int = 0
