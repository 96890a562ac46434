"""The profile section in words, for every format for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gate.inflection import count

if TYPE_CHECKING:
    from gate.report.models.profiles import (
        ComparisonItem,
        ContinuityItem,
        FunctionShift,
        ProfileSection,
        ProfileSideItem,
    )

ROWS = 12
WORDS = {"grown": "grew", "shrunk": "shrank", "shifted": "moved", "went-away": "went away", "same": ""}
MARKS = {"grown": "▲", "shrunk": "▼", "shifted": "⇄", "went-away": "↩", "same": " "}


def profile_lines(section: ProfileSection) -> list[str]:
    """What there is to say, a line each, without the table of functions."""
    lines = []
    if section.continuity is not None:
        lines += _continuity(section.continuity)
    if section.heat is not None:
        hottest = ", ".join(f"{each.name} {each.flat:.1%}" for each in section.heat.functions[:5])
        where = f" ({section.heat.source})" if section.heat.source not in {"", section.source} else ""
        lines.append(f"hottest of {section.heat.samples:,.0f} {section.heat.kind} samples{where}: {hottest}")
    if section.growth is not None:
        lines.append(
            f"{section.growth.what}: {section.growth.first:,.0f} → {section.growth.last:,.0f} over "
            f"{count(section.growth.profiles, 'profile')}, {section.growth.slope:+.1%} an hour"
        )
    if section.comparison is not None:
        lines += _comparison(section.comparison)
    return lines + [f"note: {note}" for note in section.notes[:ROWS]]


def _continuity(item: ContinuityItem) -> list[str]:
    gave = f", {item.yields} gave way" if item.yields else ""
    lines = [
        (
            f"continuity {item.score:.1f} of 100: {item.covered_seconds:,.0f} of {item.expected_seconds:,.0f} s in "
            f"{count(item.windows, 'window')}{gave}"
        )
    ]
    lines += [f"-{each.points:.1f}  {each.detail}" for each in item.deductions[:ROWS]]
    for each in item.hand_overs[:ROWS]:
        lines.append(f"planned hand-over to generation {each.generation}: about {each.lost_samples:,.0f} samples lost")
    return lines


def _comparison(item: ComparisonItem) -> list[str]:
    lines = [side_words(side, item.unit) for side in (item.base, item.new)]
    if item.problem:
        return [*lines, f"not tested: {item.problem}"]
    least = ", ".join(
        f"{each.growth:+.0%} of a function with {each.share:.0%}"
        if each.growth is not None
        else f"nothing at {each.share:.0%}"
        for each in item.detectable
    )
    lines.append(f"{count(item.tested, 'share')} tested; growth that would have been found: {least}")
    lines.append(f"stacks in common {item.overlap:.0%}, hottest functions moved by {item.rank_shift:.1f} places")
    if item.per_request is not None:
        growth, low, high = item.per_request
        lines.append(f"cost per request {growth:+.1%} (95%: {low:+.1%} to {high:+.1%})")
    return lines


def side_words(side: ProfileSideItem, unit: str) -> str:
    """One side's figures."""
    words = f"{side.label}: {count(side.windows, 'window')}, {side.samples:,.0f} samples in {side.seconds:,.1f} s"
    if side.cost_per_second is not None and unit == "nanoseconds":
        words += f", {side.cost_per_second / 1e9:.2f} s of it each second"
    if side.cost_per_request is not None and unit == "nanoseconds":
        words += f", {side.cost_per_request / 1e6:,.3f} ms a request"
    return words


def function_rows(item: ComparisonItem, limit: int = ROWS) -> list[tuple[str, str, str, str, str]]:
    """(mark and change, function, share of BASE, share of NEW, growth), those that changed first."""
    return [_row(each) for each in item.functions[:limit]]


def _row(each: FunctionShift) -> tuple[str, str, str, str, str]:
    flat = each.by == "flat"
    before, after = (each.base_flat, each.new_flat) if flat else (each.base_cumulative, each.new_cumulative)
    low, high = each.new_interval
    interval = f" ({low:.1%} to {high:.1%})" if (low, high) != (0.0, 1.0) else ""
    grown = "new" if each.growth is None else f"{each.growth:+.0%}"
    reason = f" ({each.reason})" if each.reason else ""
    what = f"{MARKS[each.change]} {WORDS[each.change]}".rstrip()
    return what, each.name + ("" if flat else " and callees") + reason, f"{before:.2%}", f"{after:.2%}{interval}", grown
