"""The stages before the switch, which `apply` and `rollback` share. Until the switch, nothing of the service has changed."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from msgspec import Struct

from gate.apply import fetching
from gate.apply.errors import ApplyError
from gate.apply.host.releases import CURRENT, PREVIOUS, digest_of, identity_of
from gate.apply.pending import Move
from gate.apply.service import rules
from gate.apply.service.process import find
from gate.policy.token_file import read_token
from probes.errors import ProbeError

if TYPE_CHECKING:
    from pathlib import Path

    from gate.apply.host.config import Host
    from gate.apply.host.releases import Kept, Releases
    from gate.apply.outcome import Outcome
    from gate.apply.service.process import Running
    from gate.apply.update import Update
    from gate.policy.model import Policy


class Start(Struct, frozen=True):
    """What there is when an operation begins: what the links name, and what runs."""

    current: str
    previous: str
    running: Running | None


class Judged(Struct, frozen=True):
    """What the gate said; `said` is what decided it, `hint` where the whole report is."""

    verdict: str
    said: str
    audit: str
    hint: str = ""


def token_of(host: Host) -> str:
    """The token for the service's goprobe; "" for none.

    Raises:
        PolicyError: its file cannot be read.
    """
    return read_token(host.token_file, wait=False) if host.token_file else ""


def check_folder(host: Host) -> None:
    """Raise ApplyError unless hotgate can work in the folders of the service."""
    if not host.folder.is_dir():
        raise ApplyError(
            f"no such folder: {host.folder}", hint=f"it is host.{host.name}.folder; make it, owned by who runs hotgate"
        )
    try:
        host.state.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as exc:
        raise ApplyError(f"cannot make the state folder ({exc.strerror}): {host.state}") from exc
    for folder in (host.folder, host.state):
        if not os.access(folder, os.W_OK | os.X_OK):
            hint = "run as its owner; is the file system read-only?"
            raise ApplyError(f"hotgate may not write to {folder}; nothing has changed", hint=hint)


def look_around(host: Host, releases: Releases) -> Start:
    """What there is.

    Raises:
        ApplyError: a link is none, or the process may not be looked at.
    """
    return Start(releases.link(CURRENT), releases.link(PREVIOUS), find(host))


def check_running(host: Host, releases: Releases, start: Start) -> None:
    """Raise ApplyError unless the service runs what `current` names."""
    if start.running is None:
        where = host.unit or host.pid_file
        raise ApplyError(f"no process of {host.name} runs ({where})", hint="start it: the gate compares with what runs")
    file = releases.image(start.current)
    same = False
    if start.current and file.exists():
        same = start.running.image == identity_of(file) or runs_copy(file, start.running.pid)
    if not same:
        version = releases.version_of(start.running.image)
        runs = version or f"{start.running.path}, which is none of its releases"
        said = f"PID {start.running.pid} runs {runs}, and `current` names {start.current or 'nothing'}"
        raise ApplyError(
            said, hint="was one of them changed by hand? restart the service, or point `current` to what runs: ln -sfn"
        )


def runs_copy(file: Path, pid: int) -> bool:
    """Whether the process runs a copy of `file`."""
    running = f"/proc/{pid}/exe"
    try:
        return os.path.getsize(file) == os.path.getsize(running) and digest_of(file) == _digest(running)  # noqa: PTH202
    except OSError:
        return False


def _digest(path: str) -> str:
    import hashlib

    with open(path, "rb") as file:  # noqa: PTH123 - a link of /proc
        return hashlib.file_digest(file, "sha256").hexdigest()


def prewarm(update: Update, kept: Kept) -> None:
    """Have the image in the page cache, and be sure that it is what was installed.

    Raises:
        ApplyError: it is not.
    """
    update.recorder.begin("prewarm", version=kept.version)
    fetching.warm(kept)
    # goprobe tries the image itself, in the update, with the state as it is then; it offers no trial from outside.
    update.recorder.end(
        "prewarm", bytes=kept.size, trial="by goprobe, within the update" if update.host.url else "none"
    )


def gate(update: Update, policy: Policy, kept: Kept, start: Start, store: str, *, back: bool) -> Judged:  # noqa: PLR0913 - what it takes
    """Judge going over to a release; `back`: there has to be a way back.

    Raises:
        ApplyError, ProbeError, PolicyError, StoreError: it could not be judged, and nothing has changed.
    """
    from gate.apply import gating

    if start.running is None:
        raise AssertionError
    update.recorder.begin("gate", version=kept.version, against=start.current)
    try:
        report = gating.judge(update.host, update.token, policy, start.running, kept.file, store, back=back)
    except ProbeError:
        what = _changed(update, kept, start)
        if not what:
            raise
        update.recorder.end("gate", verdict="inconclusive", said=what)
        return Judged("inconclusive", what, "")
    head = update.recorder.keep_check(gating.entry_of(report, policy, update.host.name))
    said = gating.reasons(report)
    found = Judged(
        report.verdict, said, "" if head is None else str(head), "" if head is None else _whole(head.seq, policy)
    )
    update.releases.note_verdict(
        kept.version,
        {
            "schema_version": "1",
            "verdict": report.verdict,
            "exit_code": report.exit_code,
            "against": start.current,
            "at": report.created_at,
            "audit": found.audit,
        },
    )
    update.recorder.end("gate", verdict=report.verdict, said=said, audit=found.audit)
    return found


def held_back(update: Update, move: Move, found: Judged) -> Outcome | None:
    """The end of an operation that the gate does not let on; None where it does."""
    if found.verdict == "block":
        said = f"{move.version} is blocked, and nothing has changed: {found.said}"
        return update.conclude("blocked", move, said, found.hint, reason="gate")
    if found.verdict == "inconclusive":
        said = f"{move.version} could not be judged, and nothing has changed: {found.said}"
        return update.conclude("inconclusive", move, said, found.hint, reason="gate")
    return None


def _whole(seq: int, policy: Policy) -> str:
    """What shows the report beside a record."""
    file = f" --policy {policy.source}" if policy.source != "hotgate.toml" else ""
    return f"`hotgate audit show {seq} --report{file} > report.json; hotgate render report.json` has the whole report"


def prepare(update: Update, kept: Kept, start: Start) -> tuple[Move, Outcome | None]:
    """What the switch will do; and the end of the operation where something is no longer as it was when it began."""
    host, releases = update.host, update.releases
    earlier: list[str] = []
    if host.watch is not None and start.running is not None and update.recorder.kind == "apply":
        earlier = rules.before(host, update.token, host.watch, update.database)
    move = Move(
        kept.version,
        start.current,
        start.previous,
        None if start.running is None else start.running.image,
        tuple(earlier),
    )
    what = _changed(update, kept, start)
    if not what:
        return move, None
    said = f"{what}: nothing has changed by hotgate"
    return move, update.conclude(
        "interfered", move, said, f"begin again when nobody else is at {releases.folder}", reason="hand"
    )


def _changed(update: Update, kept: Kept, start: Start) -> str:  # noqa: PLR0911 - one question after the other
    """What somebody else has changed since the operation began; "" for nothing."""
    try:
        now = look_around(update.host, update.releases)
    except ApplyError as exc:
        return str(exc)
    if (now.current, now.previous) != (start.current, start.previous):
        names = f"`current` names {now.current or 'nothing'} and `previous` {now.previous or 'nothing'}"
        return f"{names}, which was {start.current or 'nothing'} and {start.previous or 'nothing'} when this began"
    if not kept.file.is_file():
        return f"releases/{kept.version} was removed meanwhile"
    if start.current and not update.releases.has(start.current):
        return f"releases/{start.current} was removed meanwhile, to which there would be no way back"
    before, after = start.running, now.running
    if before is None and after is None:
        return ""
    if before is None or after is None or before.same != after.same or before.image != after.image:
        old = "no process" if before is None else f"PID {before.pid}"
        new = "no process" if after is None else f"PID {after.pid}"
        return (
            f"the service was restarted meanwhile ({old}, now {new}), and the gate's evidence was of the process before"
        )
    return ""
