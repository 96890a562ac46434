"""What the generator writes down: a record of fixed size for every request, and for every message of a long connection."""

from __future__ import annotations

import struct
from itertools import pairwise
from typing import TYPE_CHECKING

from msgspec import Struct

from gate.evidence.rehearsal import Loss

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

OK, REFUSED, RESET, CUT, STATUS, LATE, UNSENT = range(7)
KINDS = ("", "refused", "reset", "cut", "status", "late")
NEW, KEPT, SLOW, LONG = range(4)
ONS = ("new", "kept", "slow", "long")

_RECORD = struct.Struct("<dddBBH")
"""Due, begun and ended in seconds of CLOCK_MONOTONIC; on, outcome; the HTTP status or 0."""


class Record(Struct, frozen=True):
    """One request, or one message of a long connection."""

    due: float
    begun: float
    ended: float
    on: int
    outcome: int
    status: int

    def pack(self) -> bytes:
        """As it stands in the file."""
        return _RECORD.pack(self.due, self.begun, self.ended, self.on, self.outcome, self.status)


def read_records(path: Path, offset: int = 0) -> tuple[list[Record], int]:
    """The records from `offset` on, and the offset behind the last whole one."""
    try:
        with path.open("rb") as file:
            file.seek(offset)
            data = file.read()
    except FileNotFoundError:
        return [], offset
    whole = len(data) - len(data) % _RECORD.size
    return [Record(*fields) for fields in _RECORD.iter_unpack(data[:whole])], offset + whole


def is_loss(record: Record) -> bool:
    """Whether the service owed a good answer and did not give it; what was never sent is none."""
    return record.outcome not in (OK, UNSENT)


def losses(records: Iterable[Record], examples: dict[str, str]) -> tuple[Loss, ...]:
    """The losses among `records` by kind and connection, the most first."""
    counted: dict[tuple[int, int], int] = {}
    for record in records:
        if is_loss(record):
            key = (record.outcome, record.on)
            counted[key] = counted.get(key, 0) + 1
    return tuple(
        Loss(KINDS[outcome], ONS[on], number, examples.get(f"{outcome} {on}", ""))  # type: ignore[arg-type]
        for (outcome, on), number in sorted(counted.items(), key=lambda item: -item[1])
    )


def within(records: Iterable[Record], begin: float, end: float) -> Iterator[Record]:
    """The records of requests that were under way at some time from `begin` to `end`."""
    return (record for record in records if record.ended >= begin and record.begun <= end)


def longest_pause(records: Iterable[Record], begin: float, end: float) -> float:
    """The longest time, in seconds, from one good answer to the next, of those that touch the time from `begin` to `end`."""
    good = sorted(each.ended for each in records if each.outcome == OK and each.on != LONG)
    longest = 0.0
    for before, after in pairwise(good):
        if after >= begin and before <= end:
            longest = max(longest, after - before)
    return longest


def strip(records: Iterable[Record], begin: float, step: float, places: int) -> tuple[tuple[int, int], ...]:
    """(good, failed) answers in `places` steps from `begin` on."""
    counted = [[0, 0] for _ in range(places)]
    for record in records:
        at = int((record.ended - begin) // step)
        if 0 <= at < places and record.outcome != UNSENT:
            counted[at][is_loss(record)] += 1
    return tuple((good, failed) for good, failed in counted)
