"""The heartbeat's strip in signs and words: the same signs in the terminal and on a page."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from gate.inflection import count

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gate.report.models.profiles import StripItem

BARS = "▁▂▃▄▅▆▇█"
SIGNS = {
    "short": ("-", "short window"),
    "yielded": ("y", "gave way to another profiler"),
    "failed": ("!", "failed window"),
    "gap": ("×", "gap"),  # noqa: RUF001 - the sign, not the letter
    "restart": ("↻", "unannounced restart"),
    "silence": ("…", "silence"),
    "hand-over": ("→", "planned hand-over"),
    "lost": ("⇥", "planned hand-over, samples lost"),
    "rate": ("~", "rate changed"),
    "clock": ("±", "clock was set"),
}
"""Sign and name of what is no whole window."""
MOST_MISSING = 6
"""Places that missing windows take: a gap of a day is not drawn as long as it was."""


def places(item: StripItem) -> int:
    """How many places of the strip it takes, each as wide as a window."""
    return min(max(item.missing, 1), MOST_MISSING)


def moment(wall: float) -> str:
    """`wall`, seconds since 1970, as a time in UTC; "" for none."""
    try:
        return f"{datetime.fromtimestamp(wall, UTC):%Y-%m-%d %H:%M:%S} UTC" if wall else ""
    except (ValueError, OverflowError, OSError):
        return ""


def words(item: StripItem) -> str:
    """What is at this place, in a sentence."""
    if item.kind == "window":
        return f"window {item.window}: {count(item.samples, 'sample')}"
    name = f"{SIGNS[item.kind][1]}: " if item.kind in ("gap", "silence") else ""  # the others' details name them
    more = f" ({count(item.missing, 'window')} missing)" if item.missing else ""
    return f"{name}{item.detail}{more}"


def legend(strip: Sequence[StripItem]) -> list[tuple[str, str, str]]:
    """(kind, sign, name) of what there is in the strip, beyond whole windows."""
    here = {item.kind for item in strip}
    return [(kind, sign, name) for kind, (sign, name) in SIGNS.items() if kind in here]


def text(strip: Sequence[StripItem]) -> str:
    """One character a place: a bar for a window, as high as its samples, and a sign for all else."""
    most = max((item.samples for item in strip if item.kind == "window"), default=0)
    return "".join(
        BARS[min(len(BARS) * item.samples // (most + 1), len(BARS) - 1)]
        if item.kind == "window"
        else SIGNS[item.kind][0] * places(item)
        for item in strip
    )
