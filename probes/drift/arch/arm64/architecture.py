"""arm64 for the comparison."""

from __future__ import annotations

from probes.drift.arch import lockstep
from probes.drift.arch.architecture import Architecture
from probes.drift.arch.arm64 import c_operands, decoder, windows

ARCHITECTURE = Architecture(
    code=decoder.Arm64Code,
    bare=decoder.bare,
    find_targets=lambda _codes: None,  # instructions of one length need no preparation
    outline=lambda _codes: None,
    steps=lockstep.steps,
    level_steps=lockstep.level_steps,
    windows=windows.windows,
    c_operands=c_operands.operands,
    follows=decoder.FOLLOWS,
    duff=(8, 20),
    padding=0x00,
    alignment=4,
)
