"""A flame graph as boxes for a template: the root at the top, callees below, as wide as their share of the samples. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from probes.profile.identity import PREEMPTED
from probes.records import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from probes.profile.profile_pb2 import Profile

LEAST = 0.002
"""Of all samples: narrower boxes are left out."""

DEPTH = 48
MOST = 1500
HOTTEST = 10
MAX_NODES = 200_000
"""Of the tree before it is pruned; stacks beyond are counted, and not drawn."""


@dataclass(frozen=True, slots=True)
class Box:
    """One box: the row from the top, `left` and `share` as parts of the whole, and whether the runtime is at work."""

    name: str
    row: int
    left: float
    share: float
    runtime: bool


@dataclass(frozen=True, slots=True)
class Flame:
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


def flame(profiles: Sequence[Profile]) -> Flame | None:
    """The graph of the samples of all `profiles`, stacks merged by function name; None without a sample."""
    root = _Node()
    own: dict[str, int] = {}
    nodes = 0
    for stack, value in (pair for profile in profiles for pair in _stacks(profile)):
        root.value += value
        own[stack[-1]] = own.get(stack[-1], 0) + value
        at = root
        for name in stack[:DEPTH]:
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


def _stacks(profile: Profile) -> Iterator[tuple[list[str], int]]:
    """The function names of each sample, the root first, and its count."""
    text = profile.string_table
    names = {each.id: text[each.name] for each in profile.function}
    # Lines of a location are the inlined calls, the innermost first (profile.proto, Location.line).
    frames = {
        each.id: [names.get(line.function_id, "") for line in each.line] or [f"0x{each.address:x}"]
        for each in profile.location
    }
    for sample in profile.sample:
        value = sample.value[0] if sample.value else 0
        if value > 0 and sample.location_id:
            stack = [name or "?" for key in sample.location_id for name in frames[key]]
            if stack[0] == PREEMPTED and len(stack) > 1:
                del stack[0]
            yield stack[::-1], value


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
