"""The bytes of a profile -> a `Profile` message whose references hold.

Source of the format: github.com/google/pprof, proto/profile.proto and profile/encode.go; Go's own, runtime/pprof.
"""

from __future__ import annotations

import zlib

from google.protobuf.message import DecodeError

from probes.errors import ProbeError
from probes.profile.profile_pb2 import Profile

MAX_BYTES = 256 << 20
"""Of a profile once decompressed."""
MAX_STACK = 4096
"""Frames of one sample. Go keeps 64 of a CPU profile's, and up to 1,024 since 1.23 where asked to."""
_GZIP = b"\x1f\x8b"
_GZIP_WBITS = 31
_PIECE = 1 << 20


class NotProfile(ProbeError):
    """What should be a pprof profile is something else, or damaged."""


def parse(data: bytes, *, subject: str, limit: int = MAX_BYTES) -> Profile:
    """The profile in `data`, gzip or not.

    Raises:
        NotProfile: it is something else (an HTML page, text), truncated, larger than `limit` once decompressed, or its
            parts refer to parts that are not there.
    """
    if not data:
        raise NotProfile("an empty answer, not a profile", subject=subject, hint=_HINT)
    raw = _gunzip(data, subject, limit) if data.startswith(_GZIP) else data
    if raw[:512].lstrip()[:1] == b"<":
        raise NotProfile("an HTML page, not a profile", subject=subject, hint=_HINT)
    if len(raw) > limit:
        raise NotProfile(f"larger than {limit >> 20} MB", subject=subject)
    profile = Profile()
    try:
        profile.ParseFromString(raw)
    except DecodeError as exc:
        raise NotProfile("not a pprof profile, or cut off", subject=subject, hint=_HINT) from exc
    fault = _fault(profile)
    if fault:
        raise NotProfile(f"not a usable profile: {fault}", subject=subject, hint=_HINT)
    return profile


_HINT = "is this the pprof endpoint, or a file that it gave?"


def _gunzip(data: bytes, subject: str, limit: int) -> bytes:
    """Decompress members one after the other, as gzip files may have several; never more than `limit` bytes."""
    out = bytearray()
    rest = data
    while rest.startswith(_GZIP):
        stream = zlib.decompressobj(_GZIP_WBITS)
        try:
            while not stream.eof:
                piece = stream.decompress(rest, _PIECE)
                out += piece
                if len(out) > limit:
                    raise NotProfile(f"decompresses to more than {limit >> 20} MB", subject=subject)
                rest = stream.unconsumed_tail
                if not piece and not rest and not stream.eof:
                    raise NotProfile("a profile that is cut off: its gzip data ends too early", subject=subject)
        except zlib.error as exc:
            raise NotProfile("damaged gzip data", subject=subject) from exc
        rest = stream.unused_data
    return bytes(out)


def _fault(profile: Profile) -> str:
    """What about the message does not hold together; "" when all does."""
    strings = len(profile.string_table)
    if not profile.sample_type:
        return "it has no sample types"
    if not strings or profile.string_table[0]:
        return "its string table does not begin with the empty string"
    if any(not (0 <= v.type < strings and 0 <= v.unit < strings) for v in profile.sample_type):
        return "a sample type has no name"
    return _fault_of_tables(profile, strings) or _fault_of_samples(profile)


def _fault_of_tables(profile: Profile, strings: int) -> str:
    functions = {function.id for function in profile.function}
    if len(functions) != len(profile.function) or 0 in functions:
        return "two functions share an id"
    if any(not 0 <= function.name < strings for function in profile.function):
        return "a function has no name in the string table"
    if any(line.function_id not in functions for location in profile.location for line in location.line):
        return "a location is in a function that is not there"
    return ""


def _fault_of_samples(profile: Profile) -> str:
    locations = {location.id for location in profile.location}
    if len(locations) != len(profile.location) or 0 in locations:
        return "two locations share an id"
    width = len(profile.sample_type)
    for sample in profile.sample:
        if len(sample.value) != width:
            return f"a sample has {len(sample.value)} values for {width} types"
        if len(sample.location_id) > MAX_STACK:
            return f"a stack of {len(sample.location_id)} frames"
        if not locations.issuperset(sample.location_id):
            return "a sample is at a location that is not there"
    return ""


def total(profile: Profile, column: int = 0) -> int:
    """The sum of one of its values over all samples."""
    return sum(sample.value[column] for sample in profile.sample)


def build_id(profile: Profile) -> str:
    """The build id of its first mapping, which Go's own profiles name the program by; "" without one."""
    if not profile.mapping or not 0 <= profile.mapping[0].build_id < len(profile.string_table):
        return ""
    return profile.string_table[profile.mapping[0].build_id]
