"""Two sides of windows -> which functions cost more, and how much less could have been seen."""

from __future__ import annotations

from typing import Any

import numpy as np
from msgspec import structs

from probes.go.table.functions import package_of
from probes.profile.comparison.facts import SHOWN, DiffSettings, FunctionDiff, ProfileDiff, SideFigures
from probes.profile.comparison.similarity import overlap, rank_shift
from probes.profile.comparison.windows import Comparison, Side
from probes.profile.facts import F64


def diff(both: Comparison, settings: DiffSettings | None = None) -> ProfileDiff:
    """Compare both sides. With fewer than two windows a side there are figures and no tests."""
    settings = settings or DiffSettings()
    windows = both.base.counts.shape[1], both.new.counts.shape[1]
    sides = _figures(both.base), _figures(both.new)
    flats = both.flat(both.base.counts), both.flat(both.new.counts)
    wholes = both.cumulative(both.base.counts), both.cumulative(both.new.counts)
    problem = _problem(both, windows)
    shared: dict[str, Any] = {
        "kind": both.kind,
        "unit": both.unit,
        "base": sides[0],
        "new": sides[1],
        "settings": settings,
        "overlap": overlap(both),
        "rank_shift": rank_shift(flats[0].sum(axis=1), flats[1].sum(axis=1)),
    }
    if problem:
        functions = _plain(both, flats, wholes)
        return ProfileDiff(**shared, functions=functions, tested=0, detectable=(), problem=problem)
    from probes.profile.comparison.tested import tested  # noqa: PLC0415 - scipy, which two profiles have no use for

    return ProfileDiff(**shared, **structs.asdict(tested(both, flats, wholes, settings)))


def _problem(both: Comparison, windows: tuple[int, int]) -> str:
    for side, count in zip((both.base, both.new), windows, strict=True):
        if not side.counts.sum():
            return f"{side.label} has no samples"
        if count < 2:
            return f"{side.label} is one profile: how much such profiles differ by themselves is not known"
    return ""


def _figures(side: Side) -> SideFigures:
    samples, seconds = float(side.counts.sum()), float(side.seconds.sum())
    cost = samples * side.cost
    return SideFigures(
        side.label,
        side.counts.shape[1],
        samples,
        seconds,
        cost,
        cost / seconds if seconds > 0 else None,
        cost / side.requests if side.requests else None,
    )


def _plain(both: Comparison, flats: tuple[F64, F64], wholes: tuple[F64, F64]) -> tuple[FunctionDiff, ...]:
    """The largest functions, without tests."""
    totals = [max(float(side.counts.sum()), 1.0) for side in (both.base, both.new)]
    own = [side.sum(axis=1) / total for side, total in zip(flats, totals, strict=True)]
    held = [side.sum(axis=1) / total for side, total in zip(wholes, totals, strict=True)]
    rows = np.argsort(-np.abs(own[1] - own[0]) - 1e-3 * (own[0] + own[1]), kind="stable")[:SHOWN]
    return tuple(
        FunctionDiff(
            both.names[row],
            package_of(both.names[row]),
            "same",
            "flat",
            float(own[0][row]),
            float(own[1][row]),
            float(held[0][row]),
            float(held[1][row]),
            (0.0, 1.0),
            (0.0, 1.0),
            float(own[1][row] / own[0][row] - 1) if own[0][row] > 0 else None,
            1.0,
        )
        for row in rows.tolist()
        if own[0][row] or own[1][row]
    )
