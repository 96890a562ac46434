"""What a profile says of the functions of a binary, and whether the numbers of a process keep growing."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct


class HeatFacts(Struct, frozen=True):
    """Shares of a profile. `flat`, `cumulative`: of each identity, 0 to 1; `samples`: what they are shares of.

    `weights`: the functions of each stack and its share, so that several functions together can be weighed.
    """

    source: str
    kind: str
    samples: float
    build_id: str
    flat: dict[str, float]
    cumulative: dict[str, float]
    weights: tuple[tuple[frozenset[str], float], ...]

    def together(self, names: Iterable[str]) -> float:
        """The share of the samples that have any of `names`, which are identities, in their stack."""
        wanted = set(names)
        return sum(weight for members, weight in self.weights if not wanted.isdisjoint(members))


class RenamedSamples(Struct, frozen=True):
    """Samples whose own address another function has in NEW. `share`: of those whose address is in OLD's text."""

    source: str
    share: float
    samples: float
    kept_apart: bool
    """The two build ids differ, so that comparing them shows that NEW is not the program that was profiled."""


class GrowthFacts(Struct, frozen=True):
    """One figure of several profiles in the order of time: goroutines, or bytes in use.

    `slope`: of its median line (Theil and Sen), as a part of its median in an hour; `p`: one-sided, that it grows
    (Mann and Kendall). `first`, `last`: its values at the ends.
    """

    what: str
    unit: str
    source: str
    profiles: int
    hours: float
    first: float
    last: float
    slope: float
    p: float
