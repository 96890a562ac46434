"""A heartbeat as a strip: its windows in the order of time, and between them what cost points or explains a pause."""

from __future__ import annotations

from typing import TYPE_CHECKING

from probes.profile.heartbeat.facts import Mark, MarkKind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from probes.profile.heartbeat.facts import ContinuityFacts, Deduction, HandOver
    from probes.profile.heartbeat.window import HeartbeatWindow

MOST = 400
"""The last ones."""


def marks(windows: Sequence[HeartbeatWindow], facts: ContinuityFacts) -> tuple[Mark, ...]:
    """The strip of `windows`, oldest first, with what `facts` says of them; the last `MOST` places of it."""
    told: dict[tuple[int, float], list[Deduction]] = {}
    for each in facts.deductions:
        told.setdefault((each.after, each.wall), []).append(each)
    handed = {(each.generation, each.wall): each for each in facts.hand_overs}
    out: list[Mark] = []
    for window in windows:
        over = handed.get((window.generation, window.wall))
        if over is not None:
            out.append(_hand_over(over, window, facts.window_seconds))
        here = told.get((window.seq, window.wall), [])
        out.append(_window(window, next((each for each in here if each.kind in ("failed", "short")), None)))
        for each in here:
            if each.kind not in ("failed", "short"):
                missing = max(round(each.seconds / facts.window_seconds), 0)
                out.append(Mark(each.kind, each.wall, each.after, missing, 0, each.detail))
    return tuple(out[-MOST:])


def _window(window: HeartbeatWindow, lacking: Deduction | None) -> Mark:
    states: dict[str, MarkKind] = {"ok": "window", "short": "short", "yielded": "yielded", "failed": "failed"}
    kind = states[window.state]
    detail = lacking.detail if lacking is not None else ""
    if lacking is not None and lacking.kind == "short":
        kind = "short"
    if not detail and kind != "window":
        detail = f"window {window.seq} {'gave way' if kind == 'yielded' else 'is short'}: {window.reason or 'no reason given'}"
    return Mark(kind, window.wall, window.seq, 0, window.samples, detail)


def _hand_over(over: HandOver, window: HeartbeatWindow, length: float) -> Mark:
    detail = f"planned hand-over to generation {over.generation} before window {window.seq}"
    missing = max(int(over.seconds / length), 0) if over.explained else 0  # whole ones
    if over.lost_samples < 0.5:
        return Mark("hand-over", over.wall, window.seq, missing, 0, detail)
    detail += f", about {over.lost_samples:,.0f} samples lost in {over.seconds:.1f} s without a profile"
    return Mark("lost", over.wall, window.seq, missing, 0, detail)
