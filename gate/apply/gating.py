"""The gate of an operation: `hotgate check --live --pid` of what runs and what is to run, with the way back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from gate.engine.quiescence import ask
from gate.model import Severity
from gate.policy.model import REHEARSAL
from gate.runs import check
from gate.store.entry import of_report
from gate.store.requirement import past_rehearsals
from probes.live.gathering import Asked
from probes.live.proc.reading import exe_path

if TYPE_CHECKING:
    from pathlib import Path

    from gate.apply.host.config import Host
    from gate.apply.service.process import Running
    from gate.policy.model import Policy
    from gate.report.models.report import Report
    from gate.store.entry import Entry
    from probes.go.facts import BinaryFacts
    from probes.live.facts import LiveFacts

WAY_BACK = "HG515"


def judge(host: Host, token: str, policy: Policy, running: Running, new: Path, store: str, *, back: bool) -> Report:  # noqa: PLR0913, PLR0917 - what it takes
    """The report on going over from what runs to the file `new`.

    Args:
        host: the service.
        token: for its goprobe.
        policy: what is judged by.
        running: its process.
        new: the image that is to run.
        store: where verdicts and rehearsals are, "" for the policy's.
        back: whether there has to be a way back from it.

    Raises:
        ProbeError: a file cannot be read as a Go binary, or the process is gone. PolicyError, StoreError: as `hotgate check`.
    """
    if back:
        # What is switched to here is taken back when it is bad: an update without a way back is none for this command.
        severity = {WAY_BACK: Severity.BLOCK, **policy.severity}
        policy = replace(policy, way_back=policy.way_back or "report", severity=severity)
    asked = Asked(
        url=host.url,
        token=token,
        pid=running.pid,
        in_flight=policy.live.in_flight,
        in_flight_limit=policy.live.in_flight_limit,
        cpu=True,
        exec_path=policy.live.exec_path,
    )

    def live(old: BinaryFacts) -> LiveFacts:
        return ask(asked, old=old, new_path=str(new), wait=host.quiet)

    rehearsed = past_rehearsals(policy, store) if REHEARSAL in policy.require else None
    return check(exe_path(running.pid), str(new), policy, live=live, rehearsed=rehearsed)


def entry_of(report: Report, policy: Policy, name: str) -> Entry:
    """What the audit log gets of the report."""
    return of_report("check", report, policy, subject=name, inputs={"policy": policy.source})


def reasons(report: Report, most: int = 2) -> str:
    """What decided the verdict, in one line."""
    from gate.report.text.parts import split

    parts = split(report)
    if report.verdict == "inconclusive":
        found = [f"{each.rule}: {each.message}" for each in parts.doubts]
        found += [f"{each.name}: {each.reason}" for each in parts.gaps]
    else:
        found = [f"{each.rule}: {each.message}" for each in parts.blocking]
    more = f" (and {len(found) - most} more)" if len(found) > most else ""
    return " ".join(found[:most]) + more
