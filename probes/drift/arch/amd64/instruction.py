"""One amd64 instruction: its operands; from capstone's text in Intel's syntax."""

from __future__ import annotations

import re
from typing import NamedTuple

_LEGACY = ("rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi")
_BYTES = ("al", "cl", "dl", "bl", "spl", "bpl", "sil", "dil")


def _registers() -> dict[str, tuple[int, int]]:
    out: dict[str, tuple[int, int]] = {}
    for number, (name, low) in enumerate(zip(_LEGACY, _BYTES, strict=True)):
        out |= {name: (number, 8), f"e{name[1:]}": (number, 4), name[1:]: (number, 2), low: (number, 1)}
    for number in range(8, 16):
        out |= {f"r{number}{end}": (number, size) for end, size in (("", 8), ("d", 4), ("w", 2), ("b", 1))}
    return out


REGISTERS = _registers()
"""Number and bytes of the integer registers that an operand names."""

_SIZES = {
    "byte": 1, "word": 2, "dword": 4, "fword": 6, "qword": 8, "tbyte": 10, "xword": 10, "xmmword": 16, "ymmword": 32,
    "zmmword": 64,
}  # fmt: skip
_COMPARED = [f"{v}{u}comis" for v in ("", "v") for u in ("", "u")]
_ELEMENTS = {f"{name}{end}": size for name in _COMPARED for end, size in (("s", 4), ("d", 8))}
_ELEMENTS |= dict.fromkeys(("vgatherdps", "vgatherqps", "vpgatherdd", "vpgatherqd"), 4)
_ELEMENTS |= dict.fromkeys(("vgatherdpd", "vgatherqpd", "vpgatherdq", "vpgatherqq"), 8)
"""Bytes of one number, where capstone has a vector's: comparisons of one number, and gathers, which take one an index."""
_MEMORY = re.compile(r"(?:(\w+) )?ptr (?:\w\w:)?\[(.*)\]|()(?:\w\w:)?\[(.*)\]")


class Memory(NamedTuple):
    """An operand in memory at `base + scale * indexed_by + displacement`; names are empty where there is none.

    Of one at a distance from RIP, whose `base` is `rip`, the displacement is the address itself.
    `size`: bytes that are accessed, 0 where capstone does not say.
    """

    base: str
    indexed_by: str
    scale: int
    displacement: int
    size: int


class Instruction(NamedTuple):
    """`operation`: the mnemonic without prefixes. `operands`: a register's name, a number, or memory, in Intel's order."""

    operation: str
    repeated: bool
    operands: tuple[str | int | Memory, ...]

    @property
    def memory(self) -> Memory | None:
        """The operand in memory; the first of a string instruction's two."""
        return next((each for each in self.operands if isinstance(each, Memory)), None)

    def register(self, operand: int) -> str:
        """The name of the register that is an operand, "" for other operands and without it."""
        found = self.operands[operand] if operand < len(self.operands) else ""
        return found if isinstance(found, str) else ""

    def constant(self, operand: int) -> int | None:
        """The number that is an operand, None for others."""
        found = self.operands[operand] if operand < len(self.operands) else None
        return found if isinstance(found, int) else None


def parse(mnemonic: str, text: str, following: int) -> Instruction:
    """Take capstone's text apart; `following` is the address of the next instruction, which RIP holds."""
    *prefixes, operation = mnemonic.split(" ")
    operands = tuple(_operand(operation, each, following) for each in text.split(", ")) if text else ()
    return Instruction(operation, "rep" in prefixes, operands)


def _operand(operation: str, text: str, following: int) -> str | int | Memory:
    if "[" in text:
        return _memory(operation, text, following)
    if text[0].isdigit() or text[0] == "-":
        return int(text, 0)
    return text.partition(" ")[0]  # what follows is EVEX's mask


def _memory(operation: str, text: str, following: int) -> Memory:
    found = _MEMORY.match(text)
    if found is None:
        raise ValueError(f"not an operand in memory: {text}")
    base = index = ""
    scale, displacement = 1, 0
    for sign, term in re.findall(r"(-?)\s*([\w*]+)", found[2] or found[4] or ""):
        if "*" in term:
            index, _, factor = term.partition("*")
            scale = int(factor, 0)
        elif term[0].isdigit():
            displacement = -int(term, 0) if sign else int(term, 0)
        elif base:
            index = term
        else:
            base = term
    displacement = (displacement + (1 << 63)) % (1 << 64) - (1 << 63)
    if base == "rip":
        displacement += following
    return Memory(base, index, scale, displacement, _ELEMENTS.get(operation, _SIZES.get(found[1] or "", 0)))


def accessed(mnemonic: str, operands: str) -> int:
    """Bytes that an instruction accesses in memory, from capstone's text; 0 where that does not say."""
    before, found, _ = operands.partition(" ptr ")
    said = _SIZES.get(before.rpartition(" ")[2], 0) if found else 0
    return _ELEMENTS.get(mnemonic, said)
