"""Why a release cannot be made, found, trusted or assembled, in one line each."""

from __future__ import annotations

from typing import Literal

from probes.errors import ProbeError

Kind = Literal[
    "setting",  # what was asked for means nothing
    "unreachable",  # no repository there, or no answer
    "slow",  # an answer that takes too long for its size
    "too-large",  # more bytes than are signed or allowed
    "signature",  # not signed by enough trusted keys
    "rollback",  # older than what this host has seen
    "expired",  # valid once; frozen, or not renewed
    "mismatch",  # files that do not belong together
    "malformed",  # not metadata, not a description, not a delta
    "missing",  # no such release
    "clock",  # this host's clock went back
    "space",  # the disk
    "keys",  # keys that are away, or a passphrase that is not theirs
    "busy",  # another process is at it
    "other",
]


class ReleaseError(ProbeError):
    """A release cannot be made, found, trusted or assembled.

    Attributes:
        kind: what is wrong, for programs.
    """

    def __init__(self, kind: Kind, what: str, *, subject: str = "", hint: str = "") -> None:
        super().__init__(what, subject=subject, hint=hint)
        self.kind = kind
