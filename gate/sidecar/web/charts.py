"""What the page draws, as numbers for its templates: strips, timelines, lines. Pure."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from gate.sidecar.state.images import Images, Sight

if TYPE_CHECKING:
    from collections.abc import Sequence

WIDTH, HEIGHT = 720.0, 64.0

# No meaning is in a colour alone: each state has a height of its own as well.
HEIGHTS = {"ok": 0.75, "updated": 1.0, "partial": 0.5, "refused": 0.35, "garbage": 0.35, "unreachable": 0.2}
WINDOW_HEIGHTS = {"ok": 1.0, "short": 0.6, "yielded": 0.4, "failed": 0.2}


class Bar(Struct, frozen=True):
    """A rectangle with a class and what it stands for."""

    x: float
    y: float
    width: float
    height: float
    kind: str
    title: str


class Line(Struct, frozen=True):
    """A line chart: pieces of `x,y` pairs, broken where there is no data; the lowest, highest and last figure."""

    pieces: tuple[str, ...]
    low: float
    high: float
    last: float


def strip(states: Sequence[str], places: int, *, step: float = 4.0, height: float = 20.0) -> list[Bar]:
    """A bar for each poll, the newest at the right."""
    first = places - len(states)
    bars = []
    for index, state in enumerate(states):
        tall = HEIGHTS.get(state, 0.2) * height
        x = (first + index) * step
        bars.append(Bar(x, height - tall, step - 1, tall, state, state))
    return bars


def timeline(windows: Sequence[Any], start_ms: float, end_ms: float) -> list[Bar]:
    """A bar for each window of the heartbeat where it was in time; at least two units wide, so that it can be seen."""
    span = max(end_ms - start_ms, 1.0)
    bars = []
    for window in windows:
        length = max(0.0, (window.end_ns - window.start_ns) / 1e6)
        x = (window.wall_ms - start_ms) / span * WIDTH
        if x + length / span * WIDTH < 0 or x > WIDTH:
            continue
        tall = WINDOW_HEIGHTS.get(window.state, 0.2) * HEIGHT
        wide = min(max(2.0, length / span * WIDTH), WIDTH)
        said = f"window {window.seq}, generation {window.generation}: {window.state}, {window.samples} samples"
        said += f", {window.cpu_seconds:.2f} s of CPU" + (f" ({window.reason})" if window.reason else "")
        bars.append(Bar(round(max(x, 0.0), 2), HEIGHT - tall, round(wide, 2), tall, str(window.state), said))
    return bars


def marks(moments: Sequence[float], start_ms: float, end_ms: float) -> list[float]:
    """Where on the timeline each of `moments` (milliseconds) is."""
    span = max(end_ms - start_ms, 1.0)
    return [round((each - start_ms) / span * WIDTH, 2) for each in moments if start_ms <= each <= end_ms]


def line(points: Sequence[tuple[float, float | None]], start_ms: float, end_ms: float, gap_ms: float) -> Line | None:
    """A line through `points` (milliseconds, figure), broken at gaps longer than `gap_ms`; None without any figure."""
    known = [(at, value) for at, value in points if value is not None and math.isfinite(value)]
    if not known:
        return None
    values = [value for _, value in known]
    low, high = min(values), max(values)
    base = 0.0 if low >= 0 else low
    room = (high - base) or 1.0
    span = max(end_ms - start_ms, 1.0)
    pieces: list[list[str]] = []
    before = -math.inf
    for at, value in known:
        if at - before > gap_ms:
            pieces.append([])
        x, y = (at - start_ms) / span * WIDTH, HEIGHT - 2 - (value - base) / room * (HEIGHT - 4)
        pieces[-1].append(f"{x:.1f},{y:.1f}")
        before = at
    return Line(tuple(" ".join(piece if len(piece) > 1 else piece * 2) for piece in pieces), low, high, values[-1])


def health_parts(text: str) -> list[dict[str, Any]]:
    """The parts of a health score, from the store."""
    try:
        rows = json.loads(text)
    except (ValueError, RecursionError):
        return []
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []


def updates(rows: Sequence[Any]) -> list[tuple[int, int | None]]:
    """When the samples show another image than before (milliseconds), and its generation."""
    images = Images()
    generations = {row.due_ms: row.generation for row in rows}
    found = []
    for row in rows:
        if images.see(Sight(row.due_ms, row.late_ms, row.took_ms, row.source, row.epoch)):
            begun = round(images.updated_at * 1000)
            found.append((begun, generations.get(begun)))
    return found
