"""Package variables: one edit of a program, in several ways to build it, and exactly what has to be reported."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from probes.drift import compare
from probes.drift.variables.compare import global_drift, why_not
from probes.go.variables.table import read_variables
from tests.conftest import first
from tests.drift.variable_pairs import (
    C_EDITS,
    CONFIGS,
    EDITS,
    PLAIN,
    STATE,
    Config,
    Edit,
    Programs,
    everything,
    summary,
)

if TYPE_CHECKING:
    from pathlib import Path

CGO = Config(buildmode="pie", cgo=True)


@pytest.fixture(scope="session")
def programs(go_toolchain: Path, tmp_path_factory: pytest.TempPathFactory) -> Programs:
    return Programs(go_toolchain, tmp_path_factory.mktemp("globals"))


@pytest.mark.parametrize("edit", first(8, EDITS), ids=str)
def test_what_one_edit_changes(edit: Edit, programs: Programs) -> None:
    drift = compare(programs.facts("nothing", PLAIN), programs.facts(edit.name, PLAIN))
    assert drift.globals is not None
    assert drift.globals.compared > 250
    assert summary(drift.globals, drift.data) == edit.drift


@pytest.mark.parametrize("edit", first(1, C_EDITS), ids=str)
def test_c_variables(edit: Edit, programs: Programs) -> None:
    drift = global_drift(programs.facts("nothing", CGO), programs.facts(edit.name, CGO))
    assert summary(drift) == edit.drift
    assert {each.package for each in (*drift.added, *drift.resized)} == {"C"}


@pytest.mark.parametrize("config", first(2, CONFIGS), ids=str)
def test_in_every_configuration(config: Config, programs: Programs) -> None:
    edit = everything(config.cgo)
    old, new = programs.facts("nothing", config), programs.facts(edit.name, config)
    drift = compare(old, new)
    assert drift.globals is not None
    assert summary(drift.globals, drift.data) == edit.drift
    assert {"hits", "totals"} <= set(names_of(old)) or not config.cgo


def names_of(facts):
    return read_variables(facts.image, facts.symtab, facts.module).names


def test_what_only_moved_did_move(programs: Programs) -> None:
    old, new = programs.facts("nothing", PLAIN), programs.facts("only-moved", PLAIN)
    moved = 0
    for name in ("Rate", "Currency", "Limits", "Hook"):
        (before,), (after,) = (facts.symtab.find(STATE + name).values() for facts in (old, new))
        moved += old.symtab.value[before] != new.symtab.value[after]
    assert moved


def test_a_stripped_file_is_missing_evidence(programs: Programs) -> None:
    facts = programs.facts("nothing", PLAIN)
    stripped = replace(facts, symtab=None, stripped=True)
    assert why_not(stripped) == "it has no ELF symbol table (stripped)"
    drift = compare(facts, stripped)
    assert drift.globals is None
    assert drift.problems["globals"] == "NEW: it has no ELF symbol table (stripped)"


def test_another_architecture_is_not_compared(programs: Programs) -> None:
    drift = compare(programs.facts("nothing", PLAIN), programs.facts("nothing", Config(goarch="arm64")))
    assert drift.globals is None
    assert drift.problems["globals"] == "the architectures differ: amd64 and arm64"
