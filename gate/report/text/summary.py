"""What changed, in lines of plain text. None of it is escaped: that is the format's business."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gate.inflection import distance, package_of, some, value
from gate.report.text.parts import drift_of, module_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gate.report.models.data import DataItem, DataSection, EmbeddedItem
    from gate.report.models.report import (
        BinaryInfo,
        ChangedFunction,
        ChangedType,
        FunctionSection,
        GlobalSection,
        Report,
        TypeSection,
    )

REVISION = 12
SOURCE_SETTINGS = ("vcs.revision", "vcs.time", "vcs.modified")


def side_words(side: BinaryInfo) -> tuple[str, str, str]:
    """One side: its path; its build and size; the beginning of its SHA-256."""
    if side.linkage == "lock":
        return side.path, f"lock of {side.goos}/{side.goarch}", side.sha256[:12]
    build = [
        side.go_version or ("not Go" if side.linkage == "shared" else "unknown Go version"),
        f"{side.goos}/{side.goarch}",
        side.linkage + (", stripped" if side.stripped else ""),
        f"{side.size / 1e6:,.1f} MB",
    ]
    return side.path, ", ".join(build), side.sha256[:12]


def function_totals(drift: FunctionSection) -> str:
    """How many functions there are and how many differ."""
    parts: tuple[tuple[str, Sequence[object]], ...] = (
        ("changed", drift.changed),
        ("added", drift.added),
        ("removed", drift.removed),
        ("renamed", drift.renamed),
        ("undecided", drift.undecided),
        ("in doubt", drift.doubtful),
    )
    differing = ", ".join(f"{len(items):,} {word}" for word, items in parts if items) or "none changed"
    return (
        f"{drift.old:,} in OLD, {drift.new:,} in NEW: {differing}; "
        f"{drift.identical:,} identical, {drift.moved:,} moved with the same code"
    )


def type_totals(drift: TypeSection) -> str:
    """How many named types there are on both sides, and how many differ."""
    parts = (("changed", drift.changed), ("added", drift.added), ("removed", drift.removed))
    return f"{drift.compared:,} on both sides: " + ", ".join(f"{len(items):,} {word}" for word, items in parts if items)


def ranked_types(report: Report) -> list[ChangedType]:
    """The changed types: those of the contract before others, the program's own before Go's."""
    drift = drift_of(report).types
    if drift is None:
        return []
    module = module_of(report)
    changes = drift.changed
    return sorted(changes, key=lambda each: (not each.contract, distance(package_of(each.name), module)))


def layout_words(change: ChangedType) -> tuple[str, str]:
    """A type's name, and what differs about it."""
    name = f"{change.name} (contract)" if change.contract else change.name
    return name, some([f"{each.path}: {each.detail}" for each in change.changes])


def ranked(report: Report) -> list[ChangedFunction]:
    """The changed functions: what was edited before what only carries a copy of it, the program's own code first."""
    drift = drift_of(report).functions
    if drift is None:
        return []
    module = module_of(report)
    changes = drift.changed
    return sorted(changes, key=lambda change: (bool(change.inlined_from), distance(change.package, module)))


def what_changed(change: ChangedFunction) -> str:
    """What changed in one function."""
    parts = [change.detail]
    if change.kind == "resized" and not change.detail.startswith("resized"):
        parts.insert(0, "resized")
    if change.kind == "signature" and not change.detail.startswith("argument area"):
        parts.insert(0, "argument area changed")
    if change.inlined_from:
        more = f" and {len(change.inlined_from) - 3:,} more" if len(change.inlined_from) > 3 else ""
        parts.append(f"inlines {', '.join(change.inlined_from[:3])}{more}")
    return "; ".join(filter(None, parts)) or "code changed"


def arrow(old: str | None, new: str | None) -> str:
    """`old → new`."""
    return f"{value(old)} → {value(new)}"


def release_and_source(report: Report) -> list[str]:
    """A line for the Go release and one for the revision, each where it differs."""
    lines = []
    if report.old is None or report.new is None:
        return []
    if report.old.go_version != report.new.go_version:
        lines.append(f"Go {arrow(_release(report.old.go_version), _release(report.new.go_version))}")
    build = drift_of(report).build
    if build is not None and any(each.name in SOURCE_SETTINGS for each in build.settings):
        lines.append(f"source {arrow(_revision(report.old.build_settings), _revision(report.new.build_settings))}")
    return lines


def module_lines(report: Report) -> list[str]:
    """The dependencies that differ."""
    build = drift_of(report).build
    return [] if build is None else [f"{each.path} {arrow(each.old, each.new)} ({each.kind})" for each in build.modules]


def setting_lines(report: Report) -> list[str]:
    """The build settings that differ, but for those of `release_and_source`."""
    build = drift_of(report).build
    if build is None:
        return []
    # DefaultGODEBUG lists what the toolchain was told, not what changed: that is in `godebug`.
    hidden = (*SOURCE_SETTINGS, "DefaultGODEBUG") if build.godebug else SOURCE_SETTINGS
    return [f"{each.name} {arrow(each.old, each.new)}" for each in build.settings if each.name not in hidden]


def godebug_lines(report: Report) -> list[str]:
    """The effective GODEBUG defaults that differ."""
    build = drift_of(report).build
    return [] if build is None else [f"{each.name} {arrow(each.old, each.new)}" for each in build.godebug]


def build_lines(report: Report) -> list[str]:
    """All that differs in how the two were built; nothing where that could not be compared."""
    if drift_of(report).build is None:
        return []
    lines = release_and_source(report) + module_lines(report) + setting_lines(report)
    return lines + [f"GODEBUG {line}" for line in godebug_lines(report)]


def _revision(settings: dict[str, str]) -> str | None:
    revision = settings.get("vcs.revision")
    if revision is None:
        return None
    notes = [settings.get("vcs.time", "")[:10], "modified" if settings.get("vcs.modified") == "true" else ""]
    shown = ", ".join(filter(None, notes))
    return revision[:REVISION] + (f" ({shown})" if shown else "")


def _release(go_version: str | None) -> str | None:
    return None if go_version is None else go_version.removeprefix("go")


def variable_totals(drift: GlobalSection) -> str:
    """How many package variables differ."""
    parts = (
        ("added", drift.added),
        ("removed", drift.removed),
        ("resized", drift.resized),
        ("retyped", drift.retyped),
    )
    return ", ".join(f"{len(items):,} {word}" for word, items in parts if items)


def data_totals(drift: DataSection) -> str:
    """How much of the data was compared, and how much differs."""
    parts = (
        (len(drift.variables) + drift.more, "value", "values"),
        (len(drift.embedded), "embedded file", "embedded files"),
    )
    said = [f"{number:,} {one if number == 1 else many}" for number, one, many in parts if number]
    totals = f"{' and '.join(said)} changed" if said else "none changed"
    return f"{totals}, {len(drift.undecided):,} undecided" if drift.undecided else totals


def data_lines(report: Report) -> list[str]:
    """One line a value or embedded file that differs, the program's own first; then what could not be compared."""
    drift = drift_of(report).data
    if drift is None:
        return []
    module = module_of(report)
    changes = sorted(drift.variables, key=lambda each: distance(each.package, module))
    lines = [f"{data_subject(each)}: {each.old} → {each.new}" for each in changes]
    lines += [f"{each.path}: {file_change(each)}" for each in drift.embedded]
    return lines + [f"{each.subject}: could not be compared: {each.reason}" for each in drift.undecided]


def data_subject(item: DataItem) -> str:
    """What a change of data is of."""
    if item.name is not None:
        return f"{item.name}{item.path}"
    place = f" ({item.path})" if item.path else ""
    if not item.used_by:
        return f"unnamed data{place}"
    return f"data that {item.used_by[0]} uses{place}"


def file_change(item: EmbeddedItem) -> str:
    """What became of an embedded file: `changed, 812 → 840 bytes`, `added, 12 bytes`."""
    sizes = [f"{size:,}" for size in (item.old_size, item.new_size) if size is not None]
    inside = f" (in {item.variable})" if item.variable else ""
    return f"{item.change}, {' → '.join(sizes)} bytes{inside}"


def variable_lines(report: Report) -> list[str]:
    """One line a package variable that differs, the program's own first."""
    drift = drift_of(report).globals
    if drift is None:
        return []
    module = module_of(report)
    lines = [(each.name, f"{each.name}: {each.detail}") for each in (*drift.resized, *drift.retyped)]
    lines += [(name, f"{name}: removed") for name in drift.removed]
    lines += [(name, f"{name}: added") for name in drift.added]
    return [line for name, line in sorted(lines, key=lambda each: distance(package_of(each[0]), module))]
