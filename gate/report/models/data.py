"""The report's section of data that changed."""

from __future__ import annotations

from typing import Literal

from gate.report.models.base import Shape


class DataItem(Shape, frozen=True):
    """A variable, or a part of one, that starts with another value.

    `name` is null in a stripped program, where `used_by` names functions of NEW that refer to it. `path`: the part, such as
    `[2]`, `.Limits.Max` or `+16` (bytes); "" for the whole. `hidden`: `old` and `new` say length and digest only.
    """

    name: str | None
    package: str
    path: str
    used_by: list[str]
    old: str
    new: str
    hidden: bool


class EmbeddedItem(Shape, frozen=True):
    """An embedded file that differs. Sizes in bytes and SHA-256 are null on the side that does not have it.

    `variable`: the embed.FS that holds it, null in a stripped program. `diff`: lines as of `diff -u`, of short texts.
    """

    path: str
    variable: str | None
    change: Literal["added", "removed", "changed"]
    old_size: int | None
    new_size: int | None
    old_sha256: str | None
    new_sha256: str | None
    diff: list[str]


class UndecidedItem(Shape, frozen=True):
    """A part of the data that could not be compared, and why."""

    subject: str
    reason: str


class DataSection(Shape, frozen=True):
    """Initial values of variables, and embedded files.

    `compared`: variables with an initial value, in a stripped program pieces of data; `bytes` of OLD's, `compared_bytes` of
    them compared. `files`: embedded files in NEW. `more`: changes beyond those listed.
    """

    compared: int
    bytes: int
    compared_bytes: int
    variables: list[DataItem]
    files: int
    embedded: list[EmbeddedItem]
    undecided: list[UndecidedItem]
    more: int
