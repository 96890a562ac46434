"""The report's section on a rehearsal."""

from __future__ import annotations

from typing import Annotated, Literal

from gate.report.models.base import Section, Shape


class LossItem(Shape, frozen=True):
    """Requests that had no good answer. `on`: the kind of connection; `long`: messages of long-lived ones."""

    kind: Literal["refused", "reset", "cut", "status", "late"]
    on: Literal["new", "kept", "slow", "long"]
    count: int
    example: str


class TimelineItem(Shape, frozen=True):
    """[good, failed] answers in steps of `step` milliseconds, the first of which begins `before` ahead of the trigger."""

    step: float
    before: float
    counts: list[list[int]]


class FootprintItem(Shape, frozen=True):
    """What the service held after an update, while nothing was asked of it. Memory in bytes."""

    descriptors: int
    memory: int
    threads: int
    processes: int
    files: int
    goroutines: int | None


class UpdateItem(Shape, frozen=True):
    """One update. Times in milliseconds after the trigger: `take_over` the first answer of the new image, `end` the end of the old one.

    `pause`: the longest time without a good answer. `build_id`: the image that was to take over.
    """

    number: int
    way: Literal["forward", "back", "again"]
    outcome: Literal["taken-over", "old-serves", "nothing-serves", "not-ready", "both-serve"]
    detail: str
    take_over: float | None
    end: float | None
    pause: float
    requests: int
    lost: list[LossItem]
    timeline: TimelineItem
    pid: int | None
    build_id: str
    left: FootprintItem | None


class DrillItem(Shape, frozen=True):
    """A fault that was made on purpose. `held`: the service bore it."""

    name: str
    outcome: Literal["held", "down", "stuck", "left-behind", "not-tried"]
    detail: str
    seconds: float
    lost: list[LossItem]
    timeline: TimelineItem | None


class AnswerItem(Shape, frozen=True):
    """An answer that differs between OLD and NEW."""

    path: str
    where: str
    diff: list[str]


class StateItem(Shape, frozen=True):
    """State that differs across an update."""

    subject: str
    way: Literal["forward", "back", "again"]
    diff: list[str]


class LeftItem(Shape, frozen=True):
    """What every update left behind: `each` more by the median."""

    what: str
    each: float
    first: float
    last: float
    updates: int


class InheritedItem(Shape, frozen=True):
    """What OLD is after updates and was not when it was started."""

    subject: str
    how: str


class LoadItem(Shape, frozen=True):
    """The load. `unsent`: due and not sent in time; `late`: the share sent over 10 ms late, `latest` in milliseconds.

    `control`: requests before the first update. `external`: the plan's own command, and what it said at its end.
    """

    rate: int
    sent: int
    unsent: int
    late: float
    latest: float
    control: int
    control_lost: list[LossItem]
    kept: int
    messages: int
    external: str
    external_failed: bool


class RehearsalSection(Shape, frozen=True):
    """An update that was really performed. `seconds`: all of it; `pause_limit` in milliseconds, 0 for none."""

    isolation: str
    service: str
    plan_sha256: str
    planned: int
    updates: list[UpdateItem]
    drills: list[DrillItem]
    answers: list[AnswerItem]
    answers_compared: int
    state: list[StateItem]
    state_compared: int
    growth: list[LeftItem]
    inherited: list[InheritedItem]
    load: Annotated[LoadItem | None, Section]
    not_tried: list[str]
    notes: list[str]
    seconds: float
    pause_limit: float
