"""The drift section of the terminal report: totals, packages, the functions that changed, the build."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from gate.inflection import count, distance, package_of
from gate.report.text.clean import clean
from gate.report.text.parts import drift_of, module_of
from gate.report.text.summary import (
    data_lines,
    data_totals,
    function_totals,
    godebug_lines,
    layout_words,
    module_lines,
    ranked,
    ranked_types,
    release_and_source,
    setting_lines,
    type_totals,
    variable_lines,
    variable_totals,
    what_changed,
)
from gate.report.text.wrap import paragraph

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from gate.report.models.data import DataSection
    from gate.report.models.report import (
        ChangedFunction,
        FunctionSection,
        GlobalSection,
        RenameItem,
        Report,
        TypeSection,
    )

PACKAGES = 12
FUNCTIONS = 15
TYPES = 8
NAMES = 8
BUILD_LINES = 8


def show(console: Console, report: Report) -> None:
    """Write the section; nothing when there is no drift evidence."""
    drift = drift_of(report)
    if drift.functions is not None:
        _heading(console, "Functions")
        _functions(console, report, drift.functions)
    if drift.types is not None and drift.types.changed:
        _heading(console, "Types")
        _types(console, report, drift.types)
    if drift.globals is not None:
        _globals(console, report, drift.globals)
    if drift.data is not None:
        _data(console, report, drift.data)
    if drift.build is not None:
        first = release_and_source(report)
        if first or drift.build.settings or drift.build.modules or drift.build.godebug:
            _heading(console, "Build")
            for line in first:
                paragraph(console, Text(clean(line)), indent=4, hang=2)
            _lines(console, "module", module_lines(report))
            _lines(console, "setting", setting_lines(report))
            _lines(console, "GODEBUG setting", godebug_lines(report))


def _functions(console: Console, report: Report, drift: FunctionSection) -> None:
    paragraph(console, Text(function_totals(drift)), indent=2)
    if len(drift.changed) > FUNCTIONS or max(len(drift.added), len(drift.removed)) > NAMES:
        _packages(console, drift)
    _changed(console, ranked(report))
    module = module_of(report)
    for title, names in (("Added", drift.added), ("Removed", drift.removed)):
        _names(console, title, sorted(names, key=lambda name: distance(package_of(name), module)))
    _names(console, "Renamed", [_renamed(each) for each in drift.renamed])
    _names(console, "Undecided", drift.undecided)
    _names(console, "May have changed", [each.name for each in drift.doubtful])


def _types(console: Console, report: Report, drift: TypeSection) -> None:
    paragraph(console, Text(type_totals(drift)), indent=2)
    console.print()
    changes = ranked_types(report)
    for name, what in map(layout_words, changes[:TYPES]):
        paragraph(console, Text(clean(name)), indent=6, hang=4)
        paragraph(console, Text(clean(what), "italic"), indent=8)
    _more(console, len(changes) - TYPES, "type", indent=4)


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


def _changed(console: Console, changes: Sequence[ChangedFunction]) -> None:
    if not changes:
        return
    console.print()
    paragraph(console, Text("Changed", "dim"), indent=2)
    for change in changes[:FUNCTIONS]:
        paragraph(console, Text(clean(change.name)), indent=6, hang=4)
        paragraph(console, Text(clean(what_changed(change)), "italic"), indent=8)
    _more(console, len(changes) - FUNCTIONS, "function", indent=4)


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


def _lines(console: Console, title: str, lines: Sequence[str]) -> None:
    if not lines:
        return
    paragraph(console, Text(f"{count(len(lines), title)} differ" + ("s" if len(lines) == 1 else ""), "dim"), indent=2)
    for line in lines[:BUILD_LINES]:
        paragraph(console, Text(clean(line)), indent=6, hang=4)
    _more(console, len(lines) - BUILD_LINES, title, indent=4)


def _globals(console: Console, report: Report, drift: GlobalSection) -> None:
    lines = variable_lines(report)
    if lines:
        _heading(console, "Package variables")
        paragraph(console, Text(variable_totals(drift)), indent=2)
        for line in lines[:NAMES]:
            paragraph(console, Text(clean(line)), indent=6, hang=4)
        _more(console, len(lines) - NAMES, "variable", indent=4)


def _data(console: Console, report: Report, drift: DataSection) -> None:
    lines = data_lines(report)
    if lines:
        _heading(console, "Data")
        paragraph(console, Text(data_totals(drift)), indent=2)
        for line in lines[:FUNCTIONS]:
            paragraph(console, Text(clean(line)), indent=6, hang=4)
        _more(console, len(lines) - FUNCTIONS, "line", indent=4)


def _heading(console: Console, text: str) -> None:
    console.print()
    console.print(Text(text, "bold underline"))


def _more(console: Console, number: int, noun: str, *, indent: int = 2) -> None:
    if number > 0:
        paragraph(console, Text(f"and {count(number, f'more {noun}')}; --format json lists all", "dim"), indent=indent)
