"""The four roles of The Update Framework, how long they hold, and how many keys sign them.

theupdateframework.github.io/specification, section 4. How long a role holds is in its own metadata, as `x-hotgate-holds` in seconds, so that
whoever renews it needs no other file.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Literal

from msgspec import Struct

if TYPE_CHECKING:
    from tuf.api.metadata import Metadata, Root, Snapshot, Targets, Timestamp

    AnyMetadata = Metadata[Root] | Metadata[Targets] | Metadata[Snapshot] | Metadata[Timestamp]

Role = Literal["root", "targets", "snapshot", "timestamp"]
ROLES: tuple[Role, ...] = ("root", "targets", "snapshot", "timestamp")

DAY = 86_400
HOLDS: dict[Role, int] = {"root": 365 * DAY, "targets": 180 * DAY, "snapshot": 30 * DAY, "timestamp": 7 * DAY}
"""Seconds for which a role's metadata holds unless told otherwise."""

LEAST_SECONDS, MOST_SECONDS = 60, 10 * 365 * DAY
FIELD = "x-hotgate-holds"


class Quorum(Struct, frozen=True):
    """How many keys a role has, and how many of them have to sign."""

    threshold: int = 1
    keys: int = 1


def holds(metadata: AnyMetadata, role: Role) -> int:
    """Seconds for which `metadata` holds when it is signed anew."""
    found = metadata.signed.unrecognized_fields.get(FIELD)
    return found if isinstance(found, int) and LEAST_SECONDS <= found <= MOST_SECONDS else HOLDS[role]


def set_expiry(metadata: AnyMetadata, role: Role, seconds: int | None = None) -> None:
    """Have `metadata` hold from now on for `seconds`, or as long as it did."""
    period = seconds or holds(metadata, role)
    metadata.signed.unrecognized_fields[FIELD] = period
    metadata.signed.expires = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=period)


def left(metadata: AnyMetadata) -> float:
    """Seconds until `metadata` expires; negative once it has."""
    return (metadata.signed.expires - datetime.now(UTC)).total_seconds()


def span(seconds: float) -> str:
    """A time for people: in days, hours or minutes."""
    for unit, size in (("day", DAY), ("hour", 3600), ("minute", 60)):
        number = int(seconds // size)
        if number >= 1:
            return f"{number} {unit}{'s' if number > 1 else ''}"
    return "less than a minute"


def is_ending(metadata: AnyMetadata, role: Role) -> bool:
    """Whether less than a quarter of its time is left, 30 days at most."""
    return left(metadata) < min(holds(metadata, role) / 4, 30 * DAY)
