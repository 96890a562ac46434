"""Suppressions: findings that a named person accepted until a date. Pure."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from msgspec.structs import replace

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import date

    from gate.model import Finding, Json, Outcome
    from gate.policy.model import Suppression


def suppress(
    outcomes: Iterable[Outcome], suppressions: Sequence[Suppression], today: date
) -> tuple[tuple[Outcome, ...], tuple[str, ...]]:
    """Mark the findings that a suppression covers.

    Args:
        outcomes: one for each rule.
        suppressions: the policy's.
        today: a suppression holds up to and including its last day.

    Returns:
        The outcomes, and a line about each suppression that has expired or that covered nothing.
    """
    valid = [each for each in suppressions if today <= each.expires]
    used: set[Suppression] = set()

    def mark(finding: Finding) -> Finding:
        covering = [each for each in valid if covers(each, finding)]
        used.update(covering)
        if not covering:
            return finding
        why: dict[str, Json] = {"reason": covering[0].reason, "expires": covering[0].expires.isoformat()}
        if covering[0].owner:
            why["owner"] = covering[0].owner
        return replace(finding, suppressed=True, evidence={**finding.evidence, "suppression": why})

    marked = tuple(replace(outcome, findings=tuple(map(mark, outcome.findings))) for outcome in outcomes)
    notices = []
    for each in suppressions:
        name = f"suppression of {each.rule} for {each.scope}"
        if each not in valid:
            notices.append(f"{name} expired on {each.expires.isoformat()} and does nothing")
        elif each not in used:
            notices.append(f"{name} covers no finding any more: remove it")
    return marked, tuple(notices)


def covers(suppression: Suppression, finding: Finding) -> bool:
    """Whether the rule is the same and the finding's subject matches the scope."""
    return suppression.rule == finding.rule and fnmatchcase(finding.subject, suppression.scope)
