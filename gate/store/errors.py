"""What can be wrong with a store, in one line each."""

from __future__ import annotations

from typing import Literal

Kind = Literal[
    "full",
    "locked",
    "read-only",
    "corrupt",
    "unreachable",
    "missing",
    "denied",
    "outdated",
    "newer",
    "setting",
    "refused",
    "constraint",
    "other",
]


class StoreError(Exception):
    """The store cannot be used, or did not keep what it was given.

    Attributes:
        kind: what is wrong, for programs.
        subject: the store, without a password.
        hint: what the person can do next.
    """

    def __init__(self, kind: Kind, what: str, *, subject: str = "", hint: str = "") -> None:
        super().__init__(f"{what}: {subject}" if subject else what)
        self.kind = kind
        self.subject = subject
        self.hint = hint
