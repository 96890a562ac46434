"""What profiles gave, into the report."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import to_builtins

from gate.report.models import profiles as model

if TYPE_CHECKING:
    from gate.evidence.profiles import ProfileEvidence
    from probes.profile.comparison.facts import FunctionDiff, ProfileDiff
    from probes.profile.heartbeat.facts import ContinuityFacts
    from probes.profile.heat_facts import GrowthFacts, HeatFacts

MOST = 1000
HOTTEST = 40
HUGE = 1e9


def profile_section(found: ProfileEvidence) -> model.ProfileSection | None:
    """The section; None when there is nothing to tell."""
    parts = (found.continuity, found.heat, found.growth, found.comparison)
    if not any(parts) and not found.notes:
        return None
    return model.ProfileSection(
        found.source,
        None if found.continuity is None else continuity_item(found.continuity),
        None if found.heat is None else _heat(found.heat),
        None if found.growth is None else _growth(found.growth),
        None if found.comparison is None else _comparison(found.comparison),
        list(found.notes[:MOST]),
    )


def continuity_item(facts: ContinuityFacts) -> model.ContinuityItem:
    """The score, what it is made of, and its strip."""
    return model.ContinuityItem(
        facts.score,
        facts.windows,
        facts.covered_seconds,
        facts.expected_seconds,
        facts.yields,
        [model.DeductionItem(d.kind, d.after, d.seconds, d.points, d.detail) for d in facts.deductions[:MOST]],
        [model.HandOverItem(h.generation, h.seconds, h.lost_samples, h.explained) for h in facts.hand_overs[:MOST]],
        [model.StripItem(**to_builtins(each)) for each in facts.strip],
    )


def _heat(facts: HeatFacts) -> model.HeatItem:
    names = sorted(facts.flat, key=lambda name: (-facts.flat[name], name))[:HOTTEST]
    rows = [model.HotFunction(name, facts.flat[name], facts.cumulative[name]) for name in names]
    return model.HeatItem(facts.kind, facts.samples, facts.build_id, rows, facts.source)


def _growth(facts: GrowthFacts) -> model.GrowthItem:
    return model.GrowthItem(facts.unit, facts.profiles, facts.first, facts.last, facts.slope, facts.p)


def _comparison(facts: ProfileDiff) -> model.ComparisonItem:
    return model.ComparisonItem(
        facts.kind,
        facts.unit,
        model.ProfileSideItem(**to_builtins(facts.base)),
        model.ProfileSideItem(**to_builtins(facts.new)),
        facts.problem,
        facts.tested,
        [_function(each) for each in facts.functions[:MOST]],
        [model.DetectableItem(share, growth if growth < HUGE else None) for share, growth in facts.detectable],
        facts.overlap,
        facts.rank_shift,
        facts.unchanged,
        None if facts.per_request is None else list(facts.per_request),
    )


def _function(each: FunctionDiff) -> model.FunctionShift:
    return model.FunctionShift(
        each.name,
        each.change,
        each.by,
        each.base_flat,
        each.new_flat,
        each.base_cumulative,
        each.new_cumulative,
        list(each.base_interval),
        list(each.new_interval),
        each.growth,
        each.p,
        each.reason,
    )
