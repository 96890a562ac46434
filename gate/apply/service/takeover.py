"""Whether the update comes: the process is looked at until the new image serves, or until it is clear that it will not."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Literal

from msgspec import Struct

from gate.apply.service.probe import ask, is_ready
from gate.apply.service.process import find, others_with

if TYPE_CHECKING:
    from gate.apply.host.config import Host
    from gate.apply.host.releases import Identity
    from gate.apply.service.probe import Said
    from gate.apply.service.process import Running

End = Literal["taken-over", "crashed", "hangs", "refused", "not-started", "another"]
"""`hangs`: it runs and does not get ready. `refused`: the old image does not go over to it. `not-started`: it was never seen.
`another`: a program runs that is neither."""

STEP = 0.03
ASK_EVERY = 0.25
"""Seconds between two questions to goprobe, and between two looks at all processes."""
SETTLED = 0.3
"""Seconds for which the process has to run the new image."""
GONE = 5.0
"""Seconds without a process after which no supervisor will start it again."""
NOT_READY = "did not get ready"
"""Of goprobe's message about a trial that ran into its deadline (trial.go)."""


class TakeOver(Struct, frozen=True):
    """What became of it, `seconds` after the beginning; `generation` is goprobe's, where it answers."""

    end: End
    detail: str
    seconds: float
    running: Running | None = None
    generation: int | None = None


def wait(  # noqa: PLR0913 - keywords, one a fact
    host: Host, token: str, wanted: Identity, before: Identity | None, said: Said | None, *, seconds: float
) -> TakeOver:
    """Wait until the service runs the file `wanted`.

    Args:
        host: the service.
        token: for its goprobe.
        wanted: what it is to run.
        before: what it ran; None where nothing ran.
        said: what its goprobe said before it was told; None where it has none.
        seconds: how long.

    Raises:
        ApplyError: the process may not be looked at.
    """
    return _Waiting(host, token, wanted, before, said, seconds).result()


class _Waiting:
    def __init__(  # noqa: PLR0913, PLR0917 - as `wait`
        self, host: Host, token: str, wanted: Identity, before: Identity | None, said: Said | None, seconds: float
    ) -> None:
        self._host, self._token, self._wanted, self._before, self._said = host, token, wanted, before, said
        self._begun = time.monotonic()
        self._deadline = self._begun + seconds
        self._since: float | None = None
        self._serving: Running | None = None
        self._seen = False
        self._gone: float | None = None
        self._asked = 0.0

    def result(self) -> TakeOver:
        while True:
            running = find(self._host)
            now = time.monotonic()
            found = self._look(running, now)
            if found is not None:
                return found
            if now >= self._deadline:
                return self._late(running, now)
            time.sleep(min(STEP if not self._host.unit else 0.15, max(0.0, self._deadline - now)))

    def _look(self, running: Running | None, now: float) -> TakeOver | None:
        if running is None:
            self._gone = self._gone or now
            patience = self._host.within if self._host.unit else GONE  # systemd may take a while to start it again
            if self._seen or now - self._gone > patience:
                # One that was there and is gone has crashed; a supervisor that starts it again starts what crashes.
                return None if now - self._gone < min(GONE, 1.0) else self._end("crashed", self._words_of_crash(), now)
            return None
        self._gone = None
        if running.image == self._wanted:
            return self._taking_over(running, now)
        self._since = None
        if running.image != self._before:
            return None if now < self._deadline else self._end("another", f"PID {running.pid} runs {running.path}", now)
        if now - self._asked < ASK_EVERY:
            return None
        self._asked = now
        self._seen |= bool(others_with(self._wanted, running.pid))
        return self._refusal(now)

    def _taking_over(self, running: Running, now: float) -> TakeOver | None:
        if self._serving is not None and self._serving.same != running.same and self._seen:
            return self._end("crashed", f"PID {self._serving.pid} ended, and PID {running.pid} was started", now)
        self._serving, self._seen = running, True
        self._since = self._since or now
        if now - self._since < SETTLED or (self._host.ready and not is_ready(self._host.ready)):
            return None
        generation = None
        if self._said is not None:
            fresh = ask(self._host.url, self._token)
            if fresh is None or fresh.epoch == self._said.epoch:
                return None
            generation = fresh.generation
        return TakeOver("taken-over", "", self._since - self._begun, running, generation)

    def _refusal(self, now: float) -> TakeOver | None:
        """What goprobe says of the attempt, if that has failed."""
        if self._said is None:
            return None
        fresh = ask(self._host.url, self._token)
        if fresh is None or fresh.state != "failed" or fresh.at == self._said.at:
            return None
        end: End = "refused"
        if fresh.code == "trial":
            end = "hangs" if NOT_READY in fresh.reason else "crashed"
        return self._end(
            end, f"in its trial by goprobe: {fresh.reason}" if fresh.code == "trial" else fresh.reason, now
        )

    def _late(self, running: Running | None, now: float) -> TakeOver:
        waited = f"{now - self._begun:.0f} s"
        if running is None:
            return self._end("crashed", self._words_of_crash(), now)
        if running.image == self._wanted:
            what = (
                f"{self._host.ready} has no good answer" if self._host.ready and not is_ready(self._host.ready) else ""
            )
            return self._end("hangs", what or f"its goprobe does not answer after {waited}", now, running)
        if running.image != self._before:
            return self._end("another", f"PID {running.pid} runs {running.path}", now)
        if others_with(self._wanted, running.pid):
            return self._end("hangs", f"its process was not ready after {waited}", now)
        if self._seen:
            return self._end("crashed", "its process ended, and the old image serves on", now)
        return self._end("not-started", f"no process of it was seen within {waited}", now)

    def _words_of_crash(self) -> str:
        return f"PID {self._serving.pid} ended" if self._serving is not None else "no process of the service is left"

    def _end(self, end: End, detail: str, now: float, running: Running | None = None) -> TakeOver:
        return TakeOver(end, detail, now - self._begun, running)
