"""How whole a heartbeat is: a score from 0 to 100 in which every point that is missing has a name.

Score = 100 x covered time / expected time, less penalties for gaps that nothing explains, changes of the sampling rate
and steps of the clock. A window that gave way to another profiler is not expected. A planned hand-over (the next
generation, in the numbers of the one before) explains one gap of at most the length that it may take.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from statistics import median

from msgspec.structs import replace

from probes.profile.heartbeat.facts import ContinuityFacts, Deduction, DeductionKind, HandOver
from probes.profile.heartbeat.strip import marks
from probes.profile.heartbeat.window import HeartbeatWindow

SECOND = 1_000_000_000
LATE = 1.5
"""Intervals without a window that make a gap."""
PENALTY = {"gap": 5.0, "restart": 5.0, "silence": 5.0, "rate": 5.0, "clock": 5.0}
"""Points, on top of the time that was lost."""
CLOCK_STEP = 1.0
"""Seconds by which the wall clock may part from the monotonic one between two windows."""
MAX_MISSING = 1_000_000
HANDOVER_SECONDS = 60.0
"""What a planned hand-over may take, beyond the pause between windows, unless the policy says otherwise."""


def continuity(
    windows: Sequence[HeartbeatWindow],
    *,
    interval_ns: int = 0,
    window_ns: int = 0,
    hand_over_seconds: float = HANDOVER_SECONDS,
    until_wall: float | None = None,
) -> ContinuityFacts | None:
    """The continuity of `windows`, oldest first; None for fewer than two.

    Args:
        windows: as the heartbeat numbered them, or as a directory's file times put them.
        interval_ns: between the starts of two windows; the median of what is there when 0.
        window_ns: the length of each; the median of the whole ones when 0.
        hand_over_seconds: how long a planned hand-over may take.
        until_wall: seconds since 1970; when it is well after the last window, the heartbeat has fallen silent.
    """
    kept = _distinct(windows)
    if len(kept) < 2:
        return None
    interval = (
        interval_ns or _usual(b.start_ns - a.start_ns for a, b in pairwise(kept) if a.epoch == b.epoch)
    ) / SECOND
    length = (window_ns or _usual(w.end_ns - w.start_ns for w in kept if w.state == "ok")) / SECOND
    if interval <= 0 or length <= 0:
        return None
    score = _Score(interval, length, hand_over_seconds)
    for each in kept:
        score.window(each)
    for before, after in pairwise(kept):
        score.between(before, after)
    if until_wall is not None:
        score.silence(kept[-1], until_wall)
    facts = score.facts(len(kept))
    return replace(facts, strip=marks(kept, facts))


def _distinct(windows: Iterable[HeartbeatWindow]) -> list[HeartbeatWindow]:
    found = {(each.epoch, each.seq): each for each in windows}
    return list(found.values())


def _usual(lengths: Iterable[int]) -> int:
    positive = [each for each in lengths if each > 0]
    return int(median(positive)) if positive else 0


class _Score:
    """The score while it is added up."""

    def __init__(self, interval: float, length: float, hand_over: float) -> None:
        self.interval, self.length, self.hand_over = interval, length, hand_over
        self.covered = self.expected = 0.0
        self.yields = 0
        self.lost: list[tuple[DeductionKind, int, float, float, str]] = []
        self.hand_overs: list[HandOver] = []

    def window(self, each: HeartbeatWindow) -> None:
        seconds = min(max(each.end_ns - each.start_ns, 0) / SECOND, self.length)
        if each.state == "yielded":
            self.yields += 1
        elif each.state == "failed":
            self.expected += self.length
            self._lose("failed", each, self.length, f"window {each.seq} failed: {each.reason or 'no reason given'}")
        else:
            # An update closes its window early; what it covered is all that was due.
            due = seconds if each.state == "short" else self.length
            self.covered += seconds
            self.expected += due
            if due - seconds > 0.1 * self.length:
                self._lose("short", each, due - seconds, f"window {each.seq} has {seconds:.1f} of {due:.1f} s")
            else:
                self.expected -= due - seconds

    def between(self, before: HeartbeatWindow, after: HeartbeatWindow) -> None:
        same = before.epoch == after.epoch
        planned = not same and after.generation == before.generation + 1 and after.seq > before.seq
        wall = after.wall - before.wall
        monotonic = (after.start_ns - before.start_ns) / SECOND
        elapsed = monotonic if same or (planned and monotonic > 0) else wall
        numbers = after.seq - before.seq - 1 if same or planned else 0
        late = elapsed > LATE * self.interval
        missing = min(max(numbers, round(elapsed / self.interval) - 1 if late else 0, 0), MAX_MISSING)
        if planned:
            self._hand_over(before, after, elapsed, missing)
        elif not same:
            self._lost_time("restart", before, missing, f"an unannounced restart after window {before.seq}")
        elif missing:
            self._lost_time("gap", before, missing, f"nothing for {elapsed:.0f} s after window {before.seq}")
        if (same or planned) and abs(wall - monotonic) > CLOCK_STEP and monotonic > 0:
            self._lose(
                "clock", before, 0.0, f"the clock was set by {wall - monotonic:+.1f} s after window {before.seq}"
            )
        if before.rate_hz != after.rate_hz and before.rate_hz and after.rate_hz:
            self._lose("rate", before, 0.0, f"{before.rate_hz} Hz became {after.rate_hz} Hz after window {before.seq}")

    def _hand_over(self, before: HeartbeatWindow, after: HeartbeatWindow, elapsed: float, missing: int) -> None:
        """What it cost in samples: the rate times the CPU time that the process used while no profile ran."""
        beyond = max(elapsed - self.interval, 0.0)
        explained = beyond <= self.hand_over
        cut = self.length - min(max(before.end_ns - before.start_ns, 0) / SECOND, self.length)
        seconds = missing * self.length + (cut if before.state == "short" else 0.0)
        lost = after.rate_hz * seconds * (_busy(before) + _busy(after)) / 2
        self.hand_overs.append(HandOver(after.generation, after.wall, seconds, lost, explained))
        if not explained:
            detail = (
                f"the hand-over to generation {after.generation} took {beyond:.0f} s, {self.hand_over:.0f} s at most"
            )
            self._lost_time("gap", before, missing, detail)

    def silence(self, last: HeartbeatWindow, until: float) -> None:
        elapsed = until - last.wall
        if elapsed > LATE * self.interval:
            missing = min(max(round(elapsed / self.interval) - 1, 1), MAX_MISSING)
            self._lost_time("silence", last, missing, f"nothing for {elapsed:.0f} s since window {last.seq}")

    def _lost_time(self, kind: DeductionKind, before: HeartbeatWindow, missing: int, detail: str) -> None:
        self.expected += missing * self.length
        self._lose(kind, before, missing * self.length, detail)

    def _lose(self, kind: DeductionKind, at: HeartbeatWindow, seconds: float, detail: str) -> None:
        self.lost.append((kind, at.seq, at.wall, seconds, detail))

    def facts(self, count: int) -> ContinuityFacts:
        unit = 100 / self.expected if self.expected > 0 else 0.0
        deductions = tuple(
            Deduction(kind, seq, wall, seconds, seconds * unit + PENALTY.get(kind, 0.0), detail)
            for kind, seq, wall, seconds, detail in self.lost
        )
        score = max(0.0, 100 - sum(each.points for each in deductions))
        return ContinuityFacts(
            score,
            count,
            self.covered,
            self.expected,
            self.interval,
            self.length,
            self.yields,
            deductions,
            tuple(self.hand_overs),
        )


def _busy(window: HeartbeatWindow) -> float:
    """CPU seconds per second in a window."""
    seconds = (window.end_ns - window.start_ns) / SECOND
    return window.cpu_seconds / seconds if seconds > 0 else 0.0
