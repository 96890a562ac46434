"""Hand-made facts of rehearsals for the rules' own samples and for the tests: all goes well, and tweaks to it."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from gate.evidence.rehearsal import (
    Drill,
    Footprint,
    LoadFigures,
    Loss,
    PastRehearsal,
    RehearsalFacts,
    Timeline,
    Update,
    Way,
)
from gate.rules.samples.binaries import Case

LEFT = Footprint(9, 14_000_000, 9, 1, 2, 14)
LINE = Timeline(100.0, 600.0, ((20, 0), (21, 0), (19, 0), (20, 0), (20, 0), (20, 0), (18, 0), (0, 0), (41, 0), (20, 0)))
LOST = (Loss("reset", "kept", 3, "closed before the answer"), Loss("refused", "new", 2, "Connection refused"))


def update(number: int = 1, **changes: Any) -> Update:
    """An update in place that lost nothing: forward by an odd number, back by an even one."""
    way: Way = "forward" if number % 2 else "back"
    found = Update(number, way, "taken-over", "", 180.0, 120.0, 210.0, 320, (), LINE, 4242, "new/build/id", LEFT)
    return replace(found, **changes)


DRILLS = (
    Drill("crash", "held", "the old image serves on, and takes the next image", 7.0),
    Drill("hang", "held", "the old image serves on, and takes the next image", 16.0),
)
LOAD = LoadFigures(200, 4000, 0, 0.004, 18.0, 600, (), 0, 0)
WELL = RehearsalFacts(
    "own user, mount, PID and network namespaces",
    "SIGUSR2, asked at 127.0.0.1:18080/healthz",
    "c" * 64,
    2,
    (update(1), update(2)),
    DRILLS,
    (),
    1,
    (),
    1,
    (),
    LOAD,
    (),
    (),
    61.5,
    5000.0,
)
PAST = PastRehearsal("a" * 64, "b" * 64, "pass", 3.5, 31.0, seq=12)


def rehearsed(**parts: Any) -> Case:
    """A rehearsal in which all went well, but for `parts`."""
    return Case(rehearsal=replace(WELL, **parts))
