"""What a rehearsal found, as the rules ask for it. Times in milliseconds unless a name says otherwise."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

from msgspec import Struct

from gate.evidence.model import NO_REHEARSAL, Evidence, Missing

if TYPE_CHECKING:
    from collections.abc import Callable

    from gate.evidence.model import Key

LossKind = Literal["refused", "reset", "cut", "status", "late"]
Way = Literal["forward", "back", "again"]
UpdateOutcome = Literal["taken-over", "old-serves", "nothing-serves", "not-ready", "both-serve"]
DrillOutcome = Literal["held", "down", "stuck", "left-behind", "not-tried"]


class Loss(Struct, frozen=True):
    """What was lost in one way. `on`: the kind of connection; `example`: an error or a status in words."""

    kind: LossKind
    on: Literal["new", "kept", "slow", "long"]
    count: int
    example: str


class Footprint(Struct, frozen=True):
    """What the service holds while nothing is asked of it. Memory in bytes; `goroutines` is None without net/http/pprof.

    `descriptors` of all its processes, without established connections; `files` in the rehearsal's folder.
    """

    descriptors: int
    memory: int
    threads: int
    processes: int
    files: int
    goroutines: int | None = None


class Timeline(Struct, frozen=True):
    """(good, failed) answers in steps of `step`, the first of which begins `before` ahead of the trigger."""

    step: float
    before: float
    counts: tuple[tuple[int, int], ...]


class Update(Struct, frozen=True):
    """One update under load.

    Args:
        number: from 1 on.
        way: `forward` is OLD to NEW, `back` NEW to OLD, `again` an image to itself.
        outcome: what the service was doing at the end of it.
        detail: the outcome in words.
        take_over: from the trigger to the first answer of the new image; None when it gave none.
        end: from the trigger to the last answer of the old image, or to its end.
        pause: the longest time without a good answer.
        requests: how many were sent in the meantime, and `lost` of them.
        pid: the process that answers afterwards; `build_id` is its image's.
    """

    number: int
    way: Way
    outcome: UpdateOutcome
    detail: str
    take_over: float | None
    end: float | None
    pause: float
    requests: int
    lost: tuple[Loss, ...]
    timeline: Timeline
    pid: int | None
    build_id: str
    left: Footprint | None = None


class Drill(Struct, frozen=True):
    """One fault that was made, and how the service bore it."""

    name: str
    outcome: DrillOutcome
    detail: str
    seconds: float
    lost: tuple[Loss, ...] = ()
    timeline: Timeline | None = None


class AnswerChange(Struct, frozen=True):
    """An answer of NEW that OLD does not give. `where`: `status`, `header:NAME`, a JSON pointer, a line or `body`."""

    path: str
    where: str
    diff: tuple[str, ...]


class StateChange(Struct, frozen=True):
    """State that an update changed. `subject`: a path, or a name of goprobe's; `way` of the update."""

    subject: str
    way: Way
    diff: tuple[str, ...]


class Growth(Struct, frozen=True):
    """What every update leaves behind: `each` more of it by the median, over `updates` of them."""

    what: str
    each: float
    first: float
    last: float
    updates: int


class Inherited(Struct, frozen=True):
    """What OLD is after updates and was not when it was started: `subject`, such as SIGHUP, `how`: `is ignored`."""

    subject: str
    how: str


class LoadFigures(Struct, frozen=True):
    """What the generator did. `unsent`: due and not sent in time, which is no loss of the service's.

    `late`: the share of requests that it sent more than 10 ms after they were due; `latest` in milliseconds. `control`
    are the requests before the first update, with their losses; `kept`: long-lived connections. `external`: the plan's own command,
    and what it said at its end.
    """

    rate: int
    sent: int
    unsent: int
    late: float
    latest: float
    control: int
    control_lost: tuple[Loss, ...]
    kept: int
    messages: int
    external: str = ""
    external_failed: bool = False


class RehearsalFacts(Struct, frozen=True):
    """Everything that one rehearsal found.

    Args:
        isolation: what kept it apart, in words.
        service: how it was started, triggered and asked, in words.
        plan_sha256: of the plan, as it was followed.
        planned: updates that the plan asks for.
        not_tried: what was left out, and why.
        notes: what was odd.
        pause_limit: in milliseconds; 0 for none.
        inherited: what OLD got from the images before it, and was started without.
    """

    isolation: str
    service: str
    plan_sha256: str
    planned: int
    updates: tuple[Update, ...]
    drills: tuple[Drill, ...]
    answers: tuple[AnswerChange, ...]
    answers_compared: int
    state: tuple[StateChange, ...]
    state_compared: int
    growth: tuple[Growth, ...]
    load: LoadFigures | None
    not_tried: tuple[str, ...]
    notes: tuple[str, ...]
    seconds: float
    pause_limit: float = 0.0
    inherited: tuple[Inherited, ...] = ()


class PastRehearsal(Struct, frozen=True):
    """What the store says of the last rehearsal of a pair.

    `verdict` is "" where there is none; `age` in days, and `limit` that of the policy; `seq` of the audit log's record.
    """

    old: str
    new: str
    verdict: str
    age: float
    limit: float
    seq: int = 0


Rehearsal: TypeAlias = Annotated[RehearsalFacts, Evidence("rehearsal")]
Past: TypeAlias = Annotated[PastRehearsal, Evidence("rehearsal")]


def rehearsal_values(
    facts: RehearsalFacts | PastRehearsal | None, reason: str = NO_REHEARSAL
) -> dict[Key, Callable[[], object]]:
    """The evidence of a rehearsal for `gate.evidence.model.Bundle`; or why there is none."""
    kind = PastRehearsal if facts is None else type(facts)
    return {(kind, "rehearsal"): lambda: Missing(reason) if facts is None else facts}
