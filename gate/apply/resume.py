"""An operation that was killed: what it was about, by the journal, and its end."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from msgspec import Struct

from gate.apply.errors import ApplyError
from gate.apply.host.releases import CURRENT, identity_of
from gate.apply.record import OPERATION
from gate.apply.service.process import find
from gate.apply.update import Move

if TYPE_CHECKING:
    from gate.apply.host.journal import Journal, Line
    from gate.apply.outcome import Outcome
    from gate.apply.update import Update


class Pending(Struct, frozen=True):
    """An operation without an end. `switched`: its switch had begun; `told`: so had its trigger; `back`: why it was on its way back."""

    operation: str
    kind: str
    version: str
    repository: str
    force: str
    switched: bool
    told: bool
    back: tuple[str, str, str] | None
    move: Move


def pending(journal: Journal) -> Pending | None:
    """The last operation of the journal, if it has no end.

    Raises:
        ApplyError: the journal cannot be read.
    """
    lines = journal.lines()
    last = lines[-1].operation if lines else ""
    own = [line for line in lines if line.operation == last]
    if not own or any(line.stage == OPERATION and line.event == "end" for line in own):
        return None
    begun = {line.stage: line for line in own if line.event == "begin"}
    first = begun.get(OPERATION)
    facts = {} if first is None else first.facts
    switched = begun.get("switch")
    back = begun.get("back")
    return Pending(
        operation=last,
        kind=own[0].kind,
        version=str(facts.get("version") or ""),
        repository=str(facts.get("repository") or ""),
        force=str(facts.get("force") or ""),
        switched=switched is not None,
        told="trigger" in begun,
        back=None if back is None else tuple(str(back.facts.get(key) or "") for key in ("reason", "said", "hint")),  # type: ignore[arg-type]
        move=_move(switched or first),
    )


def _move(line: Line | None) -> Move:
    facts = {} if line is None else line.facts
    image = facts.get("image")
    known = isinstance(image, list) and len(image) == 2 and all(isinstance(part, int) for part in image)
    earlier = facts.get("earlier")
    return Move(
        str(facts.get("version") or ""),
        str(facts.get("before") or ""),
        str(facts.get("previous") or ""),
        (image[0], image[1]) if known and isinstance(image, list) else None,
        tuple(str(each) for each in earlier) if isinstance(earlier, list) else (),
    )


def abandon(update: Update, left: Pending) -> Outcome:
    """End an operation that had not begun to switch: what it has fetched in part is removed."""
    update.releases.forget_incoming()
    said = f"the {left.kind} of {left.version or 'a release'} was killed before the switch: nothing had changed"
    return update.conclude("abandoned", left.move, said, reason="killed")


def finish(update: Update, left: Pending) -> Outcome:  # noqa: PLR0911 - one decision after the other
    """Go on with an operation that had begun to switch, or go back: by what runs now, and what the links name.

    Raises:
        ApplyError: the process may not be looked at.
    """
    move, releases = left.move, update.releases
    update.recorder.essential = False
    update.releases.forget_incoming()
    if left.back is not None:
        return update.back(move, *left.back)
    try:
        named = releases.link(CURRENT)
    except ApplyError as exc:
        return _left_alone(update, move, str(exc))
    if named not in (move.version, move.before):
        return _left_alone(update, move, f"`current` names {named or 'nothing'}, which hotgate did not do")
    running = find(update.host)
    known = {move.image} - {None}
    for version in (move.version, move.before):
        with suppress(OSError):
            known.add(identity_of(releases.image(version)))
    if running is not None and running.image not in known:
        other = releases.version_of(running.image) or running.path
        return _left_alone(update, move, f"PID {running.pid} runs {other}, which hotgate did not do")
    if not releases.has(move.version):
        said = f"the {left.kind} of {move.version} was killed, and releases/{move.version} is gone"
        return update.back(move, "killed", said, "apply it again")
    if not left.told and running is not None and running.image == move.image and named == move.before:
        # Killed in the very moment of the switch, or by who wanted it to stop: as long as nobody was told, it is undone.
        return _undone(update, move, left)
    try:
        releases.point(previous=move.before, current=move.version)
    except OSError as exc:
        raise ApplyError(
            f"the links cannot be replaced ({exc.strerror}): {releases.folder}", hint="free some space"
        ) from exc
    update.recorder.note("resume", f"goes on with {move.version}")
    return update.follow(move, told=left.told)


def _undone(update: Update, move: Move, left: Pending) -> Outcome:
    with suppress(OSError):
        update.releases.point(previous=move.previous if update.releases.has(move.previous) else "")
    said = f"the {left.kind} of {move.version} was killed before the switch: nothing had changed"
    return update.conclude("abandoned", move, said, reason="killed")


def _left_alone(update: Update, move: Move, what: str) -> Outcome:
    said = f"{what}, since the {update.recorder.kind} of {move.version} was killed: hotgate leaves it as it is"
    hint = f"`hotgate releases {update.host.name}` shows what there is"
    return update.conclude("interfered", move, said, hint, reason="hand")
