"""How many bytes of a constant the code reads from the address that it took: the size of a literal that is copied.

Nothing in a stripped program says how large `[64]int64{...}` is but the code that copies it: single loads, a loop with a
counter, an unrolled runtime.duffcopy that is entered in the middle, REP MOVSQ, or loads at an index.
"""

from __future__ import annotations

from msgspec import Struct

from probes.drift.addresses.index_bounds import table_bytes
from probes.drift.arch.code import BRANCH, CALL, TO_NEXT, Code, Load

DICTIONARY = -3
"""The dictionary of a generic function: addresses only, of types, itabs, functions and further dictionaries
(cmd/compile/internal/noder, readerDict), zero where one is not needed. It ends before the first number."""
REACH = 72
"""Instructions that are followed after the address is taken."""
NEAR = 6
"""Instructions before it among which a loop's counter may be set."""
MAX_BYTES = 1 << 20


class Duff(Struct, frozen=True):
    """runtime.duffcopy: `entry` and `end` are addresses (equal without one), `block` bytes of code copy 16 from `source`."""

    entry: int
    end: int
    block: int
    source: int

    BLOCKS = 64

    def bytes_from(self, target: int) -> int:
        """Bytes that a call of `target` copies; -1 when it does not lead into the function."""
        at = target - self.entry
        if not (self.entry <= target < self.end) or at % self.block:
            return -1
        return max(self.BLOCKS - at // self.block, 0) * 16


def bytes_read(code: Code, index: int, duff: Duff) -> tuple[int, bool]:
    """Bytes read from the address that instruction `index` takes, and whether that is certainly all.

    `TO_NEXT` for a table; -1 when nothing is seen to be read. The assembler's own scratch register is used but once.
    """
    if code.insn(index).lea < 0:
        return -1, False
    walk = _Walk(code, index, duff)
    for place in range(index + 1, index + 1 + REACH):
        if not code.has(place) or not walk.step(place):
            break
    if walk.indexed:
        return TO_NEXT, False
    return (walk.need, walk.bounded or walk.register == code.SCRATCH) if walk.need <= MAX_BYTES else (-1, False)


class _Walk:
    """Follows `register` through the code.

    `base`: what has been added to it; `need`: the end of the furthest read; `indexed`: some read is at an index that nothing
    bounds; `bounded`: some at one that the code checks.
    """

    def __init__(self, code: Code, index: int, duff: Duff) -> None:
        self.code, self.register, self.duff, self._index = code, code.insn(index).lea, duff, index
        self._set: dict[int, int] = {}
        self.base, self.need, self.indexed, self.bounded = 0, -1, False, False
        self.bases: dict[int, int] = {}

    @property
    def counters(self) -> dict[int, int]:
        """Registers that were given a constant, before the address was taken or since."""
        return _counters(self.code, self._index) | self._set

    def step(self, place: int) -> bool:
        """Take note of one instruction; false when nothing is known of the register afterwards."""
        insn = self.code.insn(place)
        self.bases[insn.offset] = self.base
        if insn.kind == CALL:
            if self.register == self.duff.source and insn.target is not None:
                self._read(self.duff.bytes_from(insn.target))
            return False
        if insn.kind == BRANCH:
            return self._loop(place, (insn.target or 0) - self.code.address)
        if insn.move is not None:
            self._set[insn.move[0]] = insn.move[1]
        width = self.code.repeats(place)
        if width and self.register == self.code.REPEAT_SOURCE:
            self._read(width * self.counters.get(self.code.REPEAT_COUNT, 0))
            return False
        return self._plain(place)

    def _read(self, end: int) -> None:
        if end > 0:
            self.need = max(self.need, self.base + end)

    def _plain(self, place: int) -> bool:
        if not self.code.mentions(place, self.register):
            return True
        load = self.code.load(place)
        if load is not None and load.index == self.register and load.scale == 1:  # either may be the table
            load = Load(load.index, load.offset, load.size, indexed=True, index=load.base)
        if load is not None and load.base == self.register:
            if load.indexed:
                size = table_bytes(self.code, place, load)
                self._read(size)
                self.indexed |= size < 0
                self.bounded |= size >= 0
            else:
                self._read(load.offset + load.size)
            self.base += load.step
        changed = self.code.adds(place)
        if changed is not None and changed[0] == self.register:
            self.base += changed[1]
            return self.base >= 0
        return not self.code.writes(place, self.register)

    def _loop(self, branch: int, start: int) -> bool:
        """At the end of a loop that began at offset `start`: the other turns read on from where the first one stopped."""
        if not 0 <= start < self.code.insn(branch).offset or start not in self.bases:
            return False
        times = _times(self.code, start, branch, self.counters)
        step = self.base - self.bases[start]
        if times <= 0 or step < 0:
            return False
        self.need += (times - 1) * step
        self.base += (times - 1) * step
        return True


def _counters(code: Code, index: int) -> dict[int, int]:
    """Registers that were given a constant just before."""
    out: dict[int, int] = {}
    for place in range(max(index - NEAR, 0), index):
        insn = code.insn(place)
        if insn.kind in {BRANCH, CALL}:
            out.clear()
        elif insn.move is not None:
            out[insn.move[0]] = insn.move[1]
    return out


def _times(code: Code, start: int, branch: int, counters: dict[int, int]) -> int:
    """How often the loop from offset `start` to instruction `branch` runs: what its counter, which goes down by one, held."""
    place = branch - 1
    while place >= 0 and code.insn(place).offset >= start:
        changed = code.adds(place)
        if changed is not None and changed[1] == -1 and changed[0] in counters:
            return counters[changed[0]]
        place -= 1
    return 0
