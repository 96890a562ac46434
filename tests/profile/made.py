"""Profiles made by hand."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING

from probes.profile.pprof.profile_pb2 import Profile
from probes.profile.pprof.reading import read

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from probes.profile.facts import ProfileFacts

MS10 = 10_000_000


class Maker:
    """A profile that grows; `message` may be tampered with before `data`."""

    def __init__(self, types: Sequence[tuple[str, str]] = (("samples", "count"), ("cpu", "nanoseconds"))) -> None:
        self.message = Profile()
        self.strings = {"": 0}
        self.message.string_table.append("")
        for name, unit in types:
            self.message.sample_type.add(type=self.string(name), unit=self.string(unit))
        self.message.period_type.type = self.string(types[-1][0])
        self.message.period_type.unit = self.string(types[-1][1])
        self.message.period = MS10
        self.message.duration_nanos = 6_000_000_000
        self.message.time_nanos = 1_770_000_000_000_000_000
        self.functions: dict[str, int] = {}
        self.locations: dict[tuple[str, ...], int] = {}

    def string(self, text: str) -> int:
        if text not in self.strings:
            self.strings[text] = len(self.strings)
            self.message.string_table.append(text)
        return self.strings[text]

    def function(self, name: str) -> int:
        if name not in self.functions:
            self.functions[name] = len(self.functions) + 1
            self.message.function.add(id=self.functions[name], name=self.string(name), filename=self.string("a.go"))
        return self.functions[name]

    def location(self, names: tuple[str, ...]) -> int:
        """Frames at one address: the innermost first."""
        if names not in self.locations:
            self.locations[names] = len(self.locations) + 1
            location = self.message.location.add(id=self.locations[names], address=0x1000 * len(self.locations))
            for name in names:
                location.line.add(function_id=self.function(name), line=7)
        return self.locations[names]

    def sample(self, stack: Iterable[str], *values: int) -> None:
        """The leaf first; `a+b` is a inlined into b."""
        locations = [self.location(tuple(each.split("+"))) for each in stack]
        self.message.sample.add(location_id=locations, value=values)

    def data(self, *, zipped: bool = True) -> bytes:
        raw = self.message.SerializeToString()
        return gzip.compress(raw) if zipped else raw

    def facts(self) -> ProfileFacts:
        return read(self.data(), subject="made")


def cpu(stacks: dict[str, int], **fields: int) -> ProfileFacts:
    """A CPU profile: `leaf;caller;…` -> samples."""
    maker = Maker()
    for stack, count in stacks.items():
        maker.sample(stack.split(";"), count, count * MS10)
    for name, value in fields.items():
        setattr(maker.message, name, value)
    return maker.facts()
