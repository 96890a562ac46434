"""Layout drift: one edit of a program, in several ways to build it, and exactly what has to be reported."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from msgspec import structs

from probes.drift.types.codecs import CODECS, broken
from probes.drift.types.compare import layout_drift, reached
from probes.go import load
from tests import matrix
from tests.conftest import first
from tests.drift.layout_edits import EDITS
from tests.drift.layout_pairs import CONFIGS, STATE, Config, Edit, build, drift, short, summary

if TYPE_CHECKING:
    from pathlib import Path

    from probes.drift.types.facts import LayoutDrift
    from probes.go.types.table import TypeTable

BY_NAME = {edit.name: edit for edit in EDITS}


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("layouts")


@pytest.mark.parametrize("config", first(1, CONFIGS), ids=str)
@pytest.mark.parametrize("edit", first(9, EDITS), ids=str)
def test_what_one_edit_changes(edit: Edit, config: Config, go_toolchain: Path, folder: Path) -> None:
    result = drift(build(go_toolchain, folder, config, None), build(go_toolchain, folder, config, edit))
    assert result.compared > 100
    assert summary(result) == edit.changed
    assert tuple(short(name) for name in result.added) == edit.added
    assert tuple(short(name) for name in result.removed) == edit.removed


def test_a_swap_of_fields_is_a_reorder_and_says_so(go_toolchain: Path, folder: Path) -> None:
    change = _pair(go_toolchain, folder, "reordered").changed[1]
    assert (change.name, change.effect, change.reordered) == (f"{STATE}Line", "reorder", True)
    assert change.changes[0].detail == "Sku changed places: offset 0 → 8"
    assert not _pair(go_toolchain, folder, "appended").changed[0].reordered


def test_offsets_and_sizes_of_both_sides(go_toolchain: Path, folder: Path) -> None:
    (moved, added, *_) = _pair(go_toolchain, folder, "inserted").changed[1].changes
    assert moved.old is not None
    assert moved.new is not None
    assert added.new is not None
    assert (moved.old.offset, moved.new.offset) == (24, 40)
    assert (added.old, added.new.offset, added.new.size, added.new.type) == (None, 24, 16, "string")


def test_what_is_reached_by_reference(go_toolchain: Path, folder: Path) -> None:
    result = _pair(go_toolchain, folder, "retyped")
    found = reached(result, f"{STATE}Order")
    assert found is not None
    assert [(c.of, c.path, c.via, c.owner) for c in found] == [
        ("retyped", "Order.Lines[].Price", "reference", f"{STATE}Line")
    ]
    index = reached(result, f"{STATE}Index")
    assert index is not None
    assert [c.path for c in index] == ["Index[].Price"]
    assert reached(result, f"{STATE}Address") == ()
    assert reached(result, f"{STATE}Nobody") is None


def test_an_interface_is_reached_through_a_field(go_toolchain: Path, folder: Path) -> None:
    found = reached(_pair(go_toolchain, folder, "method-changed"), f"{STATE}Order")
    assert found is not None
    assert [(c.of, c.path, c.via) for c in found] == [("method-changed", "Order.Pay.Refund", "reference")]
    assert found[0].detail == "Refund(int64) error → Refund(int32) error"


def test_a_hidden_field_hides_what_is_behind_it(go_toolchain: Path, folder: Path) -> None:
    change = _pair(go_toolchain, folder, "unexported").changed[0].changes[0]
    assert (change.of, change.hidden) == ("retyped", True)
    assert not _pair(go_toolchain, folder, "retyped").changed[0].changes[0].hidden


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("go1.27-amd64-exe", "go1.27-amd64-exe-stripped"),
        ("go1.25-amd64-exe", "go1.25-amd64-pie"),
        ("go1.26-amd64-pie", "go1.26-amd64-exe-stripped"),
    ],
)
def test_other_addresses_are_no_change(one: str, other: str) -> None:
    old, new = _types(one), _types(other)
    assert old.address.tolist() != new.address.tolist() or "stripped" in other
    result = layout_drift(old, new)
    assert (result.added, result.removed, result.changed) == ((), (), ())
    assert result.compared == result.old == result.new > 100


def test_both_directions_agree(go_toolchain: Path, folder: Path) -> None:
    config = CONFIGS[0]
    old, new = build(go_toolchain, folder, config, None), build(go_toolchain, folder, config, BY_NAME["appended"])
    back = layout_drift(new, old)
    assert summary(back) == {"Depot": ["breaking", "removed Depot.Since", "size Depot"]}


def _pair(goroot: Path, folder: Path, name: str) -> LayoutDrift:
    config = CONFIGS[0]
    return drift(build(goroot, folder, config, None), build(goroot, folder, config, BY_NAME[name]))


def _types(name: str) -> TypeTable:
    types = load(str(matrix.unpack(name))).types
    assert types is not None
    return types.read()


# Per edit, a type, and which codecs do not survive what it reaches.
BREAKS = (
    ("nothing", "Order", ""),
    ("appended", "Depot", "memory"),
    ("inserted", "Line", "memory"),
    ("reordered", "Line", "memory"),
    ("removed", "Order", "memory gob json protobuf"),
    ("renamed-field", "Address", "memory gob json protobuf"),
    ("retyped", "Order", "memory gob json protobuf"),
    ("tag", "Customer", "memory json"),
    ("embedded", "Customer", "memory json"),
    ("kind", "ID", "memory gob json protobuf"),
    ("key", "Index", "memory gob json protobuf"),
    ("elem", "Feed", "memory"),
    ("length", "Block", "memory gob protobuf"),
    ("signature", "Visit", "memory"),
    ("method-changed", "Order", "memory"),
    ("unexported", "Order", "memory"),
)


@pytest.mark.parametrize(("edit", "name", "codecs"), BREAKS)
def test_which_codecs_break(edit: str, name: str, codecs: str, go_toolchain: Path, folder: Path) -> None:
    changes = reached(_pair(go_toolchain, folder, edit), f"{STATE}{name}")
    assert changes is not None
    assert [codec for codec in CODECS if broken(changes, codec)] == codecs.split()


def test_a_type_that_begins_to_encode_itself(go_toolchain: Path, folder: Path) -> None:
    code = "func (l *Line) MarshalJSON() ([]byte, error) { return nil, nil }\n\n// Order is the root.\n"
    edit = Edit("encoder", (("// Order is the root.\n", code),))
    result = drift(build(go_toolchain, folder, CONFIGS[0], None), build(go_toolchain, folder, CONFIGS[0], edit))
    assert result.changed == ()
    found = reached(result, f"{STATE}Order")
    assert found is not None
    assert [(c.of, c.path, c.detail) for c in found] == [
        ("encoders", "Order.Lines[]", f"{STATE}Line gained MarshalJSON")
    ]
    assert [codec for codec in CODECS if broken(found, codec)] == ["json"]


def test_one_table_for_both_sides_gives_what_two_equal_ones_give(go_toolchain: Path, folder: Path) -> None:
    table = build(go_toolchain, folder, CONFIGS[0], None)
    once, twice = layout_drift(table, table), layout_drift(table, structs.replace(table))
    assert structs.asdict(once) | {"pairing": None} == structs.asdict(twice) | {"pairing": None}
    assert once.compared > 100
    assert reached(once, f"{STATE}Order") == reached(twice, f"{STATE}Order") == ()
