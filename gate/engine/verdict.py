"""Outcomes in, one verdict out. Pure: no file, no clock, no configuration look-up."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gate.exits import EXIT_CODES
from gate.model import Severity, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gate.model import EvidenceState, Finding, Outcome


def blocks(finding: Finding, fail_on: Severity) -> bool:
    """Whether this finding alone blocks the update.

    One that says "could not verify" blocks only where the policy raised that very rule to `block`: otherwise it
    makes the verdict inconclusive, whatever `fail_on` is.
    """
    if finding.suppressed or finding.known:
        return False
    return finding.severity.at_least(fail_on if finding.verified else Severity.BLOCK)


def judge(
    outcomes: Iterable[Outcome],
    evidence: Iterable[EvidenceState],
    *,
    require: Iterable[str],
    fail_on: Severity = Severity.BLOCK,
) -> Verdict:
    """The verdict over all outcomes.

    Args:
        outcomes: one for each check.
        evidence: the state of each kind of evidence.
        require: names of the evidence without which nothing passes; a name that `evidence` lacks counts as missing.
        fail_on: the least severity that blocks.

    Returns:
        `block` if any finding that is neither suppressed nor known reaches `fail_on`; else `inconclusive` if required evidence is missing or
        unreadable, or a check could not verify; else `pass`.
    """
    findings = [
        finding for outcome in outcomes for finding in outcome.findings if not (finding.suppressed or finding.known)
    ]
    blocking = tuple(f"{f.rule}: {f.message}" for f in findings if blocks(f, fail_on))
    if blocking:
        return Verdict("block", EXIT_CODES["block"], blocking)
    states = {state.name: state for state in evidence}
    doubts = []
    for name in dict.fromkeys(require):
        state = states.get(name)
        if state is None:
            doubts.append(f"{name} was not gathered")
        elif state.status != "ok":
            doubts.append(f"{name} {state.status}: {state.reason}")
    doubts += [f"{f.rule}: {f.message}" for f in findings if not f.verified]
    if doubts:
        return Verdict("inconclusive", EXIT_CODES["inconclusive"], tuple(doubts))
    return Verdict("pass", EXIT_CODES["pass"])


def worse(one: Verdict, other: Verdict) -> Verdict:
    """The worse of two verdicts: `block` before `inconclusive` before `pass`."""
    return max(one, other, key=lambda verdict: ("pass", "inconclusive", "block").index(verdict.name))
