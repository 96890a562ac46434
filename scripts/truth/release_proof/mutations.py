"""Damaged deltas: every one is refused, in a bounded time and memory, and nothing gets the image's name.

A delta is signed, and a host applies none whose digest is another; here the damage is done behind that, as a repository's owner who is
hostile or mad could.
"""

from __future__ import annotations

import hashlib
import random
import resource
import struct
import sys
import time
from typing import TYPE_CHECKING

from gate.release.delta.container import apply_delta, wrap
from gate.release.delta.making import maker
from gate.release.errors import ReleaseError
from scripts.truth.release_proof._scene import images

if TYPE_CHECKING:
    from gate.release.description import Method

SEED = 18
_HEAD = struct.Struct("<BII")
_STORED = 0
"""A part that is not compressed; see gate/release/delta/streams.py."""

HEAD = 96
"""Bytes of a delta file before its payload."""


def parts(payload: bytes) -> list[bytes]:
    """The parts of a payload, unpacked."""
    from gate.release.delta.streams import Reader  # noqa: PLC0415 - beside the proof of it

    reader, found, at = Reader(payload), [], 0
    while at < len(payload):
        _, size, packed = _HEAD.unpack_from(payload, at)
        found.append(reader.part(size))
        at += _HEAD.size + packed
    return found


def mutated(delta: bytes, unpacked: list[bytes], chance: random.Random) -> bytes:
    """`delta` with a damage: to the file as it is, or, more wicked, to what its parts hold once they are unpacked."""
    if chance.random() < 0.3:
        data = bytearray(delta)
        for _ in range(chance.choice((1, 1, 2, 8))):
            data[chance.randrange(len(data))] = chance.randrange(256)
        if chance.random() < 0.2:
            del data[chance.randrange(len(data)) :]
        return bytes(data)
    changed = list(unpacked)
    index = chance.choice([number for number, part in enumerate(changed) if part])
    part = bytearray(changed[index])
    how = chance.randrange(6)
    at = chance.randrange(len(part))
    if how == 0:
        part[at] ^= 1 << chance.randrange(8)
    elif how == 1:
        part[at : at + 1] = bytes(chance.randrange(256) for _ in range(chance.choice((2, 9, 40))))
    elif how == 2:
        del part[at : at + chance.choice((1, 5, 100))]
    elif how == 3:
        part[at : at + 9] = b"\xff\xff\xff\xff\xff\xff\xff\xff\x7f"
    elif how == 4:
        part[at : at + 1] = b"\xff" * 12
    else:
        other = changed[chance.randrange(len(changed))]
        part = bytearray(other + bytes(part))
    changed[index] = bytes(part)
    return delta[:HEAD] + b"".join(_HEAD.pack(_STORED, len(part), len(part)) + part for part in changed)


def try_mutations(count: int, methods: tuple[Method, ...] = ("go", "bsdiff", "zstd")) -> tuple[int, int, float, int]:
    """(refused, harmless: the same image came out, seconds that the slowest took, growth of the peak in MB).

    Raises:
        AssertionError: one made another image.
    """
    old, new = (path.read_bytes() for path in images(2))
    base, sha256 = (hashlib.sha256(data).hexdigest() for data in (old, new))
    chance = random.Random(SEED)  # noqa: S311 - the same ones every time
    deltas = [wrap(method, old, new, maker(method)(old, new)) for method in methods]
    known = [parts(delta[HEAD:]) for delta in deltas]
    for delta in deltas:
        if apply_delta(old, delta, base=base, sha256=sha256, size=len(new)) != new:
            raise AssertionError("a whole delta makes another image")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    refused = same = 0
    slowest = 0.0
    for _ in range(count):
        number = chance.choices(range(len(deltas)), weights=[4 if method == "go" else 1 for method in methods])[0]
        damaged = mutated(deltas[number], known[number], chance)
        started = time.process_time()
        try:
            made = apply_delta(old, damaged, base=base, sha256=sha256, size=len(new))
        except ReleaseError:
            refused += 1
        else:
            if made != new:
                raise AssertionError("a damaged delta makes another image")
            same += 1
        slowest = max(slowest, time.process_time() - started)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    return refused, same, slowest, grown // (1 << 10 if sys.platform == "linux" else 1 << 20)


def prove(*, quick: bool) -> bool:
    """2,000 damaged deltas."""
    count = 300 if quick else 2000
    try:
        refused, same, slowest, grown = try_mutations(count)
    except AssertionError as exc:
        print(f"   BROKEN {exc}")
        return False
    print(
        f"   {count} damaged deltas: {refused} refused, {same} whose damage changes nothing made the very image, none made another"
    )
    print(f"   the slowest took {slowest:.2f} s of CPU time; the peak of memory grew by {grown} MB")
    return refused + same == count and refused > count * 0.9
