"""A flame graph as boxes for a template: the root at the top, callees below, as wide as their share of the samples. Pure."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from msgspec import Struct

from probes.profile.stacks.identity import PREEMPTED

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from probes.profile.facts import ProfileFacts

LEAST = 0.002
"""Of all samples: narrower boxes are left out."""

DEPTH = 48
MOST = 1500
HOTTEST = 10
MAX_NODES = 200_000
"""Of the tree before it is pruned; stacks beyond are counted, and not drawn."""

MAX_FRAMES = 1_000_000
"""Of all stacks together, as far as they are drawn; five windows of goprobe have some 100,000."""


class Box(Struct, frozen=True):
    """One box: the row from the top, `left` and `share` as parts of the whole, and whether the runtime is at work."""

    name: str
    row: int
    left: float
    share: float
    runtime: bool


class Flame(Struct, frozen=True):
    """A graph. `samples` in all; `hottest` are (function, its own share), the hottest first; `rows` are drawn."""

    boxes: tuple[Box, ...]
    rows: int
    samples: int
    windows: int
    hottest: tuple[tuple[str, float], ...]


class _Node:
    __slots__ = ("children", "value")

    def __init__(self) -> None:
        self.value = 0
        self.children: dict[str, _Node] = {}


def flame(profiles: Sequence[ProfileFacts]) -> Flame | None:
    """The graph of the samples of all `profiles`, stacks merged by function name; None without a sample."""
    root = _Node()
    own: dict[str, int] = {}
    nodes = frames = 0
    for stack, leaf, value in (each for profile in profiles for each in _stacks(profile)):
        root.value += value
        own[leaf] = own.get(leaf, 0) + value
        at = root
        frames += len(stack)
        for name in stack if frames <= MAX_FRAMES else ():
            if name not in at.children:
                if nodes >= MAX_NODES:
                    break
                nodes += 1
                at.children[name] = _Node()
            at = at.children[name]
            at.value += value
    if not root.value:
        return None
    boxes = sorted(_boxes(root), key=lambda box: -box.share)[:MOST]
    hottest = sorted(own.items(), key=lambda item: (-item[1], item[0]))[:HOTTEST]
    return Flame(
        tuple(sorted(boxes, key=lambda box: (box.row, box.left))),
        1 + max(box.row for box in boxes),
        root.value,
        len(profiles),
        tuple((name, value / root.value) for name, value in hottest),
    )


def _stacks(profile: ProfileFacts) -> Iterator[tuple[list[str], str, int]]:
    """Of each sample: its topmost functions, the root first, the function that it was taken in, and its count.

    No stack is ever written out: a location may hold any number of inlined calls, and a stack may name it thousands of times.
    """
    values = profile.values[:, 0].tolist()
    for row in (profile.values[:, 0] > 0).nonzero()[0].tolist():
        stack = profile.stacks[profile.stack_offsets[row] : profile.stack_offsets[row + 1]]
        if not stack.size:
            continue
        drawn = list(islice(_names(profile, stack[::-1].tolist(), -1), DEPTH + 1))
        leaf = list(islice(_names(profile, stack[:2].tolist(), 1), 2))
        if leaf[0] == PREEMPTED and len(leaf) > 1:
            del leaf[0]
            if len(drawn) <= DEPTH:
                drawn.pop()
        yield drawn[:DEPTH], leaf[0], values[row]


def _names(profile: ProfileFacts, locations: Iterable[int], step: int) -> Iterator[str]:
    """The functions of `locations`, one by one; of each location the inlined calls first, or last with a `step` of -1."""
    for location in locations:
        lines = range(int(profile.line_offsets[location]), int(profile.line_offsets[location + 1]))
        if not lines:
            yield f"0x{profile.addresses[location]:x}"
        for line in lines[::step]:
            yield profile.functions[profile.lines[line]] or "?"


def _boxes(root: _Node) -> Iterable[Box]:
    """Depth first, without the root, which would be as wide as the page."""
    waiting = [(root, 0, 0)]
    while waiting:
        node, row, left = waiting.pop()
        for name, child in sorted(node.children.items()):
            share = child.value / root.value
            if share >= LEAST:
                yield Box(name, row, left / root.value, share, _is_runtime(name))
                waiting.append((child, row + 1, left))
            left += child.value


def _is_runtime(name: str) -> bool:
    return name.startswith(("runtime.", "runtime/internal", "internal/runtime", "gcWriteBarrier", "type:"))
