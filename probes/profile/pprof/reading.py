"""The bytes of a profile -> `ProfileFacts`, every reference in it checked.

Source of the format: github.com/google/pprof, proto/profile.proto.
"""

from __future__ import annotations

import stat
from collections.abc import Iterable
from itertools import chain
from operator import attrgetter
from pathlib import Path

import numpy as np
from google.protobuf.message import DecodeError

from probes.errors import UnreadableFile
from probes.profile.facts import I32, I64, U64, MappedFile, ProfileFacts, SampleType
from probes.profile.pprof.decompress import HINT, MAX_BYTES, NotProfile, decompressed
from probes.profile.pprof.profile_pb2 import BulkProfile
from probes.profile.pprof.varints import Malformed, repeated_fields

MAX_STACK = 4096
"""Locations of one sample. Go keeps 64 of a CPU profile's, and up to 1,024 since 1.23 where asked to."""
MAX_TYPES = 16
MAX_PARTS = 1 << 22
LEAST = {"sample": 16, "location": 24, "function": 16, "mapping": 64, "string_table": 8}
"""Bytes that one of each has in a real profile, and more. Two bytes are enough for one, and an object for each is a hundred:
they are counted, and held against the largest profile that is read, before one is made."""
LEAST_LINE = 8
MAX_VALUE = 1 << 62
"""Of all samples together, so that no sum overflows."""
_LOCATION_ID, _VALUE = 1, 2  # of a Sample


def read_file(path: str, *, limit: int = MAX_BYTES) -> ProfileFacts:
    """The profile in the file at `path`.

    Raises:
        UnreadableFile: it cannot be opened, is no regular file, or is larger than `limit` bytes.
        NotProfile: its contents are none.
    """
    try:
        with Path(path).open("rb") as file:
            if not stat.S_ISREG(Path(path).stat().st_mode):
                raise UnreadableFile("not a regular file", subject=path, hint="pass a profile, or a directory of them")
            data = file.read(limit + 1)
    except OSError as exc:
        raise UnreadableFile(f"cannot read ({exc.strerror or exc})", subject=path) from exc
    if len(data) > limit:
        raise UnreadableFile(f"larger than {limit >> 20} MB", subject=path)
    return read(data, subject=path, limit=limit)


def read(data: bytes, *, subject: str, limit: int = MAX_BYTES) -> ProfileFacts:
    """The profile in `data`, gzip or not; `subject` names it in errors.

    Raises:
        NotProfile: it is something else, cut off, larger than `limit` bytes once decompressed, or contradicts itself.
    """
    raw = decompressed(data, subject=subject, limit=limit)
    message = BulkProfile()
    try:
        message.ParseFromString(raw)
    except DecodeError as exc:
        raise NotProfile("not a pprof profile, or cut off", subject=subject, hint=HINT) from exc
    try:
        return _facts(message, subject, limit)
    except Malformed as exc:
        raise NotProfile(f"not a usable profile: {exc}", subject=subject, hint=HINT) from exc


def _facts(message: BulkProfile, subject: str, limit: int) -> ProfileFacts:
    for name, least in LEAST.items():
        if (given := len(getattr(message, name))) > min(MAX_PARTS, limit // least):
            raise Malformed(f"it has {given:,} entries in `{name}`")
    strings = list(message.string_table)
    types = _sample_types(message, strings)
    functions = _Ids([each.id for each in message.function], "function")
    locations = _Ids(list(map(attrgetter("id"), message.location)), "location")
    mappings = _Ids([each.id for each in message.mapping], "mapping")
    lines = list(map(attrgetter("line"), message.location))
    line_offsets = _offsets(map(len, lines), len(lines))
    if line_offsets[-1] > min(MAX_PARTS, limit // LEAST_LINE):
        raise Malformed(f"its locations have {line_offsets[-1]:,} lines")
    (stack_offsets, ids), (value_offsets, values) = repeated_fields(list(message.sample), (_LOCATION_ID, _VALUE))
    width = np.diff(value_offsets)
    if bool((width != len(types)).any()):
        raise Malformed(f"a sample has {int(width[width != len(types)][0])} values for {len(types)} types")
    deepest = int(np.diff(stack_offsets).max(initial=0))
    if deepest > MAX_STACK:
        raise Malformed(f"a stack of {deepest:,} frames")
    table = values.view(np.int64).reshape(-1, len(types))
    if float(np.abs(table.astype(np.float64)).sum(axis=0).max(initial=0)) >= MAX_VALUE:
        raise Malformed("its values add up to more than any profile can hold")
    period_type = _value_type(message.period_type, strings) if message.HasField("period_type") else None
    return ProfileFacts(
        subject=subject,
        sample_types=types,
        values=table,
        stack_offsets=stack_offsets,
        stacks=locations.rows(ids),
        line_offsets=line_offsets,
        lines=functions.rows(_numbers(map(attrgetter("function_id"), chain.from_iterable(lines)))),
        addresses=_numbers(map(attrgetter("address"), message.location)),
        location_mapping=mappings.rows(_numbers(map(attrgetter("mapping_id"), message.location)), none=0),
        functions=tuple(_string(strings, each.name, "a function's name") for each in message.function),
        files=tuple(_string(strings, each.filename, "a file's name") for each in message.function),
        mappings=tuple(
            MappedFile(
                each.memory_start,
                each.memory_limit,
                each.file_offset,
                _string(strings, each.filename, "a mapping's file"),
                _string(strings, each.build_id, "a build id"),
            )
            for each in message.mapping
        ),
        period_type=period_type,
        period=max(0, message.period),
        time_nanos=max(message.time_nanos, 0),
        duration_nanos=max(message.duration_nanos, 0),
        default_type=_string(strings, message.default_sample_type, "the default sample type"),
    )


def _sample_types(message: BulkProfile, strings: list[str]) -> tuple[SampleType, ...]:
    if not message.sample_type:
        raise Malformed("it has no sample types")
    if len(message.sample_type) > MAX_TYPES:
        raise Malformed(f"it has {len(message.sample_type):,} sample types")
    if not strings or strings[0]:
        raise Malformed("its string table does not begin with the empty string")
    return tuple(_value_type(each, strings) for each in message.sample_type)


def _value_type(each: object, strings: list[str]) -> SampleType:
    name, unit = attrgetter("type", "unit")(each)
    return SampleType(_string(strings, name, "a sample type"), _string(strings, unit, "a unit"))


def _string(strings: list[str], index: int, what: str) -> str:
    if not 0 <= index < len(strings):
        raise Malformed(f"{what} is outside of its string table")
    return strings[index]


def _numbers(values: Iterable[int]) -> U64:
    return np.fromiter(values, dtype=np.uint64)


def _offsets(lengths: Iterable[int], count: int) -> I64:
    out = np.zeros(count + 1, dtype=np.int64)
    np.cumsum(np.fromiter(lengths, dtype=np.int64, count=count), out=out[1:])
    return out


class _Ids:
    """The ids of one table, which may be any numbers but 0, and the rows that they stand for."""

    def __init__(self, ids: list[int], what: str) -> None:
        self._what = what
        self._count = len(ids)
        given = np.array(ids, dtype=np.uint64)
        if bool((given == 0).any()):
            raise Malformed(f"a {what} has no id")
        self._order = np.argsort(given, kind="stable")
        self._sorted = given[self._order]
        if bool((self._sorted[1:] == self._sorted[:-1]).any()):
            raise Malformed(f"two {what}s share an id")
        self._table: I32 | None = None
        if ids and int(self._sorted[-1]) <= 4 * len(ids) + 1024:  # nearly all writers number from 1 on
            self._table = np.full(int(self._sorted[-1]) + 1, -1, dtype=np.int32)
            self._table[given.astype(np.int64)] = np.arange(len(ids), dtype=np.int32)

    def rows(self, ids: U64, *, none: int | None = None) -> I32:
        """The row of each id, int32; -1 for `none`, where an id may stand for nothing."""
        if none is None and self._table is not None and int(ids.max(initial=0)) < self._table.size:
            found = self._table[
                ids.view(np.int64)
            ]  # as in nearly every profile: a stack's numbers are not copied first
            if bool((found < 0).any()):
                raise Malformed(f"it refers to a {self._what} that is not there")
            return found
        missing = np.zeros(ids.size, dtype=np.bool_) if none is None else ids == none
        if self._table is not None:
            inside = ids < np.uint64(self._table.size)
            found = np.where(inside, self._table[np.where(inside, ids, np.uint64(0)).astype(np.int64)], np.int32(-1))
        elif self._count:
            at = np.minimum(np.searchsorted(self._sorted, ids), self._count - 1)
            found = np.where(self._sorted[at] == ids, self._order[at], -1)
        else:
            found = np.full(ids.size, -1)
        if bool(((found < 0) & ~missing).any()):
            raise Malformed(f"it refers to a {self._what} that is not there")
        return found.astype(np.int32)
