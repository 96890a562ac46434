"""The judgement of profiles alone."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from gate.clock import moment
from gate.engine.judge import run_rules

if TYPE_CHECKING:
    from gate.evidence.profiles import ProfileEvidence
    from gate.policy.model import Policy
    from gate.report.models.report import Report


def judge(policy: Policy, found: ProfileEvidence, needed: str, *, started: float, read: float) -> Report:
    """Judge what profiles gave; without `needed`, a kind of evidence, nothing passes.

    `started` and `read` are times of `time.perf_counter`, before and after the profiles were read.
    """
    from gate.evidence.model import Bundle
    from gate.report.sections.comparison import build_report

    now = moment()
    names = {name for _, name in found.values()}
    # What the policy requires of binaries and services does not apply: there are none.
    require = tuple(dict.fromkeys([*(name for name in policy.require if name in names), needed]))
    bundle = Bundle.alone(policy).with_profile(found.values())
    judgement = run_rules(bundle, policy, today=now.date(), require=require)
    done = time.perf_counter()
    marks = {"read": read - started, "judge": done - read, "total": done - started}
    return build_report(
        policy,
        None,
        None,
        None,
        judgement,
        profile=found,
        created_at=now.strftime("%Y-%m-%dT%H:%M:%SZ"),
        timings_ms={name: round(seconds * 1000, 1) for name, seconds in marks.items()},
    )
