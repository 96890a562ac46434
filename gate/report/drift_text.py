"""The drift section of the terminal report: totals, packages, the functions that changed, the build."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from gate.report.clean import clean
from gate.report.wrap import paragraph
from gate.words import count, distance, package_of, value

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from gate.report.model import BuildSection, ChangedFunction, FunctionSection, RenameItem, Report

PACKAGES = 12
FUNCTIONS = 15
NAMES = 8
BUILD_LINES = 8
REVISION = 12
SOURCE_SETTINGS = ("vcs.revision", "vcs.time", "vcs.modified")


def show(console: Console, report: Report) -> None:
    """Write the section; nothing when there is no drift evidence."""
    drift = report.drift
    if drift.functions is not None:
        _heading(console, "Functions")
        _functions(console, drift.functions, report.new.main_module or report.old.main_module)
    if drift.build is not None:
        lines = _source(report) if any(each.name in SOURCE_SETTINGS for each in drift.build.settings) else []
        if report.old.go_version != report.new.go_version:
            lines.insert(0, f"Go {_arrow(_release(report.old.go_version), _release(report.new.go_version))}")
        if lines or drift.build.settings or drift.build.modules or drift.build.godebug:
            _heading(console, "Build")
            _build(console, drift.build, lines)


def _functions(console: Console, drift: FunctionSection, module: str | None) -> None:
    parts = (("changed", drift.changed), ("added", drift.added), ("removed", drift.removed), ("renamed", drift.renamed))
    differing = ", ".join(f"{len(items):,} {word}" for word, items in parts if items) or "none changed"
    paragraph(
        console,
        Text(
            f"{drift.old:,} in OLD, {drift.new:,} in NEW: {differing}; "
            f"{drift.identical:,} identical, {drift.moved:,} moved with the same code"
        ),
        indent=2,
    )
    if len(drift.changed) > FUNCTIONS or max(len(drift.added), len(drift.removed)) > NAMES:
        _packages(console, drift)
    _changed(console, drift.changed, module)
    for title, names in (("Added", drift.added), ("Removed", drift.removed)):
        _names(console, title, sorted(names, key=lambda name: distance(package_of(name), module)))
    _names(console, "Renamed", [_renamed(each) for each in drift.renamed])


def _packages(console: Console, drift: FunctionSection) -> None:
    changed = Counter(each.package.replace("%2e", ".") for each in drift.changed)
    added = Counter(map(package_of, drift.added))
    removed = Counter(map(package_of, drift.removed))
    total = changed + added + removed
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


def _changed(console: Console, changes: Sequence[ChangedFunction], module: str | None) -> None:
    if not changes:
        return
    # What was edited comes before what only carries an inlined copy of it, the program's own code before the libraries'.
    ranked = sorted(changes, key=lambda change: (bool(change.inlined_from), distance(change.package, module)))
    console.print()
    paragraph(console, Text("Changed", "dim"), indent=2)
    for change in ranked[:FUNCTIONS]:
        paragraph(console, Text(clean(change.name)), indent=6, hang=4)
        paragraph(console, Text(clean(_what(change)), "italic"), indent=8)
    _more(console, len(ranked) - FUNCTIONS, "function", indent=4)


def _what(change: ChangedFunction) -> str:
    parts = [change.detail]
    if change.kind == "resized" and not change.detail.startswith("resized"):
        parts.insert(0, "resized")
    if change.kind == "signature" and not change.detail.startswith("argument area"):
        parts.insert(0, "argument area changed")
    if change.inlined_from:
        more = f" and {len(change.inlined_from) - 3:,} more" if len(change.inlined_from) > 3 else ""
        parts.append(f"inlines {', '.join(change.inlined_from[:3])}{more}")
    return "; ".join(filter(None, parts)) or "code changed"


def _renamed(rename: RenameItem) -> str:
    """Both names, the part that they share up to the last `.` or `/` written once."""
    shared = 0
    for index, (before, after) in enumerate(zip(rename.old, rename.new, strict=False)):
        if before != after:
            break
        if before in "./":
            shared = index + 1
    return f"{rename.old} → {'…' if shared else ''}{rename.new[shared:]}"


def _names(console: Console, title: str, names: Sequence[str]) -> None:
    if not names:
        return
    console.print()
    paragraph(console, Text(title, "dim"), indent=2)
    for name in names[:NAMES]:
        paragraph(console, Text(clean(name)), indent=6, hang=4)
    _more(console, len(names) - NAMES, "function", indent=4)


def _build(console: Console, build: BuildSection, first: Sequence[str]) -> None:
    for line in first:
        paragraph(console, Text(clean(line)), indent=4, hang=2)
    modules = [f"{each.path} {_arrow(each.old, each.new)} ({each.kind})" for each in build.modules]
    # DefaultGODEBUG lists what the toolchain was told, not what changed: that is in `godebug`.
    hidden = (*SOURCE_SETTINGS, "DefaultGODEBUG") if build.godebug else SOURCE_SETTINGS
    settings = [f"{each.name} {_arrow(each.old, each.new)}" for each in build.settings if each.name not in hidden]
    godebug = [f"{each.name} {_arrow(each.old, each.new)}" for each in build.godebug]
    for title, lines in (("module", modules), ("setting", settings), ("GODEBUG setting", godebug)):
        _lines(console, title, lines)


def _source(report: Report) -> list[str]:
    """One line for the revision, its date and whether the tree was clean."""
    both = [_revision(side.build_settings) for side in (report.old, report.new)]
    return [f"source {_arrow(*both)}"]


def _revision(settings: dict[str, str]) -> str | None:
    revision = settings.get("vcs.revision")
    if revision is None:
        return None
    notes = [settings.get("vcs.time", "")[:10], "modified" if settings.get("vcs.modified") == "true" else ""]
    shown = ", ".join(filter(None, notes))
    return revision[:REVISION] + (f" ({shown})" if shown else "")


def _release(go_version: str | None) -> str | None:
    return None if go_version is None else go_version.removeprefix("go")


def _lines(console: Console, title: str, lines: Sequence[str]) -> None:
    if not lines:
        return
    paragraph(console, Text(f"{count(len(lines), title)} differ" + ("s" if len(lines) == 1 else ""), "dim"), indent=2)
    for line in lines[:BUILD_LINES]:
        paragraph(console, Text(clean(line)), indent=6, hang=4)
    _more(console, len(lines) - BUILD_LINES, title, indent=4)


def _arrow(old: str | None, new: str | None) -> str:
    return f"{value(old)} → {value(new)}"


def _heading(console: Console, text: str) -> None:
    console.print()
    console.print(Text(text, "bold underline"))


def _more(console: Console, number: int, noun: str, *, indent: int = 2) -> None:
    if number > 0:
        paragraph(console, Text(f"and {count(number, f'more {noun}')}; --format json lists all", "dim"), indent=indent)
