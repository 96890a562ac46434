"""The judgement of a running service alone."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from gate.clock import moment
from gate.engine.judge import run_rules
from gate.engine.mode import with_mode

if TYPE_CHECKING:
    from collections.abc import Callable

    from gate.policy.model import Policy
    from gate.report.models.report import Report
    from probes.live.facts import LiveFacts


def probe(policy: Policy, ask: Callable[[], LiveFacts]) -> Report:
    """Ask a service and judge whether it could be updated now, whatever the update is.

    `ask` raises ProbeError when the process is not
    there or the token is wrong.
    """
    from gate.evidence.live import live_values
    from gate.evidence.model import Bundle
    from gate.evidence.profiles import of_live
    from gate.report.sections.comparison import build_report

    started = time.perf_counter()
    facts = ask()
    asked = time.perf_counter()
    if facts.image is not None and facts.image.entries is not None:
        policy = with_mode(policy, facts.image.entries, "the program")
    now = moment()
    profile = of_live(facts, policy)
    bundle = Bundle.alone(policy).with_live(live_values(facts)).with_profile(profile.values())
    judgement = run_rules(bundle, policy, today=now.date())
    judged = time.perf_counter()
    return build_report(
        policy,
        None,
        None,
        None,
        judgement,
        live=facts,
        profile=profile,
        created_at=now.strftime("%Y-%m-%dT%H:%M:%SZ"),
        timings_ms={"ask": round((asked - started) * 1000, 1), "total": round((judged - started) * 1000, 1)},
    )
