"""amd64 for the comparison."""

from __future__ import annotations

from probes.drift.arch.amd64 import blocks, c_operands, decoder, lockstep, windows
from probes.drift.arch.architecture import Architecture

ARCHITECTURE = Architecture(
    code=decoder.Amd64Code,
    bare=blocks.bare,
    find_targets=decoder.find_targets,
    outline=decoder.outline,
    steps=lockstep.steps,
    level_steps=lockstep.level_steps,
    windows=windows.windows,
    c_operands=c_operands.operands,
    follows=decoder.FOLLOWS,
    duff=(14, 6),
    padding=0xCC,  # INT3
    alignment=1,
)
