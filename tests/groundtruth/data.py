"""Known edits of data, in every way to build: what is reported, and what is not.

The truth is stated with each edit (`tests/drift/data_pairs.py`): no compiler prints it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from probes.drift import compare
from tests.drift.data_pairs import Config, Edit, Programs, reported

if TYPE_CHECKING:
    from probes.drift.data.facts import DataDrift

MATRIX = tuple(
    Config(goarch, buildmode, cgo, strip)
    for goarch in ("amd64", "arm64")
    for buildmode in ("exe", "pie")
    for cgo in (False, True)
    for strip in ("", "-w", "-s -w")
)


def drift_of(programs: Programs, edit: Edit, config: Config) -> DataDrift:
    """The data drift of an edit against none."""
    found = compare(programs.facts("nothing", config), programs.facts(edit.name, config)).data
    assert found is not None
    return found


def wrong(edit: Edit, config: Config, drift: DataDrift) -> list[str]:
    """What is missed, and what is made up, a line each.

    With names, everything must be as stated. Without, an edit that moves variables may leave some undecided, which must then
    be said; and what is reported must be of an edit.
    """
    values, files = reported(drift)
    out = [f"files {files}, wanted {edit.embedded}"] if files != edit.embedded else []
    if config.strip == "-s -w":
        told = {*values.values()}
        if len(told) < len(edit.values) and not drift.undecided:
            out.append(f"missed: {values}, wanted {edit.values}")
        if told and not edit.values:
            out.append(f"made up: {values}")
        return out
    if drift.undecided:
        out.append(f"undecided: {drift.undecided}")
    wanted = edit.values if not config.strip else edit.plain()
    return [*out, f"values {values}, wanted {wanted}"] if values != wanted else out
