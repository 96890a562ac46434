"""What is on a host: its releases, what the links name, what runs, and what the last operations ended in. It changes nothing."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from gate.apply.errors import ApplyError
from gate.apply.host.journal import JOURNAL, OPERATION, Journal
from gate.apply.host.lock import LOCK, is_held
from gate.apply.host.releases import CURRENT, PREVIOUS, Releases
from gate.apply.pending import pending
from gate.apply.service.process import find

if TYPE_CHECKING:
    from gate.apply.host.config import Host
    from gate.apply.host.journal import Line

OPERATIONS = 10
"""The newest, that are shown."""


class ReleaseRow(Struct, frozen=True):
    """One release. `verdict` is the gate's last one on it, "" for none; `against` the release that it was compared with."""

    version: str
    current: bool
    previous: bool
    running: bool
    sha256: str
    build_id: str
    size: int
    installed_at: str
    verdict: str
    against: str
    judged_at: str
    audit: str


class StageRow(Struct, frozen=True):
    """One stage of an operation. `seconds` is None while it goes on."""

    stage: str
    at: str
    seconds: float | None
    said: str


class OperationRow(Struct, frozen=True):
    """One operation, with its stages. `ending` is "" for one that has none."""

    operation: str
    kind: str
    version: str
    before: str
    at: str
    ending: str
    said: str
    hint: str
    stages: tuple[StageRow, ...]


class Overview(Struct, frozen=True):
    """All of it. `problems`: what is not as it should be, a line each; `busy`: who is at it; `unfinished`: what was killed."""

    name: str
    folder: str
    current: str
    previous: str
    runs: str
    pid: int | None
    releases: tuple[ReleaseRow, ...]
    operations: tuple[OperationRow, ...]
    problems: tuple[str, ...]
    busy: str
    unfinished: str


def look(host: Host) -> Overview:
    """What is on the host now.

    Raises:
        ApplyError: the folder of releases or the journal cannot be read.
    """
    releases = Releases(host.folder, host.file)
    problems: list[str] = []
    names = {}
    for name in (CURRENT, PREVIOUS):
        try:
            names[name] = releases.link(name)
        except ApplyError as exc:
            names[name] = ""
            problems.append(str(exc))
    current, previous = names[CURRENT], names[PREVIOUS]
    problems += [
        f"`{name}` names {found}, which is gone" for name, found in names.items() if found and not releases.has(found)
    ]
    running, runs = None, ""
    try:
        running = find(host)
    except ApplyError as exc:
        problems.append(str(exc))
    else:
        runs = "" if running is None else releases.version_of(running.image)
        if running is None:
            problems.append("no process runs")
        elif runs != current:
            problems.append(
                f"PID {running.pid} runs {runs or running.path}, and `current` names {current or 'nothing'}"
            )
    journal = Journal(host.state / JOURNAL)
    left = pending(journal)
    busy = is_held(host.state / LOCK)
    unfinished = ""
    if left is not None and not busy:
        unfinished = f"the {left.kind} of {left.move.version or left.version or 'a release'} was killed"
    rows = [
        ReleaseRow(
            version=each.version,
            current=each.version == current,
            previous=each.version == previous,
            running=each.version == runs,
            sha256=each.sha256,
            build_id=str(each.about.get("build_id") or ""),
            size=each.size,
            installed_at=each.installed_at,
            verdict=str(each.verdict.get("verdict") or ""),
            against=str(each.verdict.get("against") or ""),
            judged_at=str(each.verdict.get("at") or ""),
            audit=str(each.verdict.get("audit") or ""),
        )
        for each in releases.all()
    ]
    return Overview(
        host.name,
        str(host.folder),
        current,
        previous,
        runs,
        None if running is None else running.pid,
        tuple(rows),
        tuple(_operations(journal)),
        tuple(problems),
        busy,
        unfinished,
    )


def _operations(journal: Journal) -> list[OperationRow]:
    """The newest operations, the newest first."""
    grouped: dict[str, list[Line]] = {}
    with suppress(ApplyError):
        for line in journal.lines():
            grouped.setdefault(line.operation, []).append(line)
    return [_operation(lines) for lines in list(grouped.values())[: -OPERATIONS - 1 : -1]]


def _operation(lines: list[Line]) -> OperationRow:
    first, last = lines[0], lines[-1]
    ended: dict[str, Any] = last.facts if (last.stage, last.event) == (OPERATION, "end") else {}
    version = ""
    stages: dict[str, StageRow] = {}
    for line in lines:
        version = str(line.facts.get("version") or version)
        if line.stage == OPERATION or line.event == "note":
            continue
        seconds = line.facts.get("seconds")
        said = (
            line.facts.get("said") or line.facts.get("detail") or line.facts.get("problem") or line.facts.get("verdict")
        )
        stages[line.stage] = StageRow(
            line.stage, line.at, seconds if isinstance(seconds, int | float) else None, str(said or "")
        )
    return OperationRow(
        operation=first.operation,
        kind=first.kind,
        version=version,
        before=str(first.facts.get("before") or ""),
        at=first.at,
        ending=str(ended.get("ending") or ""),
        said=str(ended.get("said") or ""),
        hint=str(ended.get("hint") or ""),
        stages=tuple(stages.values()),
    )
