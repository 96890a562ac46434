"""`testdata/programs/layouts` with one edit each, and the changes that have to be reported for it, no more and no less."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from probes.drift.types.compare import layout_drift
from probes.go import load
from scripts.programs.gobuild import ROOT, GoBuild

if TYPE_CHECKING:
    from pathlib import Path

    from probes.drift.types.facts import LayoutDrift
    from probes.go.types.table import TypeTable

SOURCE = ROOT / "testdata" / "programs" / "layouts"
STATE = "example.com/layouts/state."
Expected = dict[str, list[str]]


@dataclass(frozen=True)
class Edit:
    """`replace` pairs of text in state.go. `changed`: per type, its `effect`, then "of path" of each change."""

    name: str
    replace: tuple[tuple[str, str], ...]
    changed: Expected = field(default_factory=dict)
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class Config:
    goarch: str
    buildmode: str = "exe"
    flags: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.goarch}-{self.buildmode}{'-stripped' if self.flags else ''}"


CONFIGS = (
    Config("amd64"),
    Config("arm64", flags=("-ldflags=-s -w",)),
    Config("amd64", buildmode="pie", flags=("-ldflags=-s -w",)),
)


def build(goroot: Path, folder: Path, config: Config, edit: Edit | None) -> TypeTable:
    """The types of the program with the edit, or without one."""
    overlay = {}
    if edit is not None and edit.replace:
        text = (SOURCE / "state" / "state.go").read_text(encoding="utf-8")
        for old, new in edit.replace:
            assert text.count(old) == 1, f"{edit.name}: {old!r} is in state.go {text.count(old)} times"
            text = text.replace(old, new)
        edited = folder / f"{edit.name}.go"
        edited.write_text(text, encoding="utf-8")
        overlay = {SOURCE / "state" / "state.go": edited}
    out = folder / f"{edit.name if edit else 'base'}-{config}"
    if not out.exists():
        GoBuild(
            goroot,
            SOURCE,
            buildmode=config.buildmode,
            goarch=config.goarch,
            flags=("-trimpath", *config.flags),
            overlay=overlay,
        ).run(out)
    types = load(str(out)).types
    assert types is not None
    return types.read()


def drift(old: TypeTable, new: TypeTable) -> LayoutDrift:
    result = layout_drift(old, new)
    assert result.problems == ()
    return result


def short(name: str) -> str:
    """A name without package and hash, which are another toolchain's own."""
    return re.sub(r"#[0-9a-f]{8}", "#", name.removeprefix(STATE))


def summary(result: LayoutDrift) -> Expected:
    """The drift in the form of `Edit.changed`."""
    return {
        short(change.name): [change.effect, *(f"{c.of} {c.path}" for c in change.changes)] for change in result.changed
    }
