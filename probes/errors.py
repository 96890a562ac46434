"""The errors that reading can end in.

Each says what went wrong, about which file, and what to do next, because the command line prints it as
`error: <what>: <subject>` and `hint: <next>` and nothing else.
"""

from __future__ import annotations


class ProbeError(Exception):
    """Something that was to be read could not be.

    Attributes:
        what: the failure in a few words, no trailing full stop.
        subject: the file, process or address it is about.
        offset: where in the file, in bytes, when that is known.
        hint: what the person can do next; empty when there is nothing to say.
    """

    def __init__(self, what: str, *, subject: str = "", offset: int | None = None, hint: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.subject = subject
        self.offset = offset
        self.hint = hint

    def __str__(self) -> str:
        where = f" at offset {self.offset:#x}" if self.offset is not None else ""
        return f"{self.what}{where}: {self.subject}" if self.subject else f"{self.what}{where}"


class UnreadableFile(ProbeError):
    """The path cannot be opened or read: missing, a directory, no permission, too large."""


class NotElf(ProbeError):
    """The file is not a 64-bit little-endian ELF file for a supported machine."""


class NotGo(ProbeError):
    """A well-formed ELF file without any trace of the Go toolchain."""


class MalformedElf(ProbeError):
    """ELF headers, sections or segments that contradict each other or the file's size."""


class MalformedTable(ProbeError):
    """A Go table (pclntab, module data, build info) that leads outside of its bounds."""
