from __future__ import annotations

import struct

import pytest

from probes.go import load
from scripts.programs.gobuild import GoBuild
from tests import matrix
from tests.made_elf import damaged, facts, place

EARLY, LATE = "example.com/fixture/internal/early.init.0", "example.com/fixture/internal/late.init.0"


def test_packages_come_after_what_they_import(entry) -> None:
    order = facts(entry.name).initialisers
    if entry.minor < 21 and entry.stripped:
        assert order is None
        return
    assert len(order) > 10
    assert order.index(EARLY) < order.index(LATE)
    assert order.index(EARLY) + 1 == order.index(EARLY.replace("init.0", "init.1"))
    assert not [name for name in order if name.startswith("?")]
    assert len(set(order)) == len(order)


def test_a_count_of_functions_beyond_all_is_not_believed(tmp_path) -> None:
    name = "go1.27-amd64-exe"
    image, tasks = facts(name).image, facts(name).module.inittasks
    first = int(image.u64(tasks.ptr))
    other = load(str(damaged(tmp_path, name, (image.offset(first, 8) + 4, b"\xff\xff\xff\xff"))))
    assert other.functions is not None
    assert other.initialisers is None


def test_every_task_claiming_all_functions_is_refused(tmp_path) -> None:
    name = "go1.27-amd64-exe"
    image, module = facts(name).image, facts(name).module
    task = int(image.u64(module.inittasks.ptr))
    writes = [(place(name, module.inittasks.ptr), struct.pack("<Q", task) * module.inittasks.len)]
    other = load(str(damaged(tmp_path, name, *writes, (image.offset(task, 8) + 4, struct.pack("<I", module.nfunc)))))
    assert other.initialisers is None


@pytest.mark.parametrize("word", [1 << 60, 1 << 21, (1 << 64) - 1])
@pytest.mark.parametrize("field", [8, 16])
def test_dependencies_of_the_old_form_that_cannot_be(tmp_path, word: int, field: int) -> None:
    name = "go1.19-amd64-exe"
    found = facts(name)
    row = found.symtab.find("main..inittask")["main..inittask"]
    at = place(name, int(found.symtab.value[row])) + field
    assert load(str(damaged(tmp_path, name, (at, struct.pack("<Q", word))))).initialisers is None


def test_a_cycle_of_the_old_form_ends(tmp_path) -> None:
    name = "go1.19-amd64-exe"
    found = facts(name)
    row = found.symtab.find("main..inittask")["main..inittask"]
    task = int(found.symtab.value[row])
    other = load(str(damaged(tmp_path, name, (place(name, task) + 24, struct.pack("<Q", task)))))
    assert other.initialisers is not None
    assert sorted(other.initialisers) == sorted(found.initialisers)


def test_both_forms_are_among_the_fixtures() -> None:
    forms = {facts(e.name).module.inittasks is None for e in matrix.entries() if facts(e.name).initialisers}
    assert forms == {True, False}


def test_a_program_without_initialisers_of_its_own_is_read(go_toolchain, tmp_path) -> None:
    """Its module data lists no tasks: those of the runtime are in a list of their own."""
    source = tmp_path / "source"
    source.mkdir()
    (source / "go.mod").write_text("module example.com/bare\n\ngo 1.21\n", "utf-8")
    (source / "main.go").write_text("package main\n\nfunc main() { println(1) }\n", "utf-8")
    GoBuild(go_toolchain, source, flags=("-ldflags=-s -w",)).run(tmp_path / "bare")
    bare = load(str(tmp_path / "bare"))
    assert bare.module.inittasks.len == 0
    assert bare.initialisers == ()
    assert "main.main" in bare.functions.names
