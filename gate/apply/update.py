"""From the switch to the end: the links, the trigger, the take-over, the watch, and the way back."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING

from msgspec.structs import replace

from gate.apply.errors import ApplyError
from gate.apply.host.journal import OPERATION
from gate.apply.host.releases import CURRENT, PREVIOUS, identity_of
from gate.apply.outcome import Outcome, why_taken_back
from gate.apply.service import rules, takeover
from gate.apply.service.probe import ask
from gate.apply.service.process import find, others_with
from gate.apply.service.takeover import TakeOver
from gate.apply.service.trigger import TriggerFailed, restart, run, trigger
from gate.inflection import count

if TYPE_CHECKING:
    from gate.apply.host.config import Host
    from gate.apply.host.releases import Identity, Releases
    from gate.apply.outcome import Ending
    from gate.apply.pending import Move
    from gate.apply.record import Recorder
    from gate.apply.service.probe import Said
    from gate.apply.service.process import Running
    from gate.store.database import Database

AGAIN = 2.0
"""Seconds for which a take-over that may be under way is waited for, before the service is told once more, or after it could not be told."""
ROUNDS = 3
"""Times that the service is told to go back, for an image that takes over while it is being taken back."""


class Update:
    """One operation on a service, from the switch on."""

    def __init__(self, host: Host, token: str, releases: Releases, recorder: Recorder, database: Database) -> None:
        self.host, self.token = host, token
        self.releases, self.recorder, self.database = releases, recorder, database

    # The way there

    def switch(self, move: Move) -> None:
        """Have `current` name the release that is to run, and `previous` the one that runs.

        Raises:
            ApplyError: it was not done, and nothing has changed.
        """
        self.recorder.begin("switch", **move.facts())
        self.recorder.essential = False
        try:
            self.releases.point(previous=move.before, current=move.version)
        except OSError as exc:
            with suppress(OSError):
                self.releases.point(current=move.before, previous=move.previous)
            if self.releases.link(CURRENT) != move.version:
                self.recorder.essential = True
                said = f"the links cannot be replaced ({exc.strerror}): {self.releases.folder}"
                raise ApplyError(said, hint="is the disk full, or the folder read-only? nothing has changed") from exc
        self.recorder.end("switch")

    def follow(self, move: Move, *, told: bool = False) -> Outcome:
        """Tell the service, see it go over, and watch it. `told`: it was told before this process was there to see what came of it.

        Raises:
            ApplyError: the process may not be looked at.
        """
        wanted = identity_of(self.releases.image(move.version))
        running, said = self._heard(wanted)
        if running is None and move.image is None and not self.host.start:
            said_now = f"`current` names {move.version}, and no process of {self.host.name} runs"
            return self.conclude("done", move, said_now, "start the service: it has to execute FOLDER/current/FILE")
        if running is not None and running.image not in (wanted, move.image):
            # Nobody but the service is told anything: a PID file may name anybody by now.
            found = TakeOver("another", f"PID {running.pid} runs {running.path}", 0.0)
            return self.back(move, *why_taken_back(move.version, found))
        seconds, problem = self.host.within, ""
        if told and running is not None and running.image != wanted:
            found = takeover.wait(self.host, self.token, wanted, running.image, said, seconds=AGAIN)
            if found.end == "taken-over":
                return self._taken_over(move, found)
            running = find(self.host)
        if running is None or running.image != wanted:
            self.recorder.begin("trigger", pid=None if running is None else running.pid)
            try:
                self._tell(running)
            except TriggerFailed as exc:
                # A command that waits for the end of an update fails with it, too: what became of the service says which it was.
                seconds, problem = min(seconds, AGAIN), str(exc)
            self.recorder.end("trigger", **({"problem": problem} if problem else {}))
        self.recorder.begin("take-over", version=move.version)
        before = move.image if running is None else running.image
        found = takeover.wait(self.host, self.token, wanted, before, said, seconds=seconds)
        if found.end != "taken-over":
            self.recorder.end("take-over", end=found.end, detail=found.detail)
            if problem and found.end == "not-started":
                hint = "put `trigger` of the host's table right; the release was never started by it"
                return self.back(move, "not-told", f"the service could not be told: {problem}", hint)
            return self.back(move, *why_taken_back(move.version, found))
        return self._taken_over(move, found)

    def _heard(self, wanted: Identity) -> tuple[Running | None, Said | None]:
        """The process, and what goprobe said while it ran that image, by which it is told from the one that it goes over to.

        An update that somebody began earlier, such as one that was killed, may come to its end between the two: what answered then
        is the new image, and would be waited for in vain to be replaced.
        """
        for _ in range(ROUNDS):
            running = find(self.host)
            if running is None or running.image == wanted or not self.host.url:
                return running, None
            said = ask(self.host.url, self.token)
            now = find(self.host)
            if now is not None and (now.same, now.image) == (running.same, running.image):
                return running, said
        return find(self.host), None

    def _tell(self, running: Running | None) -> None:
        if running is not None:
            trigger(self.host, running.pid)
        elif self.host.start:
            run(self.host.start, self.host.within)

    def _taken_over(self, move: Move, found: TakeOver) -> Outcome:
        pid = None if found.running is None else found.running.pid
        self.recorder.end(
            "take-over", end=found.end, pid=pid, generation=found.generation, took=round(found.seconds, 3)
        )
        # Of a first release there is nothing to compare with, and a rollback is not watched.
        watched = self.host.watch is not None and self.recorder.kind == "apply" and bool(move.before)
        if not watched or found.running is None:
            return self._done(move, found, "")
        return self._watch(move, found, found.running)

    def _watch(self, move: Move, found: TakeOver, running: Running) -> Outcome:
        config = self.host.watch
        if config is None:
            raise AssertionError
        self.recorder.begin("watch", within=config.within, rules=[each.name for each in config.rules])
        watch = rules.Watch(self.host, self.token, config, list(move.earlier))
        begun = time.monotonic()
        while True:
            disturbed = self._disturbed(move, running)
            if disturbed is not None:
                return disturbed
            state = watch.look()
            passed = time.monotonic() - begun
            if state == "rollback":
                self.recorder.end("watch", state=state, said=watch.words())
                said = f"{move.version} failed its rules after {passed:.1f} s ({watch.words()})"
                return self.back(
                    move, "rules", said, "look at what it did meanwhile; the counters were of real requests"
                )
            if state == "clear":
                self.recorder.end("watch", state=state, said=watch.words())
                return self._done(
                    move, found, f", and {count(len(config.rules), 'rule')} found nothing in {passed:.0f} s"
                )
            if state == "inconclusive":
                self.recorder.end("watch", state=state, said=watch.words())
                said = f"{self.host.name} runs {move.version}, and its rules could not be evaluated: {watch.words()}"
                hint = f"look at the service; `hotgate rollback {self.host.name}` takes the release back"
                return self.conclude("unwatched", move, said, hint, reason="rules")
            time.sleep(max(0.05, min(watch.pause, watch.left())))

    def _disturbed(self, move: Move, running: Running) -> Outcome | None:
        """What ends a watch early: the process is gone, or somebody else is at work; None for neither."""
        try:
            named = self.releases.link(CURRENT)
        except ApplyError as exc:
            return self._interfered(move, str(exc))
        if named != move.version:
            return self._interfered(move, f"`current` names {named or 'nothing'}, which hotgate did not do")
        now = find(self.host)
        if now is not None and now.same == running.same and now.image == running.image:
            return None
        if now is not None and now.image != running.image:
            other = self.releases.version_of(now.image) or now.path
            return self._interfered(move, f"PID {now.pid} runs {other}, which hotgate did not do")
        self.recorder.end("watch", state="crashed")
        what = (
            f"PID {running.pid} ended"
            if now is None
            else f"PID {running.pid} ended, its supervisor started PID {now.pid}"
        )
        said = f"{move.version} crashed while it was watched ({what})"
        return self.back(move, "crashed", said, "its own log says why; it got through its start")

    def _interfered(self, move: Move, what: str) -> Outcome:
        self.recorder.end("watch", state="interfered")
        said = f"{what}, while {move.version} was watched: hotgate leaves it as it is"
        return self.conclude(
            "interfered", move, said, f"`hotgate releases {self.host.name}` shows what there is", reason="hand"
        )

    def _done(self, move: Move, found: TakeOver, said: str) -> Outcome:
        how = f" (PID {found.running.pid}" if found.running is not None else " ("
        how += f", generation {found.generation})" if found.generation is not None else ")"
        self._retain(move)
        return self.conclude(
            "done", move, f"{self.host.name} runs {move.version}{how}, taken over in {found.seconds:.2f} s{said}"
        )

    def _retain(self, move: Move) -> None:
        """Remove old releases; that some cannot be removed is no failure of an update that is over."""
        with suppress(ApplyError, OSError):
            never = {move.version, move.before, self.releases.link(CURRENT), self.releases.link(PREVIOUS)}
            gone = self.releases.remove_old(self.host.keep, never)
            if gone:
                self.recorder.note("retention", f"removed {', '.join(gone)}")

    # The way back

    def back(self, move: Move, reason: str, said: str, hint: str) -> Outcome:
        """Have the release before run again, whatever runs now. `reason` is a word, `said` what happened, `hint` what to do."""
        self.recorder.begin("back", reason=reason, said=said, hint=hint)
        if not self.releases.has(move.before):
            gone = f"releases/{move.before} is gone" if move.before else "there was no release before"
            return self._stuck(move, reason, said, gone)
        try:
            previous = move.previous if self.releases.has(move.previous) else ""
            self.releases.point(current=move.before, previous=previous)
        except OSError as exc:
            return self._stuck(move, reason, said, f"the links cannot be replaced: {exc.strerror}")
        problem = self._bring_back(move)
        running = find(self.host)
        wanted = identity_of(self.releases.image(move.before))
        if running is None:
            ends = f"{said}: `current` names {move.before} again, and no process of {self.host.name} runs"
            start = f"start the service ({problem})" if problem else "start the service"
            self.recorder.end("back", problem=problem or "no process")
            return self.conclude("taken-back", move, ends, f"{start}; {hint}", reason=reason, runs=move.before)
        if running.image not in (wanted, move.image):
            return self._stuck(move, reason, said, problem or f"PID {running.pid} runs {running.path}")
        self.recorder.end("back", pid=running.pid)
        return self.conclude(
            "taken-back",
            move,
            f"{said}: {self.host.name} runs {move.before} again",
            hint,
            reason=reason,
            runs=move.before,
        )

    def _bring_back(self, move: Move) -> str:
        """Tell the service until the release before runs, and nothing of the other one is left that could take over; the problem."""
        wanted = identity_of(self.releases.image(move.before))
        new: Identity | None = None
        with suppress(OSError):  # somebody may have deleted it
            new = identity_of(self.releases.image(move.version))
        problem = ""
        for _ in range(ROUNDS):
            running = find(self.host)
            if running is not None and running.image in (wanted, move.image):
                if new is None or self._alone(running, new):
                    return ""
                continue
            if running is not None and running.image != new:
                return f"PID {running.pid} runs {running.path}"
            try:
                problem = self._tell_back(running, wanted, again=bool(problem))
            except TriggerFailed as exc:
                problem = str(exc)
                if not self.host.start:
                    return problem
            if running is None and find(self.host) is None:
                return problem
        return problem

    def _tell_back(self, running: Running | None, wanted: Identity, *, again: bool) -> str:
        """Tell the service to run the release before, and wait for it; the problem. `again`: it was told, and did not go.

        Raises:
            TriggerFailed: it could not be told.
        """
        said = None
        if running is None:
            if self.host.start:
                run(self.host.start, self.host.within)
        elif again and self.host.start:  # one that hangs hears nothing
            restart(self.host, running)
        else:
            now, said = self._heard(wanted)
            if now is None or now.image != running.image:
                return ""  # it went on by itself
            trigger(self.host, running.pid)
        seconds = self.host.within if running is not None or self.host.start else takeover.GONE
        before = None if running is None else running.image
        return _problem(takeover.wait(self.host, self.token, wanted, before, said, seconds=seconds))

    def _alone(self, running: Running, new: Identity) -> bool:
        """Whether the old image stays: what was started of the new one has ended, or does nothing for as long as it may take."""
        deadline = time.monotonic() + self.host.within
        while others_with(new, running.pid) and time.monotonic() < deadline:
            time.sleep(0.1)
            if (now := find(self.host)) is None or now.image != running.image:
                return False
        return True

    def _stuck(self, move: Move, reason: str, said: str, problem: str) -> Outcome:
        """It could not be taken back: `current` names what runs."""
        with suppress(OSError, ApplyError):
            running = find(self.host)
            if running is not None and self.releases.version_of(running.image) == move.version:
                self.releases.point(previous=move.before, current=move.version)
        self.recorder.end("back", problem=problem)
        ends = f"{said}, and it could not be taken back ({problem})"
        hint = f"somebody has to look now: `hotgate releases {self.host.name}` shows what runs and what there is"
        return self.conclude("stuck", move, ends, hint, reason=reason)

    # The end

    def conclude(  # noqa: PLR0913 - keywords, one a fact
        self, ending: Ending, move: Move, said: str, hint: str = "", *, reason: str = "", runs: str | None = None
    ) -> Outcome:
        """Write down what the operation ended in."""
        if runs is None:
            runs = ""
            with suppress(ApplyError):
                runs = self.releases.link(CURRENT)
        outcome = Outcome(
            name=self.host.name,
            ending=ending,
            said=said,
            hint=hint,
            runs=runs,
            version=move.version,
            reason=reason,
            seconds=dict(self.recorder.seconds),
            operation=self.recorder.operation,
            warnings=tuple(self.recorder.warnings),
        )
        record = self.recorder.keep(ending, outcome.exit_code, outcome.shape() | {"before": move.before})
        self.recorder.end(OPERATION, ending=ending, said=said, hint=hint, runs=runs, exit_code=outcome.exit_code)
        head = "" if record is None else f"{record.seq}:{record.hash}"
        return replace(outcome, audit=head, unrecorded=self.recorder.problem)


def _problem(found: TakeOver) -> str:
    return "" if found.end == "taken-over" else found.detail or found.end
