"""The addresses in a C function's code."""

from __future__ import annotations

from collections.abc import Callable

from probes.drift.arch.architecture import architecture
from probes.drift.arch.code import signed
from probes.drift.arch.operands import Operands


def operands(code: bytes, address: int, arch: str, mapped: Callable[[int], bool] | None) -> Operands:
    """Take the addresses out of `code`, which is at `address`.

    Args:
        code: the instructions of one function.
        address: of its first byte.
        arch: `amd64` or `arm64`.
        mapped: whether a number can be an address of the image; None where absolute addresses cannot be in code.
    """
    found = architecture(arch).c_operands(code, address, mapped)
    # Damaged code reaches around the end of the address space: below zero, nothing is there.
    return Operands(found.bare, tuple((kind, signed(target), width) for kind, target, width in found.targets))
