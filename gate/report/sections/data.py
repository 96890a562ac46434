"""Data that changed: the report's section."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gate.report.models.data import DataItem, DataSection, EmbeddedItem, UndecidedItem
from gate.values import both_values, diff_of, is_hidden

if TYPE_CHECKING:
    from probes.drift.data.facts import DataChange, DataDrift, EmbeddedChange


def data_section(drift: DataDrift, *, values: bool) -> DataSection:
    """The section; `values`: those that are no secrets may be shown."""
    return DataSection(
        compared=drift.compared,
        bytes=drift.bytes,
        compared_bytes=drift.compared_bytes,
        variables=[_variable(each, values=values) for each in drift.variables],
        files=drift.files,
        embedded=[_file(each, values=values) for each in drift.embedded],
        undecided=[UndecidedItem(each.subject, each.reason) for each in drift.undecided],
        more=drift.more,
    )


def _variable(change: DataChange, *, values: bool) -> DataItem:
    old, new = both_values(change, values=values)
    hidden = is_hidden(change, values=values)
    return DataItem(change.name or None, change.package, change.path, list(change.used_by), old, new, hidden)


def _file(change: EmbeddedChange, *, values: bool) -> EmbeddedItem:
    return EmbeddedItem(
        path=change.path,
        variable=change.variable or None,
        change=change.kind,
        old_size=change.old_size,
        new_size=change.new_size,
        old_sha256=change.old_digest or None,
        new_sha256=change.new_digest or None,
        diff=list(diff_of(change, values=values)),
    )
