"""Faults that are made on purpose: what the service does about them, and whether it can be updated afterwards."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import time
from typing import TYPE_CHECKING

from msgspec import Struct

from gate.evidence.rehearsal import Drill
from gate.rehearsal.problem import CannotRehearse
from gate.rehearsal.rounds.update import LEAD, account, ends_of, perform_update, watch

if TYPE_CHECKING:
    from collections.abc import Callable

    from gate.evidence.rehearsal import DrillOutcome, Update
    from gate.rehearsal.rounds.scene import Scene
    from gate.rehearsal.stage.images import Name
    from gate.rehearsal.stage.processes import Identity

CALM = 2.0
"""Seconds without a process of the faulty image after which it is over."""
BEGIN = 3.0
"""Seconds in which a service that was told to update starts the image, at the least."""
AFTER = 5.0
"""Seconds in which an old image without connections ends."""
HOLD = 2.0
"""Seconds between the two halves of the request that an update meets."""
PROFILE_SECONDS = 3
BETWEEN_SIGNALS = 0.02
DOWN = 3.0
"""Seconds without an answer after which the service is down."""


class Borne(Struct, frozen=True):
    """How a fault was borne. `over`: when, by the monotonic clock."""

    outcome: DrillOutcome
    detail: str
    over: float


def perform_drill(scene: Scene, name: str, made: tuple[Name, ...]) -> Drill:
    """Do one drill; afterwards the service serves again, started afresh where it has to be."""
    begin = time.monotonic()
    needed: dict[str, Name] = {"crash": "crash", "hang": "hang", "cut_off": "cut_off"}
    if name in needed and needed[name] not in made:
        return Drill(name, "not-tried", f"there is no such image for {scene.order.arch}", 0.0)
    acts: dict[str, Callable[[], Borne]] = {
        "twice": lambda: _twice(scene),
        "busy": lambda: _busy(scene, made),
        "kill": lambda: _kill(scene),
    }
    if scene.load is not None:
        scene.load.resume()
        time.sleep(LEAD)
    told = time.monotonic()
    try:
        borne = acts[name]() if name in acts else _faulty(scene, needed[name])
    except CannotRehearse as exc:
        borne = Borne("stuck", str(exc), time.monotonic())
    if scene.load is not None:
        scene.load.pause()
    counted = name != "kill" and borne.outcome != "down"
    lost, _, _, timeline = account(scene, told, borne.over, loaded=scene.load is not None)
    if borne.outcome in ("down", "stuck", "left-behind"):
        scene.start("old")
    return Drill(
        name, borne.outcome, borne.detail, round(time.monotonic() - begin, 1), lost if counted else (), timeline
    )


def _faulty(scene: Scene, image: Name) -> Borne:
    """Update to an image that cannot take over: the old one has to serve on, and to take the next."""
    borne = _endure(scene, image, scene.plan.within)
    return borne if borne.outcome == "down" else _then_update(scene, borne)


def _endure(scene: Scene, image: Name, seconds: float) -> Borne:
    """Tell the service to go over to `image`, and watch until that image is gone, or for `seconds`."""
    service = scene.service
    placed = scene.images.place(image)
    pid = service.main_process()
    begin = seen = time.monotonic()
    if pid is not None:
        service.trigger(scene.trigger, pid)
    answered = time.monotonic()
    started = False
    while True:
        answer = service.ask(timeout=1.0)
        now = time.monotonic()
        if answer is not None and answer.good and answer.image != placed:
            answered = now
        alive = [each for each in service.processes().values() if each.alive]
        if not alive:
            return Borne("down", f"no process is left: {ends_of(scene, pid)}", now)
        if any(each.image == placed for each in alive):
            started, seen = True, now
        over = now - begin >= BEGIN and now - seen >= CALM
        late = now - begin >= seconds
        if (over or late) and now - answered >= DOWN:
            return Borne("down", "nothing answers any more", now)
        if (over or late) and now - answered < DOWN / 2:
            break
        if now - begin >= seconds + 2 * DOWN:
            return Borne("down", "it answers only now and then", now)
        time.sleep(0.05)
    left = [each.pid for each in service.processes().values() if each.alive and each.image == placed]
    if left:
        what = "its process is there still" if len(left) == 1 else f"{len(left)} processes of it are there still"
        return Borne("left-behind", f"the old image serves on; {what} after {now - begin:.0f} s", now)
    said = (
        "the old image serves on" if started else "the old image serves on; the faulty one was gone before it was seen"
    )
    return Borne("held", said, now)


def _then_update(scene: Scene, borne: Borne) -> Borne:
    """Whether the service still takes a good image."""
    update = _again(scene)
    if update.outcome != "taken-over":
        return Borne("stuck", f"{borne.detail}, and no good image takes over any more: {update.detail}", borne.over)
    return Borne(borne.outcome, f"{borne.detail}, and the next image takes over", borne.over)


def _twice(scene: Scene) -> Borne:
    """The signal comes a second time while the update is under way."""
    service = scene.service
    image = scene.other
    placed = scene.images.place(image)
    pid = service.main_process()
    count = _images_running(scene)
    begin = time.monotonic()
    if pid is not None:
        service.trigger(scene.trigger, pid)
        time.sleep(BETWEEN_SIGNALS)
        service.trigger(scene.trigger, pid)
    seen = watch(scene, placed, scene.plan.within, pid, begin)
    now = time.monotonic()
    if seen.outcome != "taken-over":
        return Borne("down" if seen.outcome == "nothing-serves" else "stuck", seen.detail, now)
    scene.serving = image
    if scene.load is not None:
        scene.load.pause()  # the old image may keep connections until they end
    service.wait_for(lambda: _images_running(scene) <= count, AFTER)
    number = _images_running(scene)
    if number > count:
        return Borne("left-behind", f"{number} processes are there, and before it was {count}", now)
    return Borne("held", "one update took place", now)


def _images_running(scene: Scene) -> int:
    """How many processes run one of the images; what children of other programs become is not this drill's business."""
    return sum(scene.images.name_of(each.image) is not None for each in scene.service.processes().values())


def _busy(scene: Scene, made: tuple[Name, ...]) -> Borne:
    """An update in the middle of a slow request, and one during a CPU profile."""
    slow = "no slow request, as the plan sends none"
    if scene.load is not None and scene.load.requests:
        slow = "during a slow request"
        scene.load.tell(f"hold {HOLD}")
    update = _again(scene)
    if update.outcome != "taken-over":
        return _of_update(update, slow)
    if not scene.pprof:
        said = f"{slow}; no CPU profile could be taken: there is no net/http/pprof"
        return Borne("held", said, time.monotonic())
    with _profile(scene):
        during = _again(scene)
    said = f"{slow}; during a CPU profile"
    if during.outcome == "old-serves":
        after = _again(scene)
        if after.outcome != "taken-over":
            return _of_update(after, "after one that a CPU profile kept from taking place")
        said = f"{slow}; refused during a CPU profile, and done after it"
    elif during.outcome != "taken-over":
        return _of_update(during, "during a CPU profile")
    if scene.in_place and "spin" in made:
        return _timer(scene, said)
    return Borne("held", said, time.monotonic())


def _again(scene: Scene) -> Update:
    """An update to the other image, after which the load goes on."""
    update = perform_update(scene, 0, "forward", scene.other, loaded=True, look=False)
    if scene.load is not None:
        scene.load.resume()
    return update


def _timer(scene: Scene, said: str) -> Borne:
    """Whether the timer of a CPU profile outlives the exec: an image that computes and handles no signal is killed by it."""
    known = set(scene.service.ended)
    with _profile(scene):
        borne = _endure(scene, "spin", min(scene.plan.within, 10.0))
    killed = [
        pid
        for pid, status in scene.service.ended.items()
        if pid not in known and os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGPROF
    ]
    if killed:
        return Borne(
            "down",
            "a CPU profile that runs during the update kills the new image by SIGPROF before it handles it",
            borne.over,
        )
    if borne.outcome == "down":
        scene.start(
            "old"
        )  # the image that was to show it cannot serve; whether that is a fault, the drill `crash` says
    return Borne("held", f"{said}; its timer does not outlive the exec", borne.over)


@contextlib.contextmanager
def _profile(scene: Scene):  # type: ignore[no-untyped-def] # noqa: ANN202 - a generator of None
    """A CPU profile is taken meanwhile."""
    target = scene.service.target
    if target is None:
        yield
        return
    with contextlib.suppress(OSError), socket.create_connection((target.host, target.port), timeout=5) as connection:
        path = f"{scene.pprof}/profile?seconds={PROFILE_SECONDS}"
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: {target.host}\r\nConnection: close\r\n\r\n".encode("latin-1"))
        time.sleep(0.3)
        yield
        return
    yield


def _of_update(update: Update, when: str) -> Borne:
    outcome: DrillOutcome = "down" if update.outcome == "nothing-serves" else "stuck"
    return Borne(outcome, f"{when}: {update.detail}", time.monotonic())


def _kill(scene: Scene) -> Borne:
    """The new image is killed as soon as it has answered; a supervisor then starts it afresh."""
    service = scene.service
    image = scene.other
    placed = scene.images.place(image)
    pid = service.main_process()
    if pid is not None:
        service.trigger(scene.trigger, pid)
    victim = _first_of(scene, placed)
    if victim is None:
        return Borne("stuck", "the new image never answered", time.monotonic())
    with contextlib.suppress(ProcessLookupError):
        os.kill(victim, signal.SIGKILL)
    time.sleep(CALM)
    answer = service.ask()
    now = time.monotonic()
    if answer is not None and answer.good:
        name = scene.images.name_of(answer.image)
        scene.start("old")
        return Borne(
            "held", f"served on by {'the new image, started again' if name == image else 'the old image'}", now
        )
    try:
        took = scene.start(image, clean=False)
    except CannotRehearse as exc:
        return Borne("stuck", f"the service does not start again: {exc}", now)
    return Borne("held", f"the service is down, and comes up again within {took:.1f} s when it is started", now)


def _first_of(scene: Scene, placed: Identity) -> int | None:
    """The process of the new image that answers first."""
    deadline = time.monotonic() + scene.plan.within
    while time.monotonic() < deadline:
        answer = scene.service.ask(timeout=1.0)
        if answer is not None and answer.image == placed and answer.pid is not None:
            return answer.pid
        if not any(each.alive for each in scene.service.processes().values()):
            return None
        time.sleep(0.01)
    return None
