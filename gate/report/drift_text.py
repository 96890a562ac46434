"""The drift section of the terminal report: totals, packages, the functions that changed, the build."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from gate.report.clean import clean
from gate.words import count, package_of, value

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from gate.report.model import BuildSection, ChangedFunction, DriftSection, FunctionSection

PACKAGES = 12
FUNCTIONS = 15
NAMES = 8
BUILD_LINES = 8


def show(console: Console, drift: DriftSection) -> None:
    """Write the section; nothing when there is no drift evidence."""
    if drift.functions is not None:
        _heading(console, "Functions")
        _functions(console, drift.functions)
    if drift.build is not None and (drift.build.settings or drift.build.modules or drift.build.godebug):
        _heading(console, "Build")
        _build(console, drift.build)


def _functions(console: Console, drift: FunctionSection) -> None:
    totals = (
        f"{drift.old:,} in OLD, {drift.new:,} in NEW: {len(drift.changed):,} changed, {len(drift.added):,} added, "
        f"{len(drift.removed):,} removed, {len(drift.renamed):,} renamed; "
        f"{drift.identical:,} identical, {drift.moved:,} moved with the same code"
    )
    _line(console, Text(totals))
    _packages(console, drift)
    _changed(console, drift.changed)
    _names(console, "Added", drift.added)
    _names(console, "Removed", drift.removed)
    _names(console, "Renamed", [f"{each.old} → {each.new}" for each in drift.renamed])


def _packages(console: Console, drift: FunctionSection) -> None:
    changed = Counter(each.package.replace("%2e", ".") for each in drift.changed)
    added = Counter(map(package_of, drift.added))
    removed = Counter(map(package_of, drift.removed))
    total = changed + added + removed
    if not total:
        return
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("package", overflow="fold")
    for title in ("changed", "added", "removed"):
        table.add_column(title, justify="right", no_wrap=True)
    ranked = sorted(total, key=lambda package: (-total[package], package))
    for package in ranked[:PACKAGES]:
        numbers = (changed[package], added[package], removed[package])
        table.add_row(Text(clean(package) or "(no package)"), *(f"{number:,}" if number else "·" for number in numbers))
    console.print()
    console.print(Padding(table, (0, 0, 0, 2)))
    _more(console, len(ranked) - PACKAGES, "package")


def _changed(console: Console, changes: Sequence[ChangedFunction]) -> None:
    if not changes:
        return
    # What was edited comes before what only carries an inlined copy of it.
    ranked = sorted(changes, key=lambda change: bool(change.inlined_from))
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("changed function", overflow="fold", ratio=5)
    table.add_column("kind", no_wrap=True)
    table.add_column("what", overflow="fold", ratio=6)
    for change in ranked[:FUNCTIONS]:
        inlines = f"inlines {', '.join(change.inlined_from[:3])}" if change.inlined_from else ""
        what = "; ".join(filter(None, (change.detail, inlines)))
        table.add_row(Text(clean(change.name)), change.kind, Text(clean(what)))
    console.print()
    console.print(Padding(table, (0, 0, 0, 2)))
    _more(console, len(ranked) - FUNCTIONS, "function")


def _names(console: Console, title: str, names: Sequence[str]) -> None:
    if not names:
        return
    console.print()
    _line(console, Text(title, "dim"))
    for name in names[:NAMES]:
        _line(console, Text(clean(name)), indent=4)
    _more(console, len(names) - NAMES, "function", indent=4)


def _build(console: Console, build: BuildSection) -> None:
    modules = [f"{each.path} {_arrow(each.old, each.new)} ({each.kind})" for each in build.modules]
    settings = [f"{each.name} {_arrow(each.old, each.new)}" for each in build.settings]
    godebug = [f"{each.name} {_arrow(each.old, each.new)}" for each in build.godebug]
    for title, lines in (("module", modules), ("setting", settings), ("GODEBUG setting", godebug)):
        _lines(console, title, lines)


def _lines(console: Console, title: str, lines: Sequence[str]) -> None:
    if not lines:
        return
    _line(console, Text(f"{count(len(lines), title)} differ" + ("s" if len(lines) == 1 else ""), "dim"))
    for line in lines[:BUILD_LINES]:
        _line(console, Text(clean(line)), indent=4)
    _more(console, len(lines) - BUILD_LINES, title, indent=4)


def _arrow(old: str | None, new: str | None) -> str:
    return f"{value(old)} → {value(new)}"


def _heading(console: Console, text: str) -> None:
    console.print()
    console.print(Text(text, "bold underline"))


def _line(console: Console, text: Text, *, indent: int = 2) -> None:
    console.print(Padding(text, (0, 0, 0, indent)), overflow="fold")


def _more(console: Console, number: int, noun: str, *, indent: int = 2) -> None:
    if number > 0:
        _line(console, Text(f"and {count(number, f'more {noun}')}; --format json lists all", "dim"), indent=indent)
