"""The audit log's hash chain: each record's hash covers the record and the hash before it. Pure.

A process that can write to the store can compute a whole new chain, or cut off its end: only a head that was exported before,
to a place that it cannot write to, tells. `verify` says which of the two kinds of proof it had.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING, Any

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

GENESIS = "0" * 64
"""What the first record has as the hash before it."""

FORMAT = "hotgate audit 1"
HEX = re.compile(r"[0-9a-f]{64}")
AT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", re.ASCII)


class Record(Struct, frozen=True):
    """One entry. `seq` counts from 1; `at` is UTC; `body` is canonical JSON; `prev` and `hash` are SHA-256 in hex."""

    seq: int
    at: str
    body: str
    prev: str
    hash: str


class Head(Struct, frozen=True):
    """The last record's number and hash; 0 and GENESIS of an empty log. Written `SEQ:HASH`."""

    seq: int
    hash: str

    def __str__(self) -> str:
        return f"{self.seq}:{self.hash}"


EMPTY = Head(0, GENESIS)


class Problem(Struct, frozen=True):
    """Something that is not as it was written. `seq` is where, or where it is missing."""

    seq: int
    what: str


def canonical(value: Any) -> str:
    """`value` as JSON with sorted keys, no blanks and ASCII only: the same value gives the same text."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def digest(seq: int, at: str, body: str, prev: str) -> str:
    """SHA-256 over the format's name and the four fields, one a line; only the last, the body, could hold anything."""
    return hashlib.sha256(f"{FORMAT}\n{seq}\n{at}\n{prev}\n{body}".encode("utf-8", "surrogatepass")).hexdigest()


def link(head: Head, at: str, body: str) -> Record:
    """The record that comes after `head`."""
    seq = head.seq + 1
    return Record(seq, at, body, head.hash, digest(seq, at, body, head.hash))


def parse_head(text: str) -> Head | None:
    """The head written as `SEQ:HASH`; None when it is not one."""
    seq, colon, found = text.strip().partition(":")
    if not (colon and seq.isascii() and seq.isdecimal() and len(seq) <= 18 and HEX.fullmatch(found)):
        return None
    return Head(int(seq), found)


def verify(records: Iterable[Record], stored: Head | None, exported: Iterable[Head] = ()) -> Iterator[Problem]:
    """Everything that is wrong, in the order of the log.

    Args:
        records: all records by number.
        stored: the head that the store keeps beside them; None when it is gone.
        exported: heads that were exported before: the log must still contain them.
    """
    wanted: dict[int, set[str]] = {}
    for head in exported:
        wanted.setdefault(head.seq, set()).add(head.hash)
    last = EMPTY
    seen: dict[int, str] = {0: GENESIS}
    for record in records:
        for what in _wrong(record, last):
            yield Problem(record.seq, what)
        if record.seq in wanted:
            seen[record.seq] = record.hash
        last = Head(record.seq, record.hash)
    if stored is None:
        yield Problem(last.seq, "the store's own head is gone")
    elif stored != last:
        what = "records after it are missing" if stored.seq > last.seq else "it is not the store's own head"
        yield Problem(last.seq, f"the log ends with record {last.seq}, and {what} ({stored.seq})")
    for seq, hashes in sorted(wanted.items()):
        if seq not in seen:
            gone = f"record {seq} was there when its head was exported"
            yield Problem(seq, f"the log ends with record {last.seq}, and {gone}")
        elif hashes != {seen[seq]}:
            yield Problem(seq, f"record {seq} is not the one whose head was exported")


def _wrong(record: Record, last: Head) -> Iterator[str]:
    """What is wrong with `record`, which comes after `last`."""
    expected = last.seq + 1
    if record.seq > expected:
        gap = f"{expected}" if record.seq == expected + 1 else f"{expected} to {record.seq - 1}"
        yield f"record {gap} is missing"
    elif record.seq < expected:
        yield f"record {record.seq} is out of order"
    if not AT.fullmatch(record.at):
        yield f"record {record.seq} has no time"
    if record.prev != last.hash:
        yield f"record {record.seq} does not follow the one before it"
    if digest(record.seq, record.at, record.body, record.prev) != record.hash:
        yield f"record {record.seq} was changed"
