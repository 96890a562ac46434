"""The rehearsal from its first start to its last drill, in the process that the stage is in."""

from __future__ import annotations

import hashlib
import time
from typing import TYPE_CHECKING, Any

from msgspec import to_builtins
from msgspec.json import decode, encode
from msgspec.structs import replace

from gate.evidence.rehearsal import LoadFigures, RehearsalFacts
from gate.rehearsal.load.records import UNSENT, losses
from gate.rehearsal.order import Order
from gate.rehearsal.problem import CannotRehearse
from gate.rehearsal.rounds.answers import shown
from gate.rehearsal.rounds.drills import perform_drill
from gate.rehearsal.rounds.growth import LEAST_UPDATES, growth
from gate.rehearsal.rounds.inherited import Fresh
from gate.rehearsal.rounds.scene import Scene
from gate.rehearsal.rounds.state import quiet_round, unchanged
from gate.rehearsal.rounds.update import perform_update, watch
from gate.rehearsal.stage.images import Images
from gate.rehearsal.stage.isolation import WORDS
from gate.rehearsal.stage.service import Service, end_everything

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from gate.evidence.rehearsal import Drill, Update, Way
    from gate.rehearsal.rounds.state import Quiet

    Emit = Callable[[dict[str, Any]], None]

CONTROL = 3.0
"""Seconds of load before the first update."""
ALONE = 15.0
"""The same where there is no update at all."""
TRY_TRIGGER = 10.0
LATE = 0.010
FAILED = 3
"""The exit code when it could not be performed."""
HALF = 0.5
"""Of a time budget, for updates; the drills have the rest."""
LEAST = 2
"""Updates that are done whatever the budget is: one there and one back."""


def perform(folder: Path, raw: bytes, emit: Emit) -> int:
    """Follow the order, and emit what was found, or why it cannot be done."""
    order = decode(raw, type=Order)
    try:
        facts = _perform(folder, order, emit)
    except CannotRehearse as exc:
        emit({"event": "problem", "what": str(exc), "hint": exc.hint})
        return FAILED
    except OSError as exc:
        emit(
            {
                "event": "problem",
                "what": f"the rehearsal cannot go on ({exc.strerror or exc})",
                "hint": "nothing of it is left",
            }
        )
        return FAILED
    finally:
        end_everything()
    emit({"event": "facts", "facts": to_builtins(facts)})
    return 0


def _perform(folder: Path, order: Order, emit: Emit) -> RehearsalFacts:
    begun = time.monotonic()
    images = Images(folder, order.name)
    images.place("old")
    service = Service(folder, order.plan, images, shared_network=order.level == "none")
    scene = Scene(folder, order, service, images, lambda text: emit({"event": "stage", "what": text}))
    scene.say("starting OLD")
    service.start()
    scene.find_pprof()
    if not scene.trigger and order.plan.updates:
        scene.trigger = _find_trigger(scene)
    scene.start_load()
    control = _control(scene, CONTROL if order.plan.updates else ALONE)
    fresh = Fresh(scene)  # after the load: by then it has set up what it sets up
    quiet = _quiet(scene)
    works = not quiet.updates or quiet.updates[-1].outcome == "taken-over"
    external = scene.start_external() if works else None
    updates = _updates(scene) if works else list(quiet.updates[-1:])
    inherited = fresh.compare() if works and order.plan.updates else ()
    said, failed = external.end(service.ended) if external is not None else ("", False)
    if not order.plan.updates:
        scene.not_tried.append("any update, and drills: this was a control run")
    elif works:
        works = bool(updates) and updates[-1].outcome == "taken-over"
    else:
        scene.not_tried.append("updates under load: one without load did not take place")
        scene.start("old")
    drills = _drills(scene, works=works) if order.plan.updates else ()
    load = _figures(scene, control)
    if external is not None:
        load = replace(load or LoadFigures(0, 0, 0, 0.0, 0.0, 0, (), 0, 0), external=said, external_failed=failed)
    scene.stop_load()
    service.end()
    return RehearsalFacts(
        isolation=WORDS[order.level],
        service=_how(scene),
        plan_sha256=hashlib.sha256(encode(order.plan)).hexdigest(),
        planned=order.plan.updates,
        updates=tuple(updates),
        drills=drills,
        answers=tuple(
            replace(each, diff=shown(each.where, each.diff, values=order.show_values)) for each in quiet.answers
        ),
        answers_compared=quiet.answers_compared,
        state=tuple(
            replace(each, diff=shown(each.subject, each.diff, values=order.show_values)) for each in quiet.state
        ),
        state_compared=quiet.state_compared,
        growth=growth(updates),
        load=load,
        not_tried=tuple(scene.not_tried),
        notes=tuple(scene.notes),
        seconds=round(time.monotonic() - begun, 1),
        pause_limit=order.plan.pause * 1000,
        inherited=inherited,
    )


def _how(scene: Scene) -> str:
    """How the service is told and asked, in words; its arguments are its own business."""
    target = scene.service.target
    sent = scene.trigger if isinstance(scene.trigger, str) else "a command"
    asked = f"{target.host}:{target.port}{target.path}" if target is not None else "nowhere"
    return f"{sent or 'never told to update'}, asked at {asked}"


def _find_trigger(scene: Scene) -> str:
    """The signal by which OLD updates itself to itself, of those that are usual."""
    for sent in scene.order.triggers:
        scene.say(f"trying whether {sent} makes OLD update itself")
        placed = scene.images.place("old")
        pid = scene.service.main_process()
        if pid is None:
            break
        begin = time.monotonic()
        scene.service.trigger(sent, pid)
        seen = watch(scene, placed, min(TRY_TRIGGER, scene.plan.within), pid, begin)
        if seen.outcome == "taken-over":
            scene.notes.append(f"{sent} was found to be the signal that makes OLD update itself")
            scene.start("old")
            return sent
        scene.start("old")
    raise CannotRehearse(
        f"OLD does not update itself to itself by {', '.join(scene.order.triggers)}",
        hint="say what makes it: trigger in [rehearsal], a signal or a command; `hotgate rehearse init` writes a plan",
    )


def _quiet(scene: Scene) -> Quiet:
    """A round without load; in a control run no image changes in it."""
    if not scene.plan.updates:
        scene.say("comparing OLD with itself")
        return unchanged(scene)
    scene.say("one update there and back without load")
    return quiet_round(scene)


def _control(scene: Scene, seconds: float) -> tuple[float, float]:
    """Load without an update: what is lost then is not lost by one. When it began and ended."""
    begin = time.monotonic()
    if scene.load is not None:
        scene.say("load without an update")
        scene.load.resume()
        time.sleep(seconds)
        scene.load.pause()
    return begin, time.monotonic()


def _updates(scene: Scene) -> list[Update]:
    """OLD → NEW → OLD → …, as many as the plan and its budget have; ends at the first that does not take place."""
    updates: list[Update] = []
    if not scene.plan.updates and scene.plan.load.command:
        scene.say("the plan's own load, without an update")
        time.sleep(ALONE)
    budget = scene.order.budget
    for number in range(1, scene.plan.updates + 1):
        if budget and number > LEAST and scene.left() < budget * HALF:
            scene.not_tried.append(
                f"updates {number} to {scene.plan.updates}: the time budget is half used, and the drills have the rest"
            )
            break
        way: Way = "forward" if scene.serving == "old" else "back"
        scene.say(f"update {number} of {scene.plan.updates}, {'OLD to NEW' if way == 'forward' else 'NEW to OLD'}")
        update = perform_update(scene, number, way, scene.other, loaded=True)
        updates.append(update)
        if update.outcome != "taken-over":
            if number < scene.plan.updates:
                scene.not_tried.append(
                    f"updates {number + 1} to {scene.plan.updates}: update {number} did not take place"
                )
            scene.start("old")
            break
    if updates and len(updates) < LEAST_UPDATES and updates[-1].outcome == "taken-over":
        scene.not_tried.append(f"what updates leave behind: that takes at least {LEAST_UPDATES} of them")
    return updates


def _drills(scene: Scene, *, works: bool) -> tuple[Drill, ...]:
    if not scene.plan.drills:
        return ()
    if not works:
        scene.not_tried.append("drills: an update does not take place without a fault")
        return ()
    made = scene.images.make_faulty(scene.order.arch)
    found = []
    for name in scene.plan.drills:
        scene.say(f"drill {name}")
        found.append(perform_drill(scene, name, made))
    return tuple(found)


def _figures(scene: Scene, control: tuple[float, float]) -> LoadFigures | None:
    """What the generator did, over all of it."""
    if scene.load is None:
        return None
    examples = scene.load.examples()
    records = scene.load.records()
    requests = [each for each in records if each.on != 3]
    sent = [each for each in requests if each.outcome != UNSENT]
    before = [each for each in records if control[0] <= each.ended <= control[1]]
    lateness = [each.begun - each.due for each in sent]
    return LoadFigures(
        rate=scene.plan.load.rate,
        sent=len(sent),
        unsent=len(requests) - len(sent),
        late=round(sum(each > LATE for each in lateness) / max(len(lateness), 1), 4),
        latest=round(max(lateness, default=0.0) * 1000, 1),
        control=len(before),
        control_lost=losses(before, examples),
        kept=scene.plan.load.keep,
        messages=len(records) - len(requests),
    )
