"""A rehearsal and its judgement, to a report."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING

from gate.clock import moment
from gate.engine.binaries import load_binary
from gate.engine.judge import run_rules
from gate.engine.mode import with_mode
from gate.evidence.model import Bundle
from gate.evidence.rehearsal import rehearsal_values
from gate.policy.model import REHEARSAL
from gate.rehearsal.run import rehearse
from gate.report.sections.comparison import build_report
from probes.go.restarts import entries_called, library_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from gate.policy.model import Policy
    from gate.rehearsal.plan.model import Plan
    from gate.rehearsal.run import Isolate
    from gate.report.models.report import Report


def perform(  # noqa: PLR0913 - keywords, one a fact
    old_path: str,
    new_path: str,
    policy: Policy,
    plan: Plan,
    *,
    isolate: Isolate = "auto",
    keep_folder: bool = False,
    budget: float = 0.0,
    token: str = "",
    stage: Callable[[str], None] = lambda _: None,
    kept: Callable[[str], None] = lambda _: None,
) -> Report:
    """Rehearse the update of the program at `old_path` to the one at `new_path`, and judge what was found.

    Raises:
        ProbeError: one of the two cannot be read as a Go binary.
        CannotRehearse: the rehearsal cannot be performed.
        PolicyError: a file that the plan names cannot be read.
    """
    started = time.perf_counter()
    stage("reading OLD and NEW")
    old, new = (load_binary(path, examine=False) for path in (old_path, new_path))
    entries = entries_called(old.functions.name_bytes) if old.functions is not None else ()
    policy = with_mode(policy, entries, "OLD")
    read = time.perf_counter()
    act = partial(rehearse, plan, old, new, isolate=isolate, keep_folder=keep_folder, budget=budget, token=token)
    facts = act(library=library_of(entries[0]) if entries else "", show_values=policy.data.values, say=stage, kept=kept)
    done = time.perf_counter()
    now = moment()
    bundle = Bundle.alone(policy).with_rehearsal(rehearsal_values(facts))
    judgement = run_rules(bundle, policy, today=now.date(), require=(REHEARSAL,))
    marks = {"read": read - started, "rehearse": done - read, "total": time.perf_counter() - started}
    return build_report(
        policy,
        old,
        new,
        None,
        judgement,
        rehearsal=facts,
        created_at=now.strftime("%Y-%m-%dT%H:%M:%SZ"),
        timings_ms={name: round(seconds * 1000, 1) for name, seconds in marks.items()},
    )
