"""One binary against a lock, to a report. Import it only to do so: it imports what judging needs."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from msgspec.structs import replace

from gate.clock import moment
from gate.engine.binaries import load_binary, read_target
from gate.engine.judge import run_rules
from gate.evidence.model import Bundle
from gate.evidence.types import type_evidence
from gate.report.sections.comparison import build_report, lock_info
from probes.drift.result import Drift
from probes.drift.types.compare import layout_drift
from probes.drift.variables.saved import saved_drift
from probes.errors import MalformedTable
from probes.go.types.saved import restore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from gate.contract.lock import Lock
    from gate.policy.model import Policy
    from gate.report.models.report import Report
    from probes.drift.facts import GlobalDrift
    from probes.drift.types.facts import LayoutDrift
    from probes.go.facts import BinaryFacts
    from probes.host import TargetFacts


def verify(
    lock: Lock,
    new_path: str,
    policy: Policy,
    *,
    require: Iterable[str] = (),
    target: Callable[[], TargetFacts] | None = None,
) -> Report:
    """Judge the binary at `new_path` by a lock, without OLD: every rule that needs only NEW, and the contract.

    `require` names evidence beside the contract's without which nothing passes.

    Raises:
        ProbeError: the binary cannot be read as a Go binary.
    """
    started = time.perf_counter()
    new = load_binary(new_path)
    read = time.perf_counter()
    policy = replace(policy, contract=lock.contract, require=tuple(require))
    problems: dict[str, str] = {}
    types = _types(lock, new, problems)
    variables = _variables(lock, new, problems)
    drift = Drift(functions=None, build=None, init=None, problems=problems, types=types, globals=variables)
    bundle = Bundle.without_old(new, drift, policy, target or read_target, lock.source)
    now = moment()
    judgement = run_rules(bundle, policy, today=now.date())
    judged = time.perf_counter()
    return build_report(
        policy,
        lock_info(lock),
        new,
        drift,
        judgement,
        types=type_evidence(types, lock.contract) if types is not None else None,
        created_at=now.strftime("%Y-%m-%dT%H:%M:%SZ"),
        timings_ms={"read": round((read - started) * 1000, 1), "total": round((judged - started) * 1000, 1)},
    )


def _types(lock: Lock, new: BinaryFacts, problems: dict[str, str]) -> LayoutDrift | None:
    """What became of the types of a lock; None, and the problem, when it names none or they cannot be compared."""
    if not lock.types:
        problems["types"] = "the lock names none"
    elif _foreign(lock, new):
        problems["types"] = _foreign(lock, new)
    elif new.types is None:
        problems["types"] = new.health.unverifiable or "no module data was found"
    else:
        try:
            # Whatever else NEW has was not asked about.
            return replace(layout_drift(restore(lock.types, lock.source), new.types.read()), added=())
        except MalformedTable as exc:
            problems["types"] = str(exc)
    return None


def _variables(lock: Lock, new: BinaryFacts, problems: dict[str, str]) -> GlobalDrift | None:
    """What became of the variables of a lock; None, as `_types`."""
    if not lock.variables:
        return None
    if _foreign(lock, new):
        problems["globals"] = _foreign(lock, new)
        return None
    try:
        return saved_drift(lock.variables, new)
    except MalformedTable as exc:
        problems["globals"] = f"NEW: {exc.what}"
        return None


def _foreign(lock: Lock, new: BinaryFacts) -> str:
    """Why NEW cannot be held against the lock at all; "" when it can."""
    if (new.arch, new.os) == (lock.arch, lock.os):
        return ""
    return f"the lock is for {lock.os}/{lock.arch} and NEW for {new.os}/{new.arch}"
