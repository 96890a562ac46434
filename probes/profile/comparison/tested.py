"""Which functions of two sides of windows cost more, by tests, and how much less could have been seen."""

from __future__ import annotations

import numpy as np
from msgspec import Struct
from scipy import special

from probes.go.table.functions import package_of
from probes.profile.comparison.facts import SHOWN, Change, DiffSettings, FunctionDiff
from probes.profile.comparison.hypotheses import FLAT_PART, Family, flat_family, pooled, whole_family
from probes.profile.comparison.shifted_cost import Explainer, went_away
from probes.profile.comparison.statistics import Estimate, Shares, detectable
from probes.profile.comparison.windows import Comparison, Side
from probes.profile.facts import F64, Bools

EXPLAINED = 60
SHARES = (0.01, 0.05, 0.2)
"""Shares for which the least detectable growth is reported."""


class Tested(Struct, frozen=True):
    """The part of a `ProfileDiff` that needs windows on both sides, under the names that it has there."""

    functions: tuple[FunctionDiff, ...]
    tested: int
    detectable: tuple[tuple[float, float], ...]
    unchanged: float
    per_request: tuple[float, float, float] | None


def tested(both: Comparison, flats: tuple[F64, F64], wholes: tuple[F64, F64], settings: DiffSettings) -> Tested:
    """Test every function; `flats` and `wholes` are the counts of both sides, flat and cumulative, each (F, W)."""
    changed, flat = flat_family(both, flats, settings)
    whole = whole_family(both, wholes, flats, changed, settings)
    number = int(flat.tested.sum())
    level = settings.rate * FLAT_PART / max(number, 1)
    error, freedom = _typical(flat, len(both.names))
    stable = ~changed[both.leaves]
    return Tested(
        functions=_functions(both, flat, whole, changed, settings),
        tested=number + int(whole.tested.sum()),
        detectable=tuple(
            (share, detectable(share, error, level, freedom)) for share in sorted({*SHARES, settings.detect_share})
        ),
        unchanged=float(both.base.counts[stable].sum() / both.base.counts.sum()),
        per_request=_per_request(both.base, both.new),
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
