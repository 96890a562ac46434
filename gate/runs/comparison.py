"""One comparison from two paths to a report."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING

from msgspec.structs import replace

from gate.clock import moment
from gate.engine.binaries import (
    compare_binaries,
    examine,
    load_binary,
    read_abi,
    read_loader,
    read_target,
    with_health,
    with_needs,
)
from gate.engine.judge import run_rules
from gate.engine.mode import with_mode
from gate.model import Mode
from gate.runs.arguments import with_arguments
from probes.go.restarts import entries_called

if TYPE_CHECKING:
    from collections.abc import Callable

    from gate.engine.baseline import Baseline
    from gate.evidence.model import Bundle
    from gate.evidence.profiles import ProfileEvidence
    from gate.evidence.rehearsal import PastRehearsal
    from gate.policy.model import Policy
    from gate.report.models.report import Report
    from probes.go.facts import BinaryFacts
    from probes.host import TargetFacts
    from probes.live.facts import LiveFacts
    from probes.live.profile_files import ProfileSource


WORTH_A_FORK = 32 << 20
"""Bytes of both files from which on copies of the process save more time than they cost."""


def check(  # noqa: PLR0913 - keywords, one a fact
    old_path: str,
    new_path: str,
    policy: Policy,
    *,
    target: Callable[[], TargetFacts] | None = None,
    baseline: Baseline | None = None,
    meanwhile: Callable[[], object] = lambda: None,
    live: Callable[[BinaryFacts], LiveFacts] | None = None,
    argv: tuple[str, ...] = (),
    profile: ProfileSource | None = None,
    loader: str | None = None,
    rehearsed: Callable[[str, str], PastRehearsal] | None = None,
    stage: Callable[[str], None] = lambda _: None,
    alone: bool = False,
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
        argv: the command line that OLD runs with, where it is given; else that of the service, or the policy's.
        profile: taken while OLD ran.
        loader: the path of the program that is to load NEW, a plugin.
        rehearsed: given the SHA-256 of both files, says what the store has of their last rehearsal.
        stage: called with what is done from then on, for a person who waits.
        alone: the process does nothing else, so that copies of it may do a part of the work.

    Raises:
        ProbeError: one of the two cannot be read as a Go binary.
    """
    from probes.fork import Fork, can_fork
    from probes.parallel import Task

    started = time.perf_counter()
    stage("reading OLD and NEW")
    plugin = policy.mode is Mode.PLUGIN
    # Reading is numpy and file I/O, which release the lock: two threads read two files in the time of one.
    reading = [Task(partial(load_binary, path, examine=False, foreign=plugin)) for path in (old_path, new_path)]
    _import_the_rest()
    meanwhile()
    old, new = (task.result() for task in reading)
    policy = with_mode(policy, _entries(old), "OLD")
    read = time.perf_counter()
    stage("comparing functions, types and data")
    forks = alone and old.size + new.size >= WORTH_A_FORK and can_fork()
    examining = Fork(partial(examine, new)) if forks else Task(partial(examine, new))
    drift = compare_binaries(old, new, policy.mode, Fork if forks else None)
    new = with_health(new, examining.result())
    if new.health.unverifiable:
        drift = replace(drift, functions=None)
    compared = time.perf_counter()
    from gate.evidence.model import Bundle
    from gate.evidence.types import TypeEvidence
    from gate.report.sections.comparison import build_report

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
        from gate.evidence.live import live_values

        stage("asking the running service")
        service = live(old)
        asked = time.perf_counter()
        bundle = _with_system_calls(bundle.with_live(live_values(service)), old, new, service)
    profiles = _profiles(profile, service, policy, (old, new))
    bundle = bundle.with_profile(profiles.values()) if profiles is not None else bundle
    line = _command_line(argv, service, policy)
    bundle = with_arguments(bundle, (old, new), line, policy)
    bundle = _with_rehearsal(bundle, rehearsed, old, new)
    stage("judging")
    judgement = run_rules(bundle, policy, today=now.date(), baseline=baseline)
    types = bundle.get((TypeEvidence, "types"))
    back = None
    if policy.way_back:
        stage("judging the way back")
        from gate.runs.way_back import judge_way_back

        back = judge_way_back(old, new, policy, host, line=line, today=now.date(), forks=forks)
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
        back=back,
        created_at=now.strftime("%Y-%m-%dT%H:%M:%SZ"),
        timings_ms={name: round(seconds * 1000, 1) for name, seconds in marks.items()},
    )


def _profiles(
    given: ProfileSource | None, service: LiveFacts | None, policy: Policy, sides: tuple[BinaryFacts, BinaryFacts]
) -> ProfileEvidence | None:
    """What a profile tells that was given, or that the service has; None where there is neither."""
    if given is None and (service is None or not (service.heartbeat or service.cpu)):
        return None
    from gate.evidence.profiles import of_live, of_source

    if given is not None:
        return of_source(given, policy.profile, sides)
    return of_live(service, policy, sides) if service is not None else None


def _entries(old: BinaryFacts) -> tuple[str, ...]:
    return entries_called(old.functions.name_bytes) if old.functions is not None else ()


def _with_system_calls(bundle: Bundle, old: BinaryFacts, new: BinaryFacts, service: LiveFacts) -> Bundle:
    """The evidence, with the system calls that only one side can make where a filter decides about them."""
    if service.seccomp is None or not service.seccomp.filtered:
        return bundle
    from gate.evidence.live import SYSTEM_CALLS
    from probes.kernel.system_calls import compare_system_calls  # only with a filter

    return bundle.with_value(SYSTEM_CALLS, compare_system_calls(old, new))


def _command_line(argv: tuple[str, ...], service: LiveFacts | None, policy: Policy) -> tuple[tuple[str, ...], str]:
    """The command line that counts, and where it is from; empty without one."""
    if argv:
        return argv, "--argv"
    if service is not None and service.argv:
        return service.argv, "/proc"
    from gate.policy.command_line import split_argv

    return split_argv(policy.live.argv), "the policy's live.argv"


def _with_rehearsal(
    bundle: Bundle, rehearsed: Callable[[str, str], PastRehearsal] | None, old: BinaryFacts, new: BinaryFacts
) -> Bundle:
    if rehearsed is None:
        return bundle
    from gate.evidence.rehearsal import rehearsal_values

    return bundle.with_rehearsal(rehearsal_values(rehearsed(old.sha256, new.sha256)))


def _import_the_rest() -> None:
    """Import, while other threads read files, what reading, comparing and judging will need."""
    import gate.report.sections.comparison  # noqa: F401
    from gate.rules.base import discover
    from probes.drift import compare
    from probes.go import load

    del load, compare
    discover()
