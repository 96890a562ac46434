"""Whole functions at once: their instructions, and the fields of those."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cache
from itertools import accumulate, pairwise
from threading import local
from typing import TypeVar

import numpy as np
import numpy.typing as npt
from msgspec import Struct
from msgspec.structs import replace

from probes.arrays import contains
from probes.drift.arch.amd64.encoding import LONGEST, Fields, fields, places, zeroed
from probes.drift.arch.disassembler import Block, Disassembler
from probes.elf.image import I64
from probes.parallel import each

T = TypeVar("T")
Bools = npt.NDArray[np.bool_]

_X86, _MODE_64 = 3, 8  # CS_ARCH_X86, CS_MODE_64
_TOGETHER = 1 << 19
"""Bytes of code that are taken apart together."""
WORKERS = 2
"""Threads that decode."""
_of_thread = local()


def engine(*, bulk: bool = False) -> Disassembler:
    """This thread's decoder; with `bulk`, one that releases the GIL at each call, which only pays for much code."""
    found: Disassembler | None = getattr(_of_thread, f"bulk_{bulk}", None)
    if found is None:
        # capstone takes UD0 and UD1, of which sanitizers make traps, for shorter than they are.
        found = Disassembler(_X86, _MODE_64, {b"\x0f\xff": _with_modrm, b"\x0f\xb9": _with_modrm}, bulk=bulk)
        setattr(_of_thread, f"bulk_{bulk}", found)
    return found


def _with_modrm(code: bytes) -> int:
    return places(code[:LONGEST] + bytes(LONGEST)).immediate


@cache
def nop() -> int:
    """Number that capstone gives NOP."""
    return engine().number(b"\x90")


@cache
def _lea() -> int:
    return engine().number(b"\x48\x8d\x00")


class Instructions(Struct, frozen=True):
    """The n instructions of a block of code; arrays of shape (n,).

    `starts`, `ends`: places in the code. `known`: false for a byte that is no instruction, which has no operands either.
    `lea`: it only forms an address. `pads`: it does nothing. `texts`: mnemonic and operands, where they were asked for.
    """

    starts: I64
    ends: I64
    known: Bools
    lea: Bools
    pads: Bools
    fields: Fields
    texts: tuple[tuple[str, str], ...]


def taken_apart(code: bytes, *, texts: bool = False) -> Instructions:
    """The instructions of one block of code; in words only with `texts`."""
    return joined(code, [engine().block(code, 0, len(code), texts=texts)], [0])


def joined(code: bytes, blocks: Sequence[Block], begins: Sequence[int]) -> Instructions:
    """The instructions of blocks that were decoded apart and begin at `begins` of `code`."""
    starts = np.frombuffer(b"".join(block.starts for block in blocks), dtype=np.uint32).astype(np.int64)
    if len(blocks) > 1:
        starts += np.repeat(np.array(begins, dtype=np.int64), [len(block.starts) for block in blocks])
    sizes = np.frombuffer(b"".join(block.sizes for block in blocks), dtype=np.uint8).astype(np.int64)
    ids = np.frombuffer(b"".join(block.ids for block in blocks), dtype=np.uint16)
    known = ids != Disassembler.INVALID
    found = fields(code, starts, sizes)
    if not known.all():
        found = replace(found, relative=found.relative & known, branch=found.branch & known)
    texts = tuple(text for block in blocks for text in block.texts)
    return Instructions(starts, starts + sizes, known, ids == _lea(), ids == nop(), found, texts)


class Decoded(Struct, frozen=True):
    """k functions that were decoded together.

    `code`: one behind the other; `begins`: where each begins in it, and the end; `first`: its first instruction, and the
    number of all; both of shape (k + 1,). `ids`: capstone's numbers of the operations.
    """

    code: bytes
    begins: I64
    first: I64
    ids: npt.NDArray[np.uint16]
    instructions: Instructions


def decode_together(codes: Sequence[bytes]) -> Decoded:
    """The instructions of several functions; releases the GIL while it decodes."""
    code = b"".join(codes)
    begins = np.array([0, *accumulate(map(len, codes))], dtype=np.int64)
    block = engine(bulk=True).block(code, 0, len(code))
    starting: I64 = np.frombuffer(block.starts, dtype=np.uint32).astype(np.int64)
    first = np.append(np.searchsorted(starting, begins[:-1]), starting.size)
    filled = begins[:-1] < len(code)
    if not contains(starting, begins[:-1][filled]).all():
        # The last bytes of a function are no whole instruction.
        return put_together(codes, [engine().block(part, 0, len(part)) for part in codes])
    return Decoded(code, begins, first, _ids([block]), joined(code, [block], [0]))


def put_together(codes: Sequence[bytes], blocks: Sequence[Block]) -> Decoded:
    """The instructions of functions that were decoded apart."""
    code = b"".join(codes)
    begins = np.array([0, *accumulate(map(len, codes))], dtype=np.int64)
    first = np.array([0, *accumulate(len(block.starts) for block in blocks)], dtype=np.int64)
    return Decoded(code, begins, first, _ids(blocks), joined(code, blocks, begins[:-1].tolist()))


def _ids(blocks: Sequence[Block]) -> npt.NDArray[np.uint16]:
    return np.frombuffer(b"".join(block.ids for block in blocks), dtype=np.uint16)


def in_portions(codes: Sequence[T], size: Callable[[T], int]) -> Iterator[list[T]]:
    """`codes` in portions that are not too large to be taken apart together."""
    portion: list[T] = []
    total = 0
    for code in codes:
        portion.append(code)
        total += size(code)
        if total >= _TOGETHER:
            yield portion
            portion, total = [], 0
    if portion:
        yield portion


def bare(codes: Sequence[bytes]) -> list[bytes]:
    """Each of `codes` with every PC-relative operand zeroed."""
    return [plain for portion in each(_bare, in_portions(codes, len), WORKERS) for plain in portion]


def _bare(codes: list[bytes]) -> list[bytes]:
    found = decode_together(codes)
    plain = zeroed(found.code, found.instructions.fields)
    return [plain[begin:end] for begin, end in pairwise(found.begins.tolist())]
