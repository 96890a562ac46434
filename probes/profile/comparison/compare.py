"""Two sides of windows -> which functions cost more, and how much less could have been seen."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import special

from probes.go.table.functions import package_of
from probes.profile.comparison.facts import Change, DiffSettings, FunctionDiff, ProfileDiff, SideFigures
from probes.profile.comparison.hypotheses import FLAT_PART, Family, flat_family, pooled, whole_family
from probes.profile.comparison.shifted_cost import Explainer, went_away
from probes.profile.comparison.similarity import overlap, rank_shift
from probes.profile.comparison.statistics import F64, Bools, Estimate, Shares, detectable
from probes.profile.comparison.windows import Comparison, Side

SHOWN = 40
"""Functions that are reported, beyond those that changed."""
EXPLAINED = 60
SHARES = (0.01, 0.05, 0.2)
"""Shares for which the least detectable growth is reported."""


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
    changed, flat = flat_family(both, flats, settings)
    whole = whole_family(both, wholes, flats, changed, settings)
    functions = _functions(both, flat, whole, changed, settings)
    tested = int(flat.tested.sum())
    level = settings.rate * FLAT_PART / max(tested, 1)
    error, freedom = _typical(flat, len(both.names))
    stable = ~changed[both.leaves]
    return ProfileDiff(
        **shared,
        functions=functions,
        tested=tested + int(whole.tested.sum()),
        detectable=tuple(
            (share, detectable(share, error, level, freedom)) for share in sorted({*SHARES, settings.detect_share})
        ),
        unchanged=float(both.base.counts[stable].sum() / both.base.counts.sum()),
        per_request=_per_request(both.base, both.new),
    )


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


def _functions(
    both: Comparison, flat: Family, whole: Family, changed: Bools, settings: DiffSettings
) -> tuple[FunctionDiff, ...]:
    out: dict[int, tuple[Change, bool, str]] = {}
    for family, is_whole in ((flat, False), (whole, True)):
        enough = _enough(family.shares, settings)
        explainer = Explainer(both, family.shares, family.grown, changed, whole=is_whole)
        rows = np.flatnonzero(family.grown & enough)
        for row in rows[np.argsort(family.shares.grown[rows], kind="stable")].tolist():
            if row in out or (is_whole and _inherited(both, row, out)):
                continue
            if went_away(*(each[row] for pair in zip(family.counts, family.of, strict=True) for each in pair)):
                out[row] = "went-away", is_whole, "its last windows are back to what they were"
            elif len(out) < EXPLAINED and (reason := explainer.shift(row)):
                out[row] = "shifted", is_whole, reason
            else:
                out[row] = "grown", is_whole, ""
    for row in np.flatnonzero(flat.shrunk).tolist():  # what shrank cumulatively are its callers
        out.setdefault(row, ("shrunk", False, ""))
    largest = np.argsort(-pooled(flat.counts, both), kind="stable")[:SHOWN]
    for row in largest.tolist():
        if flat.counts[0][row].any() or flat.counts[1][row].any():
            out.setdefault(row, ("same", False, ""))
    rank = {"grown": 0, "went-away": 1, "shifted": 2, "shrunk": 3, "same": 4}
    ordered = sorted(out, key=lambda row: (rank[out[row][0]], -_size(flat, whole, row)))
    return tuple(_function(both, flat, whole, row, *out[row]) for row in ordered)


def _inherited(both: Comparison, row: int, out: dict[int, tuple[Change, bool, str]]) -> bool:
    """Whether the growth of the stacks with `row` is that of functions below it that are reported already."""
    mine = both.holding(row)
    told = np.zeros_like(mine)
    for other, (change, is_whole, _) in out.items():
        if change in ("grown", "shifted", "went-away") and other != row:
            told |= both.holding(other) if is_whole else both.leaves == other
    shares = [(side.counts.sum(axis=1) / side.counts.sum()) for side in (both.base, both.new)]
    grown = float(shares[1][mine].sum() - shares[0][mine].sum())
    below = float(shares[1][mine & told].sum() - shares[0][mine & told].sum())
    return below >= 0.5 * grown


def _enough(shares: Shares, settings: DiffSettings) -> Bools:
    """Which grew by what is worth telling."""
    base, new = shares.base.share, shares.new.share
    return np.asarray((new >= base * (1 + settings.min_growth)) & (new - base >= settings.min_points))


def _size(flat: Family, whole: Family, row: int) -> float:
    own = flat.shares.new.share[row] - flat.shares.base.share[row]
    return float(max(abs(own), flat.shares.new.share[row] * 1e-3, abs(whole.shares.new.share[row] * 1e-6)))


def _function(  # noqa: PLR0913, PLR0917 - one row of the table
    both: Comparison, flat: Family, whole: Family, row: int, change: Change, is_whole: bool, reason: str
) -> FunctionDiff:
    family = whole if is_whole else flat
    shares = family.shares
    before, after = float(shares.base.share[row]), float(shares.new.share[row])
    return FunctionDiff(
        both.names[row],
        package_of(both.names[row]),
        change,
        "cumulative" if is_whole else "flat",
        _share(flat.counts[0], row, both.base),
        _share(flat.counts[1], row, both.new),
        _share(whole.counts[0], row, both.base),
        _share(whole.counts[1], row, both.new),
        _interval(_share(family.counts[0], row, both.base), shares.base, row),
        _interval(_share(family.counts[1], row, both.new), shares.new, row),
        _odds(after) / _odds(before) - 1 if before > 0 else None,
        float(min(shares.grown[row], shares.shrunk[row])),
        reason,
    )


def _share(counts: F64, row: int, side: Side) -> float:
    return float(counts[row].sum() / side.counts.sum())


def _odds(share: float) -> float:
    return share / max(1 - share, 1e-12)


def _interval(share: float, side: Estimate, row: int) -> tuple[float, float]:
    """Around `share`, with 95%, on the arcsine scale, where it is symmetric."""
    angle = float(np.arcsin(np.sqrt(share)))
    reach = float(special.stdtrit(side.freedom[row], 0.975) * np.sqrt(side.variance[row]))
    low, high = max(angle - reach, 0.0), min(angle + reach, np.pi / 2)
    return float(np.sin(low) ** 2), float(np.sin(high) ** 2)


def _typical(family: Family, count: int) -> tuple[float, float]:
    """The median error of the tested functions, and its degrees of freedom."""
    rows = np.flatnonzero(family.tested) if family.tested.any() else np.arange(count)
    return float(np.median(family.shares.error[rows])), float(np.median(family.shares.freedom[rows]))


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


def _per_request(base: Side, new: Side) -> tuple[float, float, float] | None:
    """Growth of the cost of one request, and its 95% interval: windows are replicates of cost per second."""
    if not base.requests or not new.requests:
        return None
    logs = []
    for side in (base, new):
        rate = side.totals[side.seconds > 0] * side.cost / side.seconds[side.seconds > 0]
        rate = np.log(rate[rate > 0])
        if rate.size < 2:
            return None
        logs.append((rate.var(ddof=1) / rate.size, rate.size - 1))
    growth = np.log(new.totals.sum() * new.cost / new.requests) - np.log(base.totals.sum() * base.cost / base.requests)
    variance = logs[0][0] + logs[1][0]
    if variance <= 0:
        reach = 0.0
    else:
        freedom = variance**2 / sum(part**2 / degrees for part, degrees in logs)
        reach = float(special.stdtrit(freedom, 0.975) * np.sqrt(variance))
    return float(np.expm1(growth)), float(np.expm1(growth - reach)), float(np.expm1(growth + reach))
