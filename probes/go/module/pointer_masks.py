"""Which words of Go's variables hold pointers, as the garbage collector sees it.

The linker describes `data` and `bss` by a program for each (cmd/internal/gcprog; runtime.runGCProg). `noptrdata` and
`noptrbss` have no pointers and no program.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from msgspec import Struct

from probes.elf.image import I64, Image
from probes.errors import MalformedTable
from probes.go.module.moduledata import ModuleData

Bits = npt.NDArray[np.uint8]

MAX_WORDS = 1 << 26
"""Words of one section, 512 MB of variables: more would cost more memory than the question is worth."""

MAX_VARINT = 5

_EIGHT = [bytes(byte >> bit & 1 for bit in range(8)) for byte in range(256)]
"""The bits of a byte, the lowest first."""


class PointerMasks(Struct, frozen=True):
    """The masks of both sections.

    `start` is the address of each, `bits` has one byte a word from there: 1 for a pointer. It is shorter than the section
    when the rest has no pointers.
    """

    start: tuple[int, int]
    bits: tuple[Bits, Bits]

    def at(self, addresses: I64) -> Bits:
        """1 where the word at an address of `addresses`, shape (k,), is a pointer."""
        out = np.zeros(addresses.shape, dtype=np.uint8)
        for start, bits in zip(self.start, self.bits, strict=True):
            word = (addresses - start) >> 3
            inside = (word >= 0) & (word < bits.size)
            out[inside] = bits[word[inside]]
        return out


def read_masks(image: Image, module: ModuleData) -> PointerMasks:
    """The masks of `data` and `bss`.

    Raises:
        MalformedTable: a program leads outside of the image, or describes more than its section.
    """
    sections = (module.data[1], module.bss[0])
    bits = [
        _run(image, program, (end - start) // 8)
        for program, (start, end) in zip((module.gcdata, module.gcbss), sections, strict=True)
    ]
    return PointerMasks((sections[0][0], sections[1][0]), (bits[0], bits[1]))


def _run(image: Image, address: int, words: int) -> Bits:
    """The bits that the program at `address` emits, one byte each: at most `words`, and 7 of padding."""
    if not 0 <= words <= MAX_WORDS:
        raise MalformedTable("the variables are too many to describe", subject=image.path)
    span = image.span(address)
    if span is None:
        raise MalformedTable("the pointer mask of the variables is outside of the image", subject=image.path)
    # Most programs are far shorter than one byte a word; one that is longer is refused like one that does not end.
    code = image.bytes(address, min(span.end - address, 2 * words + 64)).tobytes()
    out = bytearray()
    at = 0
    try:
        while op := code[at]:
            at += 1
            number = op & 0x7F
            if op < 0x80:  # that many bits follow, the lowest first
                stop = at + (number + 7) // 8
                out += b"".join([_EIGHT[code[i]] for i in range(at, stop)])[:number]
                at = stop
            else:  # the last `number` bits again, `copies` times
                if not number:
                    number, at = _varint(code, at)
                copies, at = _varint(code, at)
                if not 0 < number <= len(out) or len(out) + number * copies > words + 7:
                    raise MalformedTable("the pointer mask repeats more than there is", subject=image.path)
                out += out[-number:] * copies
            if len(out) > words + 7:
                raise MalformedTable("the pointer mask is longer than the variables", subject=image.path)
    except IndexError as exc:
        raise MalformedTable("the pointer mask of the variables does not end", subject=image.path) from exc
    return np.frombuffer(bytes(out), dtype=np.uint8)


def _varint(code: bytes, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 7 * MAX_VARINT, 7):
        byte = code[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            break
    return value, at
