"""What the journal of a host tells of an operation that was killed. It reads, and needs neither store nor gate for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import Struct

from gate.apply.host.journal import JOURNAL, OPERATION, Journal
from gate.apply.host.lock import LOCK, is_held

if TYPE_CHECKING:
    from gate.apply.host.config import Host
    from gate.apply.host.journal import Line
    from gate.apply.host.releases import Identity

MOST_SAMPLES = 200
"""Samples from before the update that the journal keeps, for a watch that has to be begun anew."""


class Move(Struct, frozen=True):
    """What is to replace what: versions, "" for none. `previous` is what that link named before; `image`: the file that ran."""

    version: str
    before: str
    previous: str
    image: Identity | None
    earlier: tuple[str, ...] = ()
    """Samples of the counters of the watch from before the update."""

    def facts(self) -> dict[str, Any]:
        """As the journal has it."""
        image = None if self.image is None else list(self.image)
        return {
            "version": self.version,
            "before": self.before,
            "previous": self.previous,
            "image": image,
            "earlier": list(self.earlier[-MOST_SAMPLES:]),
        }


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


def unfinished(host: Host) -> Pending | None:
    """The operation that was killed, as far as the journal tells; None for none, and while one is under way.

    Raises:
        ApplyError: the journal cannot be read.
    """
    if is_held(host.state / LOCK):
        return None
    return pending(Journal(host.state / JOURNAL))
