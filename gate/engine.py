"""One comparison from two paths to a report."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from gate.judgement import Judgement
from gate.model import EvidenceState, Mode, Outcome, Severity
from gate.policy import PROFILE_TOPICS
from probes.errors import UnreadableFile
from probes.live.topics import TOPICS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import date, datetime

    from gate.baseline import Baseline, Known
    from gate.check import Check
    from gate.evidence import Bundle
    from gate.policy import Policy
    from gate.report.model import Report
    from probes.drift.native.facts import AbiFacts, HostDrift
    from probes.drift.result import Drift
    from probes.go.facts import BinaryFacts
    from probes.host import TargetFacts
    from probes.live.profile_files import ProfileSource
    from probes.live.topics import LiveFacts


def load_binary(path: str, *, examine: bool = True, foreign: bool = False) -> BinaryFacts:
    """The facts of the Go binary at `path`, examined in depth or not; `foreign` takes other shared objects as well.

    ProbeError when it cannot be read.
    """
    from probes.elf.source import read_source

    try:
        source = read_source(path)
        from probes.go import load  # slow: `check` imports it while the file is read

        return load(path, source, examine=examine, foreign=foreign)
    except OSError as exc:  # a file that vanishes or a disk that fails while it is read is no bug
        raise UnreadableFile(f"cannot read ({exc.strerror or exc})", subject=path) from exc


def examine(facts: BinaryFacts) -> BinaryFacts:
    """`facts` of NEW, its function table examined in depth: would the image start?"""
    from probes.go.loading import examined

    return examined(facts)


def compare_binaries(old: BinaryFacts, new: BinaryFacts, mode: Mode = Mode.EXEC) -> Drift:
    """What differs between two binaries; in a hotfix it counts whether variables without names are where they were."""
    from probes.drift import compare

    return compare(old, new, places=mode is Mode.HOTFIX)


def read_target() -> TargetFacts:
    """The facts of this host that the rules need."""
    from probes.host import read_host

    return read_host()


def with_needs(host: TargetFacts, new: BinaryFacts) -> TargetFacts:
    """`host`, which is this one, asked for the interpreter and the libraries that NEW needs."""
    native = new.native
    if native is None or host.arch != new.arch or host.libraries is not None:
        return host
    found = host.interpreters
    if native.interpreter is not None and native.interpreter not in found and os.path.isfile(native.interpreter):  # noqa: PTH113 - no object needed
        found = (*found, native.interpreter)
    wanted = (*native.needed, *(each.library for each in native.versions))
    if not wanted:
        return replace(host, interpreters=found)
    from probes.host_libraries import read_needed  # most programs need none

    return replace(host, interpreters=found, libraries=read_needed(host.arch, wanted))


def read_abi(old: BinaryFacts, new: BinaryFacts) -> AbiFacts | None:
    """What `abidiff` says of two shared objects; None where there is nothing to ask, or nobody."""
    if not {old.linkage, new.linkage} <= {"shared", "c-shared"} or not (old.has_dwarf and new.has_dwarf):
        return None
    from probes.abidiff import compare_abi  # only where there is something to ask

    return compare_abi(old.path, old.sha256, new.path, new.sha256)


def read_loader(path: str | None, new: BinaryFacts) -> HostDrift | None:
    """NEW, a plugin, against the program at `path`; None without one."""
    if path is None:
        return None
    from probes.drift.native.plugin_host import host_drift  # only where a program was given

    return host_drift(load_binary(path, examine=False), new)


def check(  # noqa: PLR0913 - keywords, one a fact
    old_path: str,
    new_path: str,
    policy: Policy,
    *,
    target: Callable[[], TargetFacts] | None = None,
    baseline: Baseline | None = None,
    meanwhile: Callable[[], object] | None = None,
    live: Callable[[BinaryFacts], LiveFacts] | None = None,
    profile: ProfileSource | None = None,
    loader: str | None = None,
) -> Report:
    """Compare the binary at `new_path` with the one at `old_path` and judge under `policy`.

    Args:
        old_path: the program that runs.
        new_path: the program that is to replace it.
        policy: what blocks and what must be known.
        target: gives the host that will run NEW; this host unless given.
        baseline: the findings that are known.
        meanwhile: called while the two files are read, such as to import what shows the result.
        live: given OLD, asks the running service; it is called last, because a service changes by the second.
        profile: taken while OLD ran.
        loader: the path of the program that is to load NEW, a plugin.

    Raises:
        ProbeError: one of the two cannot be read as a Go binary.
    """
    from probes.parallel import Task

    started = time.perf_counter()
    plugin = policy.mode is Mode.PLUGIN
    # Reading is numpy and file I/O, which release the lock: two threads read two files in the time of one.
    reading = [Task(partial(load_binary, path, examine=False, foreign=plugin)) for path in (old_path, new_path)]
    _import_the_rest()
    if meanwhile is not None:
        meanwhile()
    old, new = (task.result() for task in reading)
    read = time.perf_counter()
    examining = Task(partial(examine, new))
    drift = compare_binaries(old, new, policy.mode)
    new = examining.result()
    if new.health.unverifiable:
        drift = replace(drift, functions=None)
    compared = time.perf_counter()
    from gate.evidence import Bundle
    from gate.report.build import build_report
    from gate.type_evidence import TypeEvidence

    now = moment()
    host = target or (lambda: with_needs(read_target(), new))
    bundle = Bundle.gather(
        old,
        new,
        drift,
        policy,
        host,
        abi=partial(read_abi, old, new) if plugin else None,
        loader=read_loader(loader, new),
    )
    service, asked = None, compared
    if live is not None:
        from gate.live_evidence import live_values

        service = live(old)
        asked = time.perf_counter()
        bundle = bundle.with_live(live_values(service))
    profiles = None
    if profile is not None or (service is not None and (service.heartbeat or service.cpu)):
        from gate.profile_evidence import of_live, of_source

        if profile is not None:
            profiles = of_source(profile, policy.profile, (old, new))
        elif service is not None:
            profiles = of_live(service, policy, (old, new))
        bundle = bundle.with_profile(profiles.values()) if profiles is not None else bundle
    judgement = run_rules(bundle, policy, today=now.date(), baseline=baseline)
    types = bundle.get((TypeEvidence, "types"))
    judged = time.perf_counter()
    marks = {"read": read - started, "compare": compared - read}
    marks |= {} if service is None else {"live": asked - compared}
    marks |= {"judge": judged - asked, "total": judged - started}
    return build_report(
        policy,
        old,
        new,
        drift,
        judgement,
        types=types if isinstance(types, TypeEvidence) else None,
        live=service,
        profile=profiles,
        created_at=now.strftime("%Y-%m-%dT%H:%M:%SZ"),
        timings_ms={name: round(seconds * 1000, 1) for name, seconds in marks.items()},
    )


def _import_the_rest() -> None:
    """Import, while other threads read files, what reading, comparing and judging will need."""
    import gate.report.build  # noqa: F401
    from gate.check import discover
    from probes.drift import compare
    from probes.go import load

    del load, compare
    discover()


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
    from gate.check import discover  # it imports every rule
    from gate.suppress import suppress
    from gate.verdict import judge

    raw = [_outcome(rule, bundle, policy) for rule in discover()]
    outcomes, notices = suppress(raw, policy.suppress, today)
    fixed: tuple[Known, ...] = ()
    if baseline is not None:
        from gate.baseline import mark

        outcomes, fixed = mark(outcomes, baseline)
    evidence = bundle.states()
    if require is None:
        require = required(policy, evidence, go=bundle.has_go()) if bundle.compares() else required_live(policy)
    known = {state.name for state in evidence}
    lacking = [name for name in require if name in PROFILE_TOPICS and name not in known]
    evidence += tuple(EvidenceState(name, "missing", "no profile was given that could tell") for name in lacking)
    verdict = judge(outcomes, evidence, require=require, fail_on=policy.fail_on)
    return Judgement(outcomes, evidence, verdict, require, baseline, fixed, notices)


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
        names += policy.live.needed
    # The loader reads these tables before anything of NEW runs: damaged ones are no ordinary gap.
    names += [state.name for state in evidence if state.name == "native" and state.status == "unreadable"]
    return tuple(dict.fromkeys(names))


def required_live(policy: Policy) -> tuple[str, ...]:
    """The evidence without which nothing passes when a running service alone was asked."""
    known = (name for name in policy.require if name in TOPICS or name in PROFILE_TOPICS)
    return tuple(dict.fromkeys((*known, *policy.live.needed)))


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


def moment() -> datetime:
    """Now in UTC, or SOURCE_DATE_EPOCH when that is set (reproducible-builds.org)."""
    from datetime import UTC, datetime

    try:
        return datetime.fromtimestamp(int(os.environ.get("SOURCE_DATE_EPOCH", "")), UTC)
    except (ValueError, OverflowError, OSError):
        return datetime.now(UTC)
