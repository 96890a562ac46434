"""The rehearsal in words, and its rounds as strips of signs, for every format for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gate.inflection import count

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gate.report.models.rehearsal import DrillItem, LoadItem, LossItem, RehearsalSection, TimelineItem, UpdateItem

BARS = "▁▂▃▄▅▆▇█"
LOST = "✗"
SILENT = "·"
MARK = "|"
ROWS = 40
OUTCOMES = {
    "taken-over": "taken over",
    "old-serves": "the old image serves on",
    "nothing-serves": "nothing serves",
    "not-ready": "not ready",
    "both-serve": "both serve",
    "held": "held",
    "down": "down",
    "stuck": "cannot be updated any more",
    "left-behind": "leaves processes behind",
    "not-tried": "not tried",
}
WAYS = {"forward": "OLD → NEW", "back": "NEW → OLD", "again": "again"}
LEGEND = f"{BARS[0]}{BARS[-1]} answers, {LOST} losses among them, {SILENT} no answer, {MARK} the trigger"


def rehearsal_lines(section: RehearsalSection) -> list[str]:
    """What there is to say beside the tables, a line each."""
    done = sum(each.outcome == "taken-over" for each in section.updates)
    lines = [
        (
            f"{count(len(section.updates), 'update')} of {section.planned} planned, {done} taken over, "
            f"{count(len(section.drills), 'drill')}, in {section.seconds:,.0f} s; {section.isolation}"
        ),
        f"told by {section.service}",
    ]
    if section.load is not None:
        lines += _load(section.load)
    if section.answers_compared:
        lines.append(f"{count(section.answers_compared, 'answer')} compared, {len(section.answers):,} places differ")
    if section.state_compared:
        lines.append(
            f"{count(section.state_compared, 'state')} compared there and back, {len(section.state):,} places differ"
        )
    lines += [f"not tried: {each}" for each in section.not_tried[:ROWS]]
    return lines + [f"note: {each}" for each in section.notes[:ROWS]]


def _load(load: LoadItem) -> list[str]:
    lines = []
    if load.external:
        lines.append(f"load by {load.external}")
    if load.sent or load.kept:
        kept = f", {count(load.kept, 'long-lived connection')} with {load.messages:,} messages" if load.kept else ""
        lines.append(
            f"{load.sent:,} requests at {load.rate:,} a second{kept}; {load.late:.1%} sent more than 10 ms late (at most {load.latest:,.0f} ms), "
            f"{load.unsent:,} not sent"
        )
    return lines


def lost_words(lost: Sequence[LossItem]) -> str:
    """`5 reset, 1 refused`, or `none lost`."""
    counted: dict[str, int] = {}
    for each in lost:
        counted[each.kind] = counted.get(each.kind, 0) + each.count
    return ", ".join(f"{number:,} {kind}" for kind, number in counted.items()) or "none lost"


def update_row(update: UpdateItem) -> tuple[str, str, str, str, str, str]:
    """(number and way, outcome, take-over, longest pause, requests, losses)."""
    outcome = OUTCOMES[update.outcome] + (f": {update.detail}" if update.detail else "")
    return (
        f"{update.number} {WAYS[update.way]}",
        outcome,
        "" if update.take_over is None else f"{update.take_over:,.0f} ms",
        f"{update.pause:,.0f} ms" if update.pause else "",
        f"{update.requests:,}",
        lost_words(update.lost) if update.lost or update.requests else "",
    )


def drill_row(drill: DrillItem) -> tuple[str, str, str]:
    """(name, outcome, detail and losses)."""
    lost = f"; {lost_words(drill.lost)}" if drill.lost else ""
    return drill.name, OUTCOMES[drill.outcome], drill.detail + lost


def strip(timeline: TimelineItem) -> str:
    """One sign a step: a bar as high as its answers, a mark where the trigger was."""
    most = max((good + failed for good, failed in timeline.counts), default=0)
    at = int(timeline.before // timeline.step) if timeline.step else 0
    signs = []
    for place, (good, failed) in enumerate(timeline.counts):
        if place == at:
            signs.append(MARK)
        if failed:
            signs.append(LOST)
        else:
            signs.append(BARS[min(len(BARS) * good // (most + 1), len(BARS) - 1)] if good else SILENT)
    return "".join(signs)
