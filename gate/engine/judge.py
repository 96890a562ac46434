"""Evidence to a judgement: every rule is run, and the verdict drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from gate.engine.judgement import Judgement
from gate.evidence.model import NO_ARGUMENTS, NO_REHEARSAL
from gate.model import EvidenceState, Mode, Outcome, Severity
from gate.policy.model import ARGUMENTS, PROFILE_TOPICS, REHEARSAL, LivePolicy
from probes.live.topics import TOPICS

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date

    from gate.engine.baseline import Baseline, Known
    from gate.evidence.model import Bundle
    from gate.policy.model import Policy
    from gate.rules.base import Check


def run_rules(
    bundle: Bundle,
    policy: Policy,
    *,
    today: date,
    baseline: Baseline | None = None,
    require: tuple[str, ...] | None = None,
) -> Judgement:
    """Run every rule on `bundle` and judge the outcomes under `policy`, whose suppressions expire by `today`.

    Findings that `baseline` has are known and do not block. `require`: the evidence without which nothing passes, when it is
    not to be found out from the policy.
    """
    from gate.engine.verdict import judge
    from gate.policy.suppressions import suppress
    from gate.rules.base import discover  # it imports every rule

    raw = [_outcome(rule, bundle, policy) for rule in discover()]
    outcomes, notices = suppress(raw, policy.suppress, today)
    fixed: tuple[Known, ...] = ()
    if baseline is not None:
        from gate.engine.baseline import mark

        outcomes, fixed = mark(outcomes, baseline)
    evidence = bundle.states()
    if require is None:
        require = required(policy, evidence, go=bundle.has_go()) if bundle.compares() else required_live(policy)
    known = {state.name for state in evidence}
    lacking = [name for name in require if name in PROFILE_TOPICS and name not in known]
    evidence += tuple(EvidenceState(name, "missing", "no profile was given that could tell") for name in lacking)
    if ARGUMENTS in require and ARGUMENTS not in known:
        evidence += (EvidenceState(ARGUMENTS, "missing", NO_ARGUMENTS),)
    if REHEARSAL in require and REHEARSAL not in known:
        evidence += (EvidenceState(REHEARSAL, "missing", NO_REHEARSAL),)
    verdict = judge(outcomes, evidence, require=require, fail_on=policy.fail_on)
    return Judgement(outcomes, evidence, verdict, require, baseline, fixed, notices)


ONLY_FOR_EXEC = ("profiler", "calls")
"""What an exec in place would end: the old process of a hand-off goes on."""

ANY_LANGUAGE = {"native", "target"}
"""Evidence that a shared object in another language than Go can have."""


def required(policy: Policy, evidence: Iterable[EvidenceState], *, go: bool = True) -> tuple[str, ...]:
    """The evidence without which nothing passes: what the policy names, and what the update cannot do without.

    Without Go on either side, what is Go's does not apply, and the loader's tables are what there is to know.
    """
    names = [*policy.require]
    if not go:
        names = ["native", *(name for name in names if name in ANY_LANGUAGE)]
    elif policy.mode is Mode.HOTFIX:
        names += ["init", "globals", "types"]  # a hotfix must change none: without knowing them, that cannot be said
    if go and policy.contract.types:
        names.append("types")
    if go and policy.contract.globals:
        names.append("globals")
    if any(state.name in TOPICS for state in evidence):
        names += _needed(policy)
    # The loader reads these tables before anything of NEW runs: damaged ones are no ordinary gap.
    names += [state.name for state in evidence if state.name == "native" and state.status == "unreadable"]
    return tuple(dict.fromkeys(names))


def required_live(policy: Policy) -> tuple[str, ...]:
    """The evidence without which nothing passes when a running service alone was asked."""
    known = (name for name in policy.require if name in TOPICS or name in PROFILE_TOPICS)
    return tuple(dict.fromkeys((*known, *_needed(policy))))


def _needed(policy: Policy) -> tuple[str, ...]:
    """What must be known of a running service: a process that starts NEW as a child is not replaced, whatever it does just now."""
    needed = policy.live.needed
    if policy.mode is not Mode.HANDOFF or needed != LivePolicy().needed:
        return needed
    return tuple(name for name in needed if name not in ONLY_FOR_EXEC)


def _outcome(rule: Check, bundle: Bundle, policy: Policy) -> Outcome:
    setting = policy.severity.get(rule.id)
    if setting == "off":
        return Outcome(rule.id, "off", reason="switched off by the policy")
    outcome = rule.outcome(bundle)
    if isinstance(setting, Severity):
        # What a rule raised by itself (a budget, a protected package, a mode) is not lowered along with its default.
        moved = tuple(
            replace(finding, severity=setting) if finding.severity is rule.severity or not finding.verified else finding
            for finding in outcome.findings
        )
        return replace(outcome, findings=moved)
    return outcome
