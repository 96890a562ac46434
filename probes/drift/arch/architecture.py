"""What the comparison asks of an architecture. A package beside this module answers for each one."""

from __future__ import annotations

import importlib
from functools import cache
from typing import TYPE_CHECKING, Any, cast

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from probes.drift.arch.code import Code
    from probes.drift.arch.lockstep import Steps
    from probes.drift.arch.operands import Operands
    from probes.drift.arch.windows import Windows
    from probes.elf.image import I64, U8


class Architecture(Struct, frozen=True):
    """How to read one architecture's code."""

    code: Callable[[bytes, int], Code]
    """From bytes and their address, the instructions."""
    bare: Callable[[Sequence[bytes]], list[bytes]]
    """The code of each of several functions with every PC-relative operand zeroed."""
    find_targets: Callable[[Sequence[Any]], None]
    """Prepares `Code.targets` of several, which may cost less than one by one."""
    outline: Callable[[Sequence[Any]], None]
    """Prepares `Code.outline` of several, which may cost less than one by one."""
    steps: Callable[[Sequence[tuple[Any, Any]]], list[Steps]]
    """The instructions to look at of pairs of functions of any lengths (see `arch.lockstep`)."""
    level_steps: Callable[[Sequence[tuple[Any, Any, Sequence[int]]]], list[Steps]]
    """The instructions to look at of pairs of functions of one length, at some places."""
    windows: Callable[[U8, U8, I64, I64, I64], Windows]
    """Places that may hold a PC-relative operand, in two blocks of equally long code: the bytes in OLD and NEW, the
    addresses of the first byte of each run, and where in the block each run begins."""
    c_operands: Callable[[bytes, int, Callable[[int], bool] | None], Operands]
    """From the code of a C function and its address, the addresses in it; the last argument tells whether a number can be
    an address of the image, None where absolute addresses cannot be in code."""
    follows: Mapping[int, int]
    """Argument registers, each with the next."""
    duff: tuple[int, int]
    """Bytes of code in runtime.duffcopy that copy 16 bytes, and the register that it reads from."""
    padding: int
    """The byte that the linker puts between functions (cmd/link/internal/ld.Target, CodePad)."""
    alignment: int
    """Bytes to which instructions are aligned."""


@cache
def architecture(name: str) -> Architecture:
    """The architecture that Go calls `name`."""
    return cast("Architecture", importlib.import_module(f"probes.drift.arch.{name}.architecture").ARCHITECTURE)
