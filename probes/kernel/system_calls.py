"""The system calls that a program's Go code can make: numbers that are loaded before SYSCALL and SVC, or passed to package syscall.

The linker keeps only functions that something leads to, so that what is in the file is what the program may use.
"""

from __future__ import annotations

import re

import numpy as np

from probes.code.program import Program
from probes.code.tracing import Tracing
from probes.errors import ProbeError
from probes.go.facts import BinaryFacts
from probes.kernel.facts import SystemCallDrift
from probes.kernel.names import name

_TRAPS = re.compile(
    r"^(?:syscall|golang\.org/x/sys/unix)\.(?:[Rr]aw(?:Vfork)?Syscall6?(?:NoError)?|Syscall6?(?:NoError)?|(?:runtime_doA|A)llThreadsSyscall6?)$"
    r"|^(?:internal/runtime/syscall(?:/linux)?|runtime/internal/syscall)\.Syscall6$"
)
"""Functions whose first argument is the number (src/syscall/syscall_linux.go, src/internal/runtime/syscall)."""
LAST = 4095
"""Numbers above are none; amd64 has those of the x32 interface from 1 << 30 on, which Go does not use."""


def read_system_calls(facts: BinaryFacts) -> frozenset[int]:
    """Their numbers.

    Raises:
        ProbeError: its functions cannot be read.
    """
    program = Program(facts)
    tracing = Tracing(program)
    names = program.table.names
    traps = {
        int(program.entry[row]) for row in range(len(names)) if "yscall" in names[row] and _TRAPS.match(names[row])
    }
    found: set[object] = set()
    stacked = {entry for entry in traps if program.arm and names[program.row(entry)].endswith(".Syscall6")}
    stacked = {entry for entry in stacked if names[program.row(entry)].startswith(("internal/", "runtime/"))}
    for row in program.callers(traps):
        calls = [call for call in tracing.of(row).calls.values() if call.target in traps]
        found |= {call.stacked if call.target in stacked else call.arguments[0] for call in calls}
    for row in _askers(program):
        found |= set(tracing.of(row).numbers.values())
    return frozenset(number for number in found if isinstance(number, int) and 0 <= number <= LAST)


def _askers(program: Program) -> list[int]:
    """Functions that have an instruction that calls the kernel."""
    text = program.text
    if program.arm:
        at = np.flatnonzero(text[: len(text) // 4 * 4].view("<u4") == 0xD4000001) * 4  # SVC #0
    else:
        at = np.flatnonzero((text[:-1] == 0x0F) & (text[1:] == 0x05))  # SYSCALL
    rows = np.searchsorted(program.entry, at + program.start, side="right") - 1
    found: dict[int, list[int]] = {}
    for row, place in zip(rows.tolist(), at.tolist(), strict=True):
        if row >= 0:
            found.setdefault(row, []).append(program.start + place - int(program.entry[row]))
    return [row for row, places in found.items() if program.arm or _begin(program.code(row)[0], places)]


def _begin(code: bytes, places: list[int]) -> bool:
    """Whether an amd64 instruction begins at one of `places`: two bytes may be a part of another one."""
    from probes.drift.arch.amd64.blocks import engine  # noqa: PLC0415 - one of two

    starts = engine().block(code, 0, max(places) + 2).starts
    return not set(places).isdisjoint(starts)


def compare_system_calls(old: BinaryFacts, new: BinaryFacts) -> SystemCallDrift:
    """Which system calls only one of the two can make."""
    if old.arch != new.arch or {old.os, new.os} != {"linux"}:
        return SystemCallDrift(problem="the two are for different systems")
    try:
        before, after = read_system_calls(old), read_system_calls(new)
    except ProbeError as exc:
        return SystemCallDrift(problem=exc.what)
    return SystemCallDrift(
        tuple(sorted(name(new.arch, number) for number in after - before)),
        tuple(sorted(name(new.arch, number) for number in before - after)),
        foreign=new.cgo is not False,
    )
