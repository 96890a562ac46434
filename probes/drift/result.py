"""All that differs between two binaries, part by part."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from probes.drift.facts import BuildDrift, FunctionDrift, GlobalDrift, InitDrift

if TYPE_CHECKING:
    from probes.drift.data.facts import DataDrift
    from probes.drift.native.facts import NativeDrift
    from probes.drift.types.facts import LayoutDrift


class Drift(Struct, frozen=True):
    """Everything that differs; a part is None when the evidence for it is missing (`problems` says why, by part)."""

    functions: FunctionDrift | None
    build: BuildDrift | None
    init: InitDrift | None
    problems: dict[str, str]
    types: LayoutDrift | None = None
    globals: GlobalDrift | None = None
    native: NativeDrift | None = None
    data: DataDrift | None = None
