"""One update: NEW is put at its path, the service is told, and everybody is watched until it is over."""

from __future__ import annotations

import os
import signal
import time
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from gate.evidence.rehearsal import Timeline, Update
from gate.rehearsal.load.records import longest_pause, losses, strip, within

if TYPE_CHECKING:
    from gate.evidence.rehearsal import Loss, UpdateOutcome, Way
    from gate.rehearsal.rounds.scene import Scene
    from gate.rehearsal.stage.images import Name
    from gate.rehearsal.stage.processes import Identity
    from gate.rehearsal.stage.service import Service

ASK_EVERY = 0.03
STREAK = 0.5
"""Seconds for which the new image alone must have answered."""
LEAST_ANSWERS = 5
BESIDE = 3.0
"""Seconds for which the new image alone must have answered where the old one still listens, as the first process of overseer does."""
BURST = 8
"""Connections at once that show who accepts."""
SILENCE = 3.0
"""Seconds without an answer after which a service whose processes are there is not waited for as long as for a slow update."""
DRAIN = 10.0
"""Seconds for which an old image that no longer answers anybody new is waited for, while it has connections."""
LEAD = 0.6
LINGER = 0.6
"""Seconds of load before the trigger, and after the end."""
GONE = 2.0
"""Seconds in which an old image that has drained ends."""
STEP = 0.1
PLACES = 60
EMPTY = Timeline(STEP * 1000, 0.0, ())


class Watched(Struct, frozen=True):
    """What was seen of one update. Times in seconds after the trigger."""

    outcome: UpdateOutcome
    detail: str
    take_over: float | None
    end: float | None
    over: float
    pid: int | None


def perform_update(  # noqa: PLR0913 - keywords, one a fact
    scene: Scene, number: int, way: Way, image: Name, *, loaded: bool, look: bool = True
) -> Update:
    """Update to `image`, under load where there is one; `look`: at what the service holds afterwards."""
    service = scene.service
    if loaded and scene.load is not None:
        scene.load.resume()
        time.sleep(LEAD)
    placed = scene.images.place(image)
    pid = service.main_process()
    before = time.monotonic()
    if pid is not None:
        service.trigger(scene.trigger, pid)
    seen = watch(scene, placed, scene.plan.within, pid, before)
    over = before + seen.over
    if loaded and scene.load is not None:
        time.sleep(LINGER)
        scene.load.pause()
    if seen.outcome == "taken-over" and serves_beside(service, placed, before + scene.plan.within):
        said = f"the old image still accepts connections, {time.monotonic() - before:.1f} s after the trigger"
        seen = replace(seen, outcome="both-serve", detail=said)
    if seen.outcome == "taken-over":
        scene.serving = image
        scene.in_place = seen.pid is not None and seen.pid == pid
    lost, requests, pause, timeline = account(scene, before, over, loaded=loaded)
    left = scene.footprint() if look and seen.outcome == "taken-over" else None
    return Update(
        number=number,
        way=way,
        outcome=seen.outcome,
        detail=seen.detail,
        take_over=_ms(seen.take_over),
        end=_ms(seen.end),
        pause=pause,
        requests=requests,
        lost=lost,
        timeline=timeline,
        pid=seen.pid,
        build_id=scene.order.build_ids.get(image, ""),
        left=left,
    )


def serves_beside(service: Service, placed: Identity, until: float) -> bool:
    """Whether an old image accepts connections `until` then, once nothing is measured any more.

    On a busy machine the new image, being awake, can take whole bursts of connections; while it is stopped for a moment, it takes none.
    """
    while True:
        alive = {each.pid: each for each in service.processes().values() if each.alive}
        old = {pid for pid, each in alive.items() if each.image not in (placed, None)}
        if not old or not service.listening(old) or not service.accepts_without(set(alive) - old):
            return False
        if time.monotonic() > until:
            return True
        time.sleep(STREAK)


def account(scene: Scene, begin: float, end: float, *, loaded: bool) -> tuple[tuple[Loss, ...], int, float, Timeline]:
    """What was lost from `begin` to `end`, of how many requests; the longest pause in milliseconds; and the picture."""
    if scene.load is None:
        return (), 0, 0.0, EMPTY
    examples = scene.load.examples()
    records = scene.load.records()
    concerned = list(within(records, begin, end + LINGER))
    lost = losses(concerned, examples)
    if not loaded:
        return lost, len(concerned), 0.0, EMPTY
    step = max(STEP, (end - begin + LEAD + LINGER) / PLACES)
    places = int((end - begin + LEAD + LINGER) / step) + 1
    counts = strip(within(records, begin - LEAD, end + LINGER), begin - LEAD, step, places)
    pause = longest_pause(records, begin, end + LINGER)
    return lost, len(concerned), round(pause * 1000, 1), Timeline(round(step * 1000, 1), LEAD * 1000, counts)


def watch(scene: Scene, placed: Identity, seconds: float, told: int | None, begin: float) -> Watched:  # noqa: C901, PLR0912 - one loop, whose ends are listed
    """Ask over and over who answers, until the new image alone does, or `seconds` have passed since `begin`."""
    service = scene.service
    first_new = last_old = streak = silent = None
    ended = 0.0  # when a process of the old image was seen for the last time
    answers = 0
    pid = None
    good = True
    while True:
        answer = service.ask(timeout=1.0)
        now = time.monotonic() - begin
        if answer is None:
            silent = now if silent is None else silent
            streak = None
        elif answer.image is not None:
            silent = None
            if answer.image == placed:
                first_new = answer.at - begin if first_new is None else first_new
                good = answer.good
                if streak is None:
                    streak, answers = now, 0
                answers += answer.good
                pid = answer.pid
            else:
                last_old, streak = answer.at - begin, None
        alive = {each.pid: each for each in service.processes().values() if each.alive}
        if not alive:
            return Watched(
                "nothing-serves", f"no process is left: {ends_of(scene, told)}", first_new, last_old, now, None
            )
        old = {each for each, process in alive.items() if process.image != placed}
        ended = now if old else ended
        if streak is not None and now - streak >= STREAK and answers >= LEAST_ANSWERS:
            busy = service.connected(old) if old else set()
            could_accept = bool(old) and service.listening(old)
            settled = not could_accept or now - streak >= BESIDE
            late = now >= seconds or (now >= DRAIN and settled)
            # Whoever sleeps last is woken first: many connections at once tell whether the old image accepts as well.
            ask_many = could_accept and (late or not settled)
            if ask_many and any(each.image not in (placed, None) for each in service.ask_many(BURST)):
                last_old, streak = time.monotonic() - begin, None
            elif not busy and (late or settled):
                service.wait_for(
                    lambda: all(p.image == placed for p in service.processes().values() if p.alive), GONE if old else 0
                )
                return Watched("taken-over", "", first_new, last_old if old else ended or first_new, now, pid)
            elif late:
                detail = f"the old image still has connections after {now:.0f} s"
                return Watched("taken-over", detail, first_new, None, now, pid)
        if now >= seconds:
            break
        if silent is not None and now - silent > max(SILENCE, seconds / 2):
            break
        time.sleep(ASK_EVERY)
    return _unfinished(first_new, last_old, silent, now, good=good)


def _unfinished(
    first_new: float | None, last_old: float | None, silent: float | None, now: float, *, good: bool
) -> Watched:
    """What to call an update that did not come to its end in `now` seconds."""
    if silent is not None:
        return Watched(
            "nothing-serves",
            f"nothing has answered for {now - silent:.1f} s, and processes are there",
            first_new,
            last_old,
            now,
            None,
        )
    if first_new is None:
        return Watched(
            "old-serves", f"after {now:.1f} s the old image still answers, and NEW never did", None, None, now, None
        )
    if last_old is not None and last_old > first_new:
        return Watched("both-serve", f"both images answer, {now:.1f} s after the trigger", first_new, None, now, None)
    said = "with an error" if not good else "only now and then"
    return Watched("not-ready", f"NEW answers {said}, {now:.1f} s after the trigger", first_new, last_old, now, None)


def ends_of(scene: Scene, pid: int | None) -> str:
    """How processes of the service have ended, the one that was told first."""

    def words(status: int) -> str:
        code = os.waitstatus_to_exitcode(status)
        return f"exited with {code}" if code >= 0 else f"was killed by {signal.Signals(-code).name}"

    ended = scene.service.ended
    if pid in ended:
        return f"the process that was told {words(ended[pid])}"
    return f"the last one {words(list(ended.values())[-1])}" if ended else "it is not known how they ended"


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 1)
