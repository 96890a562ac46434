"""What OLD is after updates that it was not when it was started: signals that it no longer hears, a heartbeat that has stopped."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from gate.evidence.rehearsal import Inherited
from gate.rehearsal.rounds.fetch import fetch
from gate.rehearsal.stage.signals import unheard

if TYPE_CHECKING:
    from gate.rehearsal.rounds.scene import Scene

HEARTBEAT = "/debug/hotgate/heartbeat"


class Fresh:
    """The service as OLD was started, for comparison with OLD after updates."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._unheard = self._signals()
        self._beat = self._heartbeat()

    def compare(self) -> tuple[Inherited, ...]:
        """What is otherwise now; nothing while NEW serves, or where it cannot be seen."""
        if self._scene.serving != "old":
            return ()
        found = []
        before, now = self._unheard, self._signals()
        if before is not None and now is not None:
            found += [Inherited(name, how) for name, how in sorted(now.items()) if name not in before]
        beat, after = self._beat, self._heartbeat()
        if beat is not None and after is not None:
            if beat[0] and not after[0]:
                found.append(Inherited("goprobe's heartbeat", "does not run"))
            elif beat[0] and after[1] < beat[1]:
                found.append(Inherited("goprobe's heartbeat", "numbers its windows anew"))
        return tuple(found)

    def _signals(self) -> dict[str, str] | None:
        answer = self._scene.service.ask()
        return None if answer is None or answer.pid is None else unheard(answer.pid)

    def _heartbeat(self) -> tuple[bool, int] | None:
        """(whether it runs, the number of its next window); None without goprobe."""
        target = self._scene.service.target
        answer = fetch(target, HEARTBEAT, token=self._scene.order.token) if target is not None and target.path else None
        if answer is None or answer.status != 200:
            return None
        try:
            found: Any = json.loads(answer.body)
            return bool(found["enabled"]), int(found["next_seq"])
        except (ValueError, TypeError, KeyError, RecursionError):
            return None
