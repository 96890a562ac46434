"""`hotgate apply` and `hotgate rollback`: an operation from its beginning to its end, and that of one that was killed."""

from __future__ import annotations

from contextlib import closing, contextmanager, suppress
from typing import TYPE_CHECKING

from msgspec import Struct

from gate.apply import fetching, resume, stages
from gate.apply.errors import ApplyError
from gate.apply.host.journal import JOURNAL, OPERATION, Journal
from gate.apply.host.lock import LOCK, locked
from gate.apply.host.releases import Releases, digest_of
from gate.apply.pending import Move, pending
from gate.apply.record import Recorder, catch_up, end_in_store
from gate.apply.update import Update
from gate.policy.errors import PolicyError
from gate.policy.origin import without_password
from gate.store.errors import StoreError
from probes.errors import ProbeError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from gate.apply.host.config import Host
    from gate.apply.host.releases import Kept
    from gate.apply.outcome import Outcome
    from gate.apply.pending import Pending
    from gate.apply.record import Listener, OperationKind
    from gate.apply.stages import Start
    from gate.policy.model import Policy
    from gate.release.client import Releases as Repository
    from gate.release.description import Description
    from gate.store.database import Database

NOTHING = Move("", "", "", None)
_Expected = (ApplyError, PolicyError, ProbeError, StoreError, OSError)


class Ground(Struct, frozen=True):
    """What an operation works with. `listener` is told of every event; `progress` of bytes, while a release is fetched."""

    host: Host
    policy: Policy
    database: Database
    store: str
    listener: Listener
    progress: Callable[[str, int, int], None]

    def releases(self) -> Releases:
        """The folder of releases."""
        return Releases(self.host.folder, self.host.file)

    def journal(self) -> Journal:
        """The journal."""
        return Journal(self.host.state / JOURNAL)

    def update(self, kind: OperationKind, operation: str = "") -> Update:
        """An operation, a new one unless it is named."""
        recorder = Recorder(self.host.name, kind, self.journal(), self.database, self.listener, operation=operation)
        return Update(self.host, stages.token_of(self.host), self.releases(), recorder, self.database)


class Wanted(Struct, frozen=True):
    """What `hotgate apply` was asked for. `first`: there may be no release on the host yet."""

    repository: str = ""
    version: str = ""
    dry_run: bool = False
    first: bool = False


def apply(ground: Ground, wanted: Wanted) -> Outcome:
    """Bring a release to the host. An operation that was killed is ended first.

    Raises:
        ApplyError, ProbeError, PolicyError, StoreError: it could not be done, and nothing has changed.
    """
    with _alone(ground, "apply") as left:
        if left is not None:
            ended = _end(ground, left)
            if ended.ending in ("stuck", "interfered"):
                return ended
        return _apply(ground, wanted)


def rollback(ground: Ground, force: str = "") -> Outcome:
    """Have the release before run again, behind the gate; `force`: why the gate's verdict is not to count.

    Raises:
        ApplyError, ProbeError, PolicyError, StoreError: it could not be done, and nothing has changed.
    """
    with _alone(ground, "rollback") as left:
        if left is not None:
            ended = _end(ground, left)
            if ended.ending in ("stuck", "interfered") and not force:
                return ended
            if ended.ending == "taken-back":
                return ended
        return _rollback(ground, force)


def go_on(ground: Ground) -> Outcome | None:
    """End an operation that was killed: from the switch on it goes on or goes back; before, it is begun anew.

    None where none is unfinished.

    Raises:
        ApplyError, ProbeError, PolicyError, StoreError: it could not be done.
    """
    with _alone(ground, "apply --resume") as left:
        if left is None:
            return None
        ended = _end(ground, left)
        if left.switched:
            return ended
        if left.kind == "rollback":
            return _rollback(ground, left.force)
        return _apply(ground, Wanted(left.repository, left.version))


@contextmanager
def _alone(ground: Ground, what: str) -> Iterator[Pending | None]:
    """Hold the service's lock; gives the operation that was killed, if there is one."""
    host = ground.host
    stages.check_folder(host)
    with locked(host.state / LOCK, f"hotgate {what} {host.name}"):
        journal = ground.journal()
        journal.shorten()
        end_in_store(journal, ground.database)
        catch_up(host.name, journal, ground.database)
        yield pending(journal)


def _end(ground: Ground, left: Pending) -> Outcome:
    update = ground.update("rollback" if left.kind == "rollback" else "apply", left.operation)
    return resume.finish(update, left) if left.switched else resume.abandon(update, left)


@contextmanager
def _begun(update: Update, **facts: object) -> Iterator[None]:
    """The beginning of an operation; one that fails before its switch has ended with that."""
    update.recorder.begin(OPERATION, **facts)
    try:
        yield
    except _Expected as exc:
        if update.recorder.essential:
            with suppress(ApplyError, StoreError):
                update.recorder.end(OPERATION, ending="failed", said=str(exc))
        elif isinstance(exc, ApplyError):
            hint = f"the switch has been made: `hotgate apply {update.host.name} --resume` goes on from here"
            raise ApplyError(str(exc), hint=hint) from exc
        raise


def _apply(ground: Ground, wanted: Wanted) -> Outcome:
    host, update = ground.host, ground.update("apply")
    releases = update.releases
    releases.forget_incoming()
    start = stages.look_around(host, releases)
    gone = bool(start.current) and not releases.has(start.current)
    if not start.current and not wanted.first:
        hint = f"`hotgate apply {host.name} --first` brings the first release"
        raise ApplyError(f"there is no release of {host.name} on this host: {host.folder}/current", hint=hint)
    if gone and wanted.version != start.current:
        hint = f"`hotgate apply {host.name} --version {start.current}` fetches it again"
        raise ApplyError(f"the release that `current` names is gone: {releases.image(start.current)}", hint=hint)
    if start.current and not gone:
        stages.check_running(host, releases, start)
    facts = {"version": wanted.version, "before": start.current, "previous": start.previous}
    url = without_password(wanted.repository or host.repository)
    with _begun(update, **facts, repository=url, dry_run=wanted.dry_run, first=wanted.first):
        kept = _bring(ground, update, wanted, start)
        if kept.version == start.current:
            return _as_it_is(update, kept, start, restored=gone)
        stages.prewarm(update, kept)
        return _switched(ground, update, kept, start, wanted)


def _bring(ground: Ground, update: Update, wanted: Wanted, start: Start) -> Kept:
    """The release on this host: fetched unless it is there."""
    host, recorder = ground.host, update.recorder
    recorder.begin("fetch", repository=without_password(wanted.repository or host.repository))
    with closing(fetching.repository(host, wanted.repository)) as source:
        for ending in source.ending():
            recorder.warn("fetch", ending)
        return _from(ground, update, source, source.find(host.name, wanted.version or None), start)


def _from(ground: Ground, update: Update, source: Repository, description: Description, start: Start) -> Kept:
    """The release of a repository on this host."""
    host, releases, recorder = ground.host, update.releases, update.recorder
    recorder.end("fetch", version=description.version, sha256=description.sha256, size=description.size)
    recorder.begin("assemble", version=description.version)
    kept = next((each for each in releases.all() if each.version == description.version), None)
    if kept is not None:
        _check_same(kept, description)
        recorder.end("assemble", way="here")
        return kept
    fetching.check_room(host.folder, description)
    if description.version != start.current:
        like = releases.image(start.current) if start.current else None
    else:
        like = None
        releases.remove(description.version)  # what is left of a folder that somebody deleted in part
    kept, how = fetching.install(host, releases, source, description, like, ground.progress)
    for each in how["notes"]:
        recorder.warn("assemble", each)
    recorder.end("assemble", **how)
    return kept


def _check_same(kept: Kept, description: Description) -> None:
    """Raise ApplyError unless the release on the host is the one of the repository."""
    if (kept.sha256 or digest_of(kept.file)) != description.sha256:
        hint = f"unless it is needed, remove {kept.file.parent} and apply again"
        raise ApplyError(f"{kept.file} is not what the repository has as {kept.version}", hint=hint)


def _as_it_is(update: Update, kept: Kept, start: Start, *, restored: bool) -> Outcome:
    host = update.host
    move = Move(kept.version, start.current, start.previous, None)
    if not restored:
        return update.conclude("as-it-was", move, f"{host.name} runs {kept.version} already: nothing to do")
    said = f"the release {kept.version}, which `current` names, is on this host again"
    if start.running is not None and not stages.runs_copy(kept.file, start.running.pid):
        runs = start.running.path.removesuffix(" (deleted)")
        return update.conclude(
            "interfered", move, f"{said}, and PID {start.running.pid} runs another: {runs}", reason="hand"
        )
    return update.conclude("as-it-was", move, said)


def _switched(ground: Ground, update: Update, kept: Kept, start: Start, wanted: Wanted) -> Outcome:
    """The gate, and what follows where it lets the release on."""
    move = Move(kept.version, start.current, start.previous, None)
    if start.running is None:
        update.recorder.note("gate", "nothing runs that the release could be compared with: it is the first one")
    else:
        judged = stages.gate(update, ground.policy, kept, start, ground.store, back=True)
        held = stages.held_back(update, move, judged)
        if held is not None:
            return held
    if wanted.dry_run:
        said = (
            f"{kept.version} may replace {start.current or 'nothing'}: it is on this host, and nothing else has changed"
        )
        return update.conclude("would-pass", move, said, f"`hotgate apply {update.host.name}` does it")
    move, disturbed = stages.prepare(update, kept, start)
    if disturbed is not None:
        return disturbed
    update.switch(move)
    return update.follow(move)


def _rollback(ground: Ground, force: str) -> Outcome:
    host, update = ground.host, ground.update("rollback")
    releases = update.releases
    start = stages.look_around(host, releases)
    if not start.previous or start.previous == start.current:
        raise ApplyError(
            f"there is no release before {start.current or 'the first'}: {host.folder}/previous",
            hint="`hotgate apply --version` brings one",
        )
    kept = next((each for each in releases.all() if each.version == start.previous), None)
    if kept is None:
        hint = f"`hotgate apply {host.name} --version {start.previous}` fetches it again"
        raise ApplyError(f"the release that `previous` names is gone: {releases.image(start.previous)}", hint=hint)
    if not force:
        stages.check_running(host, releases, start)
    facts = {"version": kept.version, "before": start.current, "previous": start.previous, "force": force}
    with _begun(update, **facts):
        stages.prewarm(update, kept)
        held = _judged_back(ground, update, kept, start, force)
        if held is not None:
            return held
        move, disturbed = stages.prepare(update, kept, start)
        if disturbed is not None:
            return disturbed
        update.switch(move)
        return update.follow(move)


def _judged_back(ground: Ground, update: Update, kept: Kept, start: Start, force: str) -> Outcome | None:
    """The gate of a rollback: with `force` its verdict is written down and does not count."""
    if start.running is None:
        update.recorder.note("gate", f"no process runs that could be asked; forced: {force}")
        return None
    move = Move(kept.version, start.current, start.previous, None)
    try:
        judged = stages.gate(update, ground.policy, kept, start, ground.store, back=False)
    except (ProbeError, OSError) as exc:
        if not force:
            raise
        update.recorder.note("gate", f"could not judge ({exc}); forced: {force}")
        return None
    if not force:
        return stages.held_back(update, move, judged)
    if judged.verdict != "pass":
        update.recorder.note("gate", f"{judged.verdict}, forced: {force}")
    return None
