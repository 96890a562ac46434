"""One profile as arrays: what a pprof file says, without any reading of it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from msgspec import Struct

Bools = npt.NDArray[np.bool_]
F64 = npt.NDArray[np.float64]
I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]
U64 = npt.NDArray[np.uint64]


class SampleType(Struct, frozen=True):
    """What one value of each sample counts, such as `cpu` in `nanoseconds`."""

    type: str
    unit: str


class MappedFile(Struct, frozen=True):
    """A mapping of the profiled process: [start, limit) holds `file` from `offset` on; `build_id` "" where unknown."""

    start: int
    limit: int
    offset: int
    file: str
    build_id: str


class ProfileFacts(Struct, frozen=True):
    """A profile. S samples, T sample types, L locations, F functions.

    Attributes:
        subject: where it is from, for messages.
        sample_types: what the T columns of `values` are.
        values: int64, shape (S, T).
        stack_offsets: int64, shape (S + 1): sample i has `stacks[stack_offsets[i]:stack_offsets[i + 1]]`.
        stacks: int32 rows of locations, the leaf first.
        line_offsets: int64, shape (L + 1): location j has `lines[line_offsets[j]:line_offsets[j + 1]]`.
        lines: int32 rows of `functions`, the innermost inlined one first.
        addresses: uint64, shape (L).
        location_mapping: int32 rows of `mappings`, shape (L); -1 for none.
        functions: names as recorded; two functions of one name stay two.
        files: of each function.
        mappings: the mapped files; Go's own profiles begin with the program.
        period_type: what `period` counts; None where the profile does not say.
        period: between two samples, in the unit of `period_type`.
        time_nanos: start, in nanoseconds since 1970; 0 where unknown.
        duration_nanos: length; 0 for a snapshot.
        default_type: the sample type that viewers show; "" where the profile does not say.
    """

    subject: str
    sample_types: tuple[SampleType, ...]
    values: I64
    stack_offsets: I64
    stacks: I32
    line_offsets: I64
    lines: I32
    addresses: U64
    location_mapping: I32
    functions: tuple[str, ...]
    files: tuple[str, ...]
    mappings: tuple[MappedFile, ...]
    period_type: SampleType | None
    period: int
    time_nanos: int
    duration_nanos: int
    default_type: str

    def __len__(self) -> int:
        """The number of samples."""
        return len(self.values)

    @property
    def build_id(self) -> str:
        """The build id of the program; "" where the profile does not say."""
        return self.mappings[0].build_id if self.mappings else ""

    @property
    def kind(self) -> str:
        """What was profiled: `cpu`, `heap`, `allocs`, `goroutine`, `mutex`, `block`, `threadcreate`, or "" for another.

        The sample types are those of Go's runtime/pprof. Mutex and block profiles have the same ones (contentions and
        delay), and only the address that they were read from tells one from the other: both are `block` here.
        """
        types = [each.type for each in self.sample_types]
        for kind, wanted in _KINDS:
            if types[: len(wanted)] == list(wanted):
                return "allocs" if kind == "heap" and self.default_type == "alloc_space" else kind
        return ""

    def column(self, name: str = "") -> int:
        """The column of the sample type `name`; of the one that viewers show when empty.

        Raises:
            KeyError: there is no such sample type.
        """
        types = [each.type for each in self.sample_types]
        wanted = name or self.default_type
        if wanted in types:
            return types.index(wanted)
        if name:
            raise KeyError(name)
        return len(types) - 1


_KINDS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("cpu", ("samples", "cpu")),
    ("heap", ("alloc_objects", "alloc_space", "inuse_objects", "inuse_space")),
    ("goroutine", ("goroutine",)),
    ("block", ("contentions", "delay")),
    ("threadcreate", ("threadcreate",)),
)
"""Sample types by kind: runtime/pprof/pprof.go, proto.go and protomem.go."""
