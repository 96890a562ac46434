"""Rules on measurements -> what the watch says. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from msgspec import Struct

from gate.watch.exact import excess

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gate.watch.config import WatchRule

ALPHA = 1e-4
"""How often a rule may fire by chance. A watch looks some sixty times, and at the same counts, mostly."""

MAX_EVENTS = 1e11
"""Beyond it the test is neither exact, for lgamma's last digits, nor quick; no service has that many errors."""

MAX_TOTAL = 1e18

EXPECTED = 30.0
"""Expected requests, at the rate before, from which on their absence is reported with that number."""

State = Literal["idle", "watching", "rollback", "clear", "inconclusive"]
"""`idle`: no update was seen. `watching`: nothing yet. `clear`: time is up and every rule had data; else `inconclusive`."""


class Measured(Struct, frozen=True):
    """What a rule is judged by, before and after; None where there is no data. `problem` says why.

    `share` is how long the time after is, in lengths of the time before; 0 where it is not known.
    """

    bad: tuple[float | None, float | None] = (None, None)
    total: tuple[float | None, float | None] = (None, None)
    value: tuple[float | None, float | None] = (None, None)
    problem: str = ""
    share: float = 0.0


class Ruling(Struct, frozen=True):
    """What one rule says. `fires` is None where it cannot be determined; `chance` is the probability of the count by chance."""

    rule: str
    fires: bool | None
    said: str
    chance: float | None = None


def rule(own: WatchRule, measured: Measured) -> Ruling:
    """Whether `own` fires."""
    if measured.problem:
        return Ruling(own.name, None, measured.problem)
    return _ratio(own, measured) if own.kind == "ratio" else _level(own, measured)


def _ratio(own: WatchRule, measured: Measured) -> Ruling:
    (bad0, bad1), (total0, total1) = measured.bad, measured.total
    if not total0 or bad0 is None or total0 < 0:
        return Ruling(own.name, None, "no requests before the update to compare with")
    if not total1 or bad1 is None or total1 < 0:
        return Ruling(own.name, None, _silence(total0 * measured.share, counted=total1 == 0))
    if max(bad0, bad1) > MAX_EVENTS or max(total0, total1) > MAX_TOTAL:
        return Ruling(own.name, None, f"counts above {MAX_EVENTS:.0e} events, or {MAX_TOTAL:.0e} in all: not believed")
    before, after = max(0, round(bad0)), max(0, round(bad1))
    fires, higher, chance = worse((before, total0), (after, total1), own.times, own.min_count)
    said = f"{after} of {total1:,.0f} ({after / total1:.3%}), before: {before} of {total0:,.0f} ({before / total0:.3%})"
    if higher and not fires:
        few = f"fewer than {own.min_count}" if after < own.min_count else f"chance would do it, p = {chance:.2g}"
        said += f"; {few}"
    return Ruling(own.name, fires, said, chance)


def worse(
    before: tuple[int, float], after: tuple[int, float], times: float, min_count: int
) -> tuple[bool, bool, float]:
    """Whether one share of bad events is worse than another, whether it is more than `times` as high, and the chance of it.

    Each side is (bad events, all events), the second above 0. goprobe's canary is judged by the same.
    """
    (bad0, total0), (bad1, total1) = before, after
    chance = excess(bad1, total1, bad0, total0)
    higher = bad1 * total0 > times * bad0 * total1
    return bad1 >= min_count and higher and chance < ALPHA, higher, chance


def _silence(expected: float, *, counted: bool) -> str:
    """What is said of a service that counts no requests since the update.

    No reason to roll back: a dead service looks like one without traffic, because it was drained or the load balancer
    does not have it yet. `counted`: requests are counted, and there were none; else they are not counted.
    """
    said = "no requests since the update" if counted else "nothing counts requests since the update"
    if EXPECTED <= expected <= MAX_TOTAL:
        said += f", where about {expected:,.0f} would have come at the rate before it: does anything reach the service?"
    return said


def _level(own: WatchRule, measured: Measured) -> Ruling:
    before, after = measured.value
    if before is None or before <= 0:
        return Ruling(own.name, None, "no level before the update to compare with")
    if after is None:
        return Ruling(own.name, None, "no level since the update")
    return Ruling(
        own.name, after > own.times * before, f"{after:.4g}, before: {before:.4g} ({after / before:.2f} times)"
    )


def joined(rulings: Sequence[Ruling], join: Literal["any", "all"], *, over: bool) -> State:
    """What the watch says; `over`: its time is up."""
    fired = [each.fires is True for each in rulings]
    if any(fired) if join == "any" else all(fired):
        return "rollback"
    if not over:
        return "watching"
    return "inconclusive" if any(each.fires is None for each in rulings) else "clear"
