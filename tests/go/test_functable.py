from __future__ import annotations

import struct

import pytest

from probes.errors import MalformedTable
from probes.go import load
from probes.go.module import layouts as lay
from probes.go.table.functions import FuncTable, package_of
from probes.go.table.inlining import frames, inline_runs, inline_tree
from tests import matrix
from tests.made_elf import damaged, facts, place

LATE = "example.com/fixture/internal/late"
KINDS = "example.com/fixture/internal/kinds"


@pytest.mark.parametrize(
    ("name", "package"),
    [
        ("main.main", "main"),
        ("net/http.(*Server).Serve", "net/http"),
        ("example.com/a/b.F.func1", "example.com/a/b"),
        ("gopkg.in/yaml%2ev3.Unmarshal", "gopkg.in/yaml.v3"),
        ("example.com/a.Max[go.shape.int]", "example.com/a"),
        ("example.com/a.Map[example.com/b.K,int].Get", "example.com/a"),
        ("type:.eq.main.T", ""),
        ("type..hash.main.T", ""),
        ("go:buildid", ""),
        ("crosscall2", ""),
        ("", ""),
    ],
)
def test_package_of(name: str, package: str) -> None:
    assert package_of(name) == package


def test_every_fixture_names_its_own_functions(entry) -> None:
    table = facts(entry.name).functions
    assert {f"{LATE}.Register", f"{KINDS}.Everything", "runtime.morestack"} <= set(table.names)
    assert len(table.names) == len(table) == facts(entry.name).module.nfunc
    assert not [name for name in table.names if name.startswith("?") or not name.isprintable()]
    assert bool((table.entry[1:] >= table.entry[:-1]).all())
    assert bool((table.end >= table.entry).all())


def test_lines_and_inlined_calls_of_our_own_source(entry) -> None:
    """late.go: Register (17) calls outer (21) twice, which calls inner (23); both are inlined."""
    table = facts(entry.name).functions
    index = table.names.index(f"{LATE}.Register")
    file = f"{LATE}/late.go"
    assert (table.file(index), table.start(index), table.package(index)) == (file, 17, LATE)
    stacks = {frames(table, int(table.entry[index]) + at) for at in range(0, table.size(index), table.quantum)}
    shown = {tuple((frame.function.removeprefix(LATE), frame.file, frame.line) for frame in stack) for stack in stacks}
    wanted = ((".inner", file, 27), (".outer", file, 21), (".Register", file, 18))
    assert wanted in shown
    assert ((".Register", file, 17),) in shown or ((".Register", file, 18),) in shown
    tree = inline_tree(table, index)
    assert {call.name for call in tree} == {f"{LATE}.outer", f"{LATE}.inner"}
    if entry.minor >= 20:
        assert {call.start_line for call in tree} == {21, 23}
    else:
        assert {call.call_line for call in tree} == {18, 21}


def test_find_at_the_edges(entry) -> None:
    table = facts(entry.name).functions
    first, last = int(table.entry[0]), int(table.end[-1])
    assert table.find(first) >= 0
    assert table.names[table.find(int(table.end[7]) - 1)] == table.names[7]
    for pc in (first - 1, last, -1, 0, 1 << 63, (1 << 64) - 1, 1 << 64):
        assert table.find(pc) == -1
        assert table.line(pc) == ("", 0)
        assert frames(table, pc) == ()


@pytest.mark.parametrize("entry", [e for e in matrix.select(cgo=True) if e.buildmode != "plugin"], ids=str)
def test_the_text_base_of_the_c_linker(entry) -> None:
    """The C linker puts its own start code first: runtime.text is later than .text."""
    found = facts(entry.name)
    text = found.image.elf.section(".text")
    assert found.module.text > text.addr
    table = found.functions
    assert int(table.entry[0]) == found.module.minpc
    index = table.names.index(f"{LATE}.Register")
    if found.symtab is not None:
        row = found.symtab.find(f"{LATE}.Register")[f"{LATE}.Register"]
        assert int(found.symtab.value[row]) == int(table.entry[index])


def test_the_text_base_of_the_go_linker() -> None:
    found = facts("go1.27-amd64-pie")
    assert found.module.text == found.image.elf.section(".text").addr


@pytest.mark.parametrize("name", ["go1.27-amd64-exe", "go1.25-arm64-pie", "go1.19-amd64-exe"])
def test_an_inline_tree_that_leads_back_to_itself(tmp_path, name: str) -> None:
    found = facts(name)
    table = found.functions
    index = table.names.index(f"{LATE}.Register")
    address = table.funcdata(index, lay.FUNCDATA_INL_TREE)
    layout = found.module.layout.table.inline
    tree = inline_tree(table, index)
    inner = next(i for i, call in enumerate(tree) if call.name == f"{LATE}.inner")
    at = next(end - table.quantum for end, record in inline_runs(table, index) if record == inner)
    if tree[inner].call_file < 0:
        offset, raw = layout.fields["parentpc"][1], struct.pack("<i", at)
    else:
        offset, raw = layout.fields["parent"][1], struct.pack("<h", inner)
    where = place(name, address + inner * layout.itemsize + offset)
    broken = load(str(damaged(tmp_path, name, (where, raw)))).functions
    with pytest.raises(MalformedTable, match="is a cycle"):
        frames(broken, int(broken.entry[index]) + at)


def test_columns_that_lead_outside_are_typed_errors(tmp_path) -> None:
    name = "go1.27-amd64-exe"
    found = facts(name)
    table = found.functions
    index = table.names.index(f"{LATE}.Register")
    record = place(name, found.module.pclntable.ptr + int(table.funcoff[index]))
    layout = found.module.layout.table.func
    writes = [(record + layout.fields[field][1], b"\xff\xff\xff\x7f") for field in ("pcln", "cuoffset", "npcdata")]
    broken = load(str(damaged(tmp_path, name, *writes))).functions
    pc = int(broken.entry[index])
    for read in (FuncTable.line, frames):
        with pytest.raises(MalformedTable):
            read(broken, pc)
    for read in (FuncTable.file, inline_tree):
        with pytest.raises(MalformedTable):
            read(broken, index)


def test_a_name_outside_of_the_table_is_a_number(tmp_path) -> None:
    name = "go1.27-amd64-exe"
    found = facts(name)
    record = place(name, found.module.pclntable.ptr + int(found.functions.funcoff[5]))
    broken = load(str(damaged(tmp_path, name, (record + 4, b"\xf0\xff\xff\x7f"))))
    assert broken.functions.names[5] == "?0x7ffffff0"
    assert [f.kind for f in broken.health.decode_faults] == ["name"]
    with pytest.raises(MalformedTable, match="outside of the name table"):
        broken.functions.name_at(0x7FFFFFF0)


def test_a_record_outside_of_the_table_makes_it_unverifiable(tmp_path) -> None:
    name = "go1.27-amd64-exe"
    at = place(name, facts(name).module.ftab.ptr)
    broken = load(str(damaged(tmp_path, name, (at + 8 * 3 + 4, b"\xff\xff\xff\xff"))))
    assert broken.functions is None
    assert "a function record lies outside" in broken.health.unverifiable
