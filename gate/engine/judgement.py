"""What the rules made of a comparison, before anything is written of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from gate.engine.baseline import Baseline, Known
    from gate.model import EvidenceState, Finding, Outcome, Verdict


class Judgement(Struct, frozen=True):
    """What the rules made of one comparison."""

    outcomes: tuple[Outcome, ...]
    evidence: tuple[EvidenceState, ...]
    verdict: Verdict
    require: tuple[str, ...]
    """The evidence without which nothing passes."""
    baseline: Baseline | None = None
    fixed: tuple[Known, ...] = ()
    """What the baseline has and no rule found any more."""
    notices: tuple[str, ...] = ()
    """What the policy's author should know, such as suppressions that expired."""

    def findings(self) -> tuple[Finding, ...]:
        """All findings: heaviest first, then by rule and subject."""
        found = [finding for outcome in self.outcomes for finding in outcome.findings]
        return tuple(sorted(found, key=lambda f: (-f.severity.rank, f.rule, f.subject, f.fingerprint)))
