"""All that differs between two binaries, part by part."""

from __future__ import annotations

from typing import TYPE_CHECKING

from probes.drift.facts import BuildDrift, FunctionDrift, GlobalDrift, InitDrift
from probes.records import dataclass

if TYPE_CHECKING:
    from probes.drift.data.facts import DataDrift
    from probes.drift.native.facts import NativeDrift
    from probes.drift.types.facts import LayoutDrift


@dataclass(frozen=True, slots=True)
class Drift:
    """Everything that differs; a part is None when the evidence for it is missing (`problems` says why, by part)."""

    functions: FunctionDrift | None
    build: BuildDrift | None
    init: InitDrift | None
    problems: dict[str, str]
    types: LayoutDrift | None = None
    globals: GlobalDrift | None = None
    native: NativeDrift | None = None
    data: DataDrift | None = None
