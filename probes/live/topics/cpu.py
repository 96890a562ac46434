"""CPU profiles of the running image that were there anyway. No topic: what they say depends on the binaries."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from probes.profile.facts import ProfileFacts


class CpuProfiles(Struct, frozen=True):
    """CPU profiles of the running image that were there anyway, oldest first.

    `missing`: why there is none, "" when there are. `notes`: what of them could not be had.
    """

    source: str
    profiles: tuple[ProfileFacts, ...]
    missing: str = ""
    notes: tuple[str, ...] = ()
