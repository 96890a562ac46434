"""Whether goroutines or memory keep growing over several profiles."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import special

from probes.profile.facts import ProfileFacts
from probes.profile.heat_facts import GrowthFacts

FEWEST = 5
COUNTED = {"goroutine": ("goroutine", "goroutines"), "heap": ("inuse_space", "bytes in use")}
MOST = 2000


def growth(profiles: Sequence[ProfileFacts], source: str) -> GrowthFacts | None:
    """The trend over `profiles` of one kind; None for fewer than five, another kind, or without times."""
    kept = sorted((each for each in profiles if each.kind in COUNTED and each.time_nanos), key=lambda p: p.time_nanos)[
        -MOST:
    ]
    if len(kept) < FEWEST or len({each.kind for each in kept}) != 1:
        return None
    column, unit = COUNTED[kept[0].kind]
    hours = np.array([each.time_nanos / 3.6e12 for each in kept])
    values = np.array([float(each.values[:, each.column(column)].sum()) for each in kept])
    later, earlier = np.tril_indices(len(kept), -1)
    apart = hours[later] - hours[earlier]
    if not bool((apart > 0).all()):
        return None
    rises = values[later] - values[earlier]
    slope = float(np.median(rises / apart))
    middle = max(float(np.median(values)), 1.0)
    return GrowthFacts(
        kept[0].kind, unit, source, len(kept), float(hours[-1] - hours[0]), float(values[0]), float(values[-1]),
        slope / middle, _kendall(rises, values),
    )  # fmt: skip


def _kendall(
    rises: np.ndarray[tuple[int], np.dtype[np.float64]], values: np.ndarray[tuple[int], np.dtype[np.float64]]
) -> float:
    """Mann and Kendall's test, one-sided, with the correction for ties."""
    n = values.size
    _, ties = np.unique(values, return_counts=True)
    variance = (n * (n - 1) * (2 * n + 5) - float((ties * (ties - 1) * (2 * ties + 5)).sum())) / 18
    score = float(np.sign(rises).sum())
    return float(special.ndtr(-(score - np.sign(score)) / np.sqrt(variance))) if variance > 0 else 1.0
