"""A C function's code apart from the addresses in it. C compilers form addresses in more ways than Go's does."""

from __future__ import annotations

from msgspec import Struct

ABSOLUTE = 5
"""Kind of a target, besides those of `windows` and `insn`: an immediate, which may be an address or a plain number."""


class Operands(Struct, frozen=True):
    """`bare`: the code with all operands that are addresses zeroed. `targets`, in order: (kind, address, bytes accessed).

    Bytes are `TO_NEXT` where an address is only taken, or where no decoder knows how many are read.
    """

    bare: bytes
    targets: tuple[tuple[int, int, int], ...]
