"""Hand-made facts of profiles for the rules' own samples and for the tests: all is well, and tweaks to it."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from gate.evidence.profiles import ProfileEvidence
from gate.rules.samples.binaries import Case
from probes.profile.comparison.facts import DiffSettings, FunctionDiff, ProfileDiff, SideFigures
from probes.profile.heartbeat.facts import ContinuityFacts, Deduction, HandOver
from probes.profile.heat_facts import GrowthFacts, HeatFacts, RenamedSamples

WHOLE = ContinuityFacts(100.0, 20, 120.0, 120.0, 60.0, 6.0, 0)
GAP = Deduction("gap", 7, 1_770_000_420.0, 12.0, 15.0, "nothing for 180 s after window 7")
HAND_OVER = HandOver(2, 1_770_000_600.0, 3.0, 105.0, explained=True)
HEAT = HeatFacts(
    "windows",
    "cpu",
    12_000,
    "old/build/id",
    {"main.serve": 0.05, "main.rate": 0.23, "main.total": 0.72},
    {"main.serve": 1.0, "main.rate": 0.23, "main.total": 0.72},
    (
        (frozenset({"main.serve", "main.total"}), 0.72),
        (frozenset({"main.serve", "main.rate"}), 0.23),
        (frozenset({"main.serve"}), 0.05),
    ),
)
ADDRESSES = RenamedSamples("windows", 0.0, 11_900.0, kept_apart=True)
GROWTH = GrowthFacts("goroutine", "goroutines", "windows", 20, 0.3, 112, 113, 0.001, 0.4)


def function(name: str = "main.rate", **changes: Any) -> FunctionDiff:
    """A function that doubled."""
    found = FunctionDiff(
        name,
        name.rpartition(".")[0],
        "grown",
        "flat",
        0.05,
        0.095,
        0.05,
        0.095,
        (0.046, 0.054),
        (0.089, 0.101),
        0.99,
        1e-9,
    )
    return replace(found, **changes)


_SIDE = SideFigures("BASE", 20, 12_000, 120.0, 1.2e11, 1e9, None)
SAME = ProfileDiff(
    "cpu",
    "nanoseconds",
    _SIDE,
    replace(_SIDE, label="NEW"),
    DiffSettings(),
    (function("main.total", change="same", base_flat=0.72, new_flat=0.72, growth=0.0, p=0.4),),
    40,
    ((0.01, 0.73), (0.05, 0.29), (0.2, 0.13)),
    0.83,
    0.4,
)


def profiled(**parts: Any) -> Case:
    """A comparison with profiles that show nothing, but for `parts`."""
    found = ProfileEvidence("windows", WHOLE, HEAT, ADDRESSES, GROWTH, SAME)
    return Case(profile=replace(found, **parts))
