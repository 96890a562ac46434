"""An operation that was killed: what it was about, by the journal, and its end."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from gate.apply.errors import ApplyError
from gate.apply.host.releases import CURRENT, identity_of
from gate.apply.service.process import find

if TYPE_CHECKING:
    from gate.apply.outcome import Outcome
    from gate.apply.pending import Move, Pending
    from gate.apply.update import Update


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
