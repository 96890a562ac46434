"""Where displacements and immediates are in amd64 instructions whose lengths are known.

Encoding: Intel SDM vol. 2, chapter 2 (prefixes, ModRM, SIB, VEX, EVEX) and the opcode maps of appendix A. An instruction is
[prefixes] [REX] opcode [ModRM [SIB]] [displacement] [immediate]; what is left behind the displacement is the immediate.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from msgspec import Struct

from probes.elf.image import I64, U8

LONGEST = 15
"""Bytes of an instruction at most."""

Bools = npt.NDArray[np.bool_]


def _marks(*values: int) -> Bools:
    marks = np.zeros(256, dtype=np.bool_)
    marks[list(values)] = True
    return marks


def _modrm() -> Bools:
    """One-byte opcodes that are followed by a ModRM byte in 64-bit mode (table A-2)."""
    marks = _marks(
        0x63, 0x69, 0x6B, *range(0x80, 0x90), 0xC0, 0xC1, 0xC6, 0xC7, *range(0xD0, 0xD4), *range(0xD8, 0xE0),
        0xF6, 0xF7, 0xFE, 0xFF,
    )  # fmt: skip
    values = np.arange(0x40)
    marks[values[(values & 7) < 4]] = True
    return marks


# Of REX prefixes only one that is the last counts, but compilers and data have others, too.
_PREFIX = _marks(*range(0x40, 0x50), 0x26, 0x2E, 0x36, 0x3E, 0x64, 0x65, 0x66, 0x67, 0xF0, 0xF2, 0xF3)
ONE_BYTE_MODRM = _modrm()
# Opcodes behind 0F without ModRM (table A-3).
_TWO_BYTE_BARE = _marks(
    0x04, 0x05, 0x06, 0x07, 0x08, 0x09, 0x0A, 0x0B, 0x0C, 0x0E, *range(0x30, 0x38), 0x77, *range(0x80, 0x90),
    0xA0, 0xA1, 0xA2, 0xA8, 0xA9, 0xAA, *range(0xC8, 0xD0),
)  # fmt: skip
# Jcc, LOOP, JRCXZ, CALL and JMP with a distance.
_BRANCH = _marks(*range(0x70, 0x80), *range(0xE0, 0xE4), 0xE8, 0xE9, 0xEB)
_CALL, _XBEGIN = 0xE8, (0xC7, 0xF8)
_VECTOR = {0xC5: (2, 0), 0xC4: (3, 0x1F), 0x62: (4, 7), 0x8F: (3, 0x1F)}
"""First bytes of VEX, EVEX and XOP prefixes: how long they are, and which bits of their second byte are the opcode map."""
VECTOR_PREFIXES = frozenset(_VECTOR)
_ONE, _TWO, _THREE = 0, 1, 2
"""Opcode maps: one byte, behind 0F, and those in which every opcode has a ModRM byte."""


_PREFIX_BYTES = frozenset(np.flatnonzero(_PREFIX).tolist())
_MODRM_BYTES = frozenset(np.flatnonzero(ONE_BYTE_MODRM).tolist())
_BARE_BYTES = frozenset(np.flatnonzero(_TWO_BYTE_BARE).tolist())
_BRANCH_BYTES = frozenset(np.flatnonzero(_BRANCH).tolist())


class Places(Struct, frozen=True, gc=False):
    """Of one instruction, offsets into its bytes: the displacement from `displacement` to `immediate`, the rest behind it.

    `relative`: the displacement is added to RIP. `branch`: the immediate is a distance. `opcode`: of one byte, else -1;
    `modrm`: that byte, -1 without; `rex`: the last REX prefix, 0 without. `base`: register in ModRM or SIB that a place in
    memory is counted from, -1 without one; `indexed`: a register is added to it.
    """

    displacement: int
    immediate: int
    relative: bool = False
    branch: bool = False
    opcode: int = -1
    modrm: int = -1
    rex: int = 0
    base: int = -1
    indexed: bool = False


def places(code: bytes) -> Places:
    """Take one instruction apart: the same as `fields`, without the cost of arrays."""
    at, narrow, rex = 0, False, 0
    first = code[0]
    while first in _PREFIX_BYTES:
        narrow |= first == 0x67
        rex = first if first & 0xF0 == 0x40 else 0
        at += 1
        first = code[at]
    kind = _ONE
    if first == 0x0F:
        at += 1
        kind = _TWO
        if code[at] in {0x38, 0x3A}:
            at += 1
            kind = _THREE
    elif first in _VECTOR and (first != 0x8F or code[at + 1] & 0x1F >= 8):
        length, field = _VECTOR[first]
        kind = _TWO if not field or code[at + 1] & field == 1 else _THREE
        at += length
    opcode = code[at]
    at += 1
    branch = opcode in _BRANCH_BYTES if kind == _ONE else first == 0x0F and kind == _TWO and opcode & 0xF0 == 0x80
    bare = opcode not in _MODRM_BYTES if kind == _ONE else kind == _TWO and opcode in _BARE_BYTES
    one = opcode if kind == _ONE else -1
    if bare:
        absolute = kind == _ONE and opcode & 0xFC == 0xA0  # MOV between AL/eAX and a full address
        return Places(at, at + ((4 if narrow else 8) if absolute else 0), branch=branch, opcode=one, rex=rex)
    modrm = code[at]
    at += 1
    mode, rm = modrm >> 6, modrm & 7
    if mode == 3:
        return Places(at, at, branch=kind == _ONE and (opcode, modrm) == _XBEGIN, opcode=one, modrm=modrm, rex=rex)
    wide, relative, base, indexed = mode == 2, mode == 0 and rm == 5, rm, False
    if rm == 4:
        base = code[at] & 7
        indexed = bool(code[at] & 0x38 != 0x20 or rex & 2)
        at += 1
    if mode == 0 and base == 5:
        wide, base = True, -1
    base = base if base < 0 else base | (rex & 1) << 3
    return Places(
        at, at + (4 if wide else mode), relative, opcode=one, modrm=modrm, rex=rex, base=base, indexed=indexed
    )


class Fields(Struct, frozen=True):
    """Of n instructions, all of shape (n,). Places are offsets into the code.

    `displacement`, `displacement_size`, `immediate`, `immediate_size`: where, and how many bytes, 0 for none.
    `relative`: the displacement is added to RIP. `branch`, `call`: the immediate is a distance.
    """

    displacement: I64
    displacement_size: I64
    immediate: I64
    immediate_size: I64
    relative: Bools
    branch: Bools
    call: Bools


def fields(code: bytes, starts: I64, sizes: I64) -> Fields:
    """Take instructions of `code` apart that begin at `starts` and are `sizes` bytes long."""
    data = np.frombuffer(code + bytes(LONGEST + 8), dtype=np.uint8)
    ends = starts + sizes
    at = starts.copy()
    narrow = np.zeros(at.shape, dtype=np.bool_)
    for _ in range(LONGEST):
        more = _PREFIX[data[at]] & (at < ends)
        if not more.any():
            break
        narrow |= more & (data[at] == 0x67)
        at += more
    first = data[at]
    kind = np.full(at.shape, _ONE, dtype=np.int64)
    _escape(data, at, kind, first)
    _vector(data, at, kind, first)
    opcode = data[at]
    modrm = np.where(kind == _ONE, ONE_BYTE_MODRM[opcode], (kind == _THREE) | ~_TWO_BYTE_BARE[opcode])
    place = at + 1
    mode, rm = data[place] >> 6, data[place] & 7
    sib = modrm & (mode != 3) & (rm == 4)
    relative = modrm & (mode == 0) & (rm == 5)
    wide = (mode == 2) | ((mode == 0) & ((rm == 5) | (sib & ((data[place + 1] & 7) == 5))))
    size = np.where(modrm, np.where(mode == 1, 1, np.where(wide, 4, 0)), 0)
    absolute = (kind == _ONE) & ((opcode & 0xFC) == 0xA0)  # MOV between AL/eAX and a full address
    size = np.where(absolute, np.where(narrow, 4, 8), size)
    displacement = place + modrm + sib
    immediate = displacement + size
    one = kind == _ONE
    branch = (one & _BRANCH[opcode]) | ((kind == _TWO) & ((opcode & 0xF0) == 0x80) & (first == 0x0F))
    branch |= one & (opcode == _XBEGIN[0]) & (data[place] == _XBEGIN[1])
    rest = np.maximum(ends - immediate, 0)
    return Fields(displacement, size, immediate, rest, relative, branch, one & (opcode == _CALL))


def _escape(data: U8, at: I64, kind: I64, first: U8) -> None:
    """Move `at` behind 0F, 0F 38 and 0F 3A."""
    escaped = first == 0x0F
    if not escaped.any():
        return
    at += escaped
    second = data[at]
    again = escaped & ((second == 0x38) | (second == 0x3A))
    kind[escaped] = _TWO
    kind[again] = _THREE
    at += again


def _vector(data: U8, at: I64, kind: I64, first: U8) -> None:
    """Move `at` behind VEX, XOP and EVEX prefixes. In 64-bit mode these bytes are nothing else, but for POP's 8F."""
    for byte, (length, field) in _VECTOR.items():
        found = first == byte
        if byte == 0x8F:
            found &= (data[at + 1] & 0x1F) >= 8
        if not found.any():
            continue
        kind[found] = np.where(data[at[found] + 1] & field == 1, _TWO, _THREE) if field else _TWO
        at += length * found


def words(code: bytes, places: I64, sizes: I64) -> I64:
    """Signed little-endian numbers of 1 or 4 bytes at `places`."""
    data = np.frombuffer(code + bytes(8), dtype=np.uint8)
    short = data[places].astype(np.int8).astype(np.int64)
    wide = np.ndarray((data.size - 3,), dtype="<i4", buffer=data, strides=(1,))[places].astype(np.int64)
    return np.where(sizes == 1, short, wide)


def numbers(code: bytes, places: I64, sizes: I64) -> I64:
    """Signed little-endian numbers of 0 (which is 0) to 8 bytes at `places`."""
    data = np.frombuffer(code + bytes(LONGEST + 8), dtype=np.uint8)
    wide = np.ndarray((data.size - 7,), dtype="<i8", buffer=data, strides=(1,))[places]
    spare = np.where(sizes > 0, 64 - 8 * sizes, 0)
    return np.where(sizes > 0, wide << spare >> spare, 0)


def leads(code: bytes, places: I64, sizes: I64) -> I64:
    """A number for the first `sizes` bytes at each of `places`: equal where they are, and up to 7 bytes only there."""
    data = np.frombuffer(code + bytes(LONGEST + 8), dtype=np.uint8)
    wide = np.ndarray((data.size - 7,), dtype="<i8", buffer=data, strides=(1,))[places]
    spare = 64 - 8 * np.clip(sizes, 1, 7)
    return np.where((sizes > 0) & (sizes < 8), (wide << spare >> spare) * 8 + sizes, -8 * places)


def zeroed(code: bytes, found: Fields) -> bytes:
    """`code` with the operands zeroed that are relative to RIP."""
    out = np.frombuffer(code, dtype=np.uint8).copy()
    for rows, places, sizes in (
        (found.relative, found.displacement, found.displacement_size),
        (found.branch, found.immediate, found.immediate_size),
    ):
        for size in set(sizes[rows].tolist()):
            at = places[rows & (sizes == size)]
            for step in range(size):
                out[at + step] = 0
    return out.tobytes()
