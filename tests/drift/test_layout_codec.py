"""Which layout changes each codec survives."""

from __future__ import annotations

import pytest

from probes.drift.types.codecs import Codec, broken
from probes.drift.types.facts import FieldSide, LayoutChange
from probes.drift.types.wire_tags import tag_value

INT32, INT64 = FieldSide("int32", "int32", 4, 0), FieldSide("int64", "int64", 8, 0)
TEXT = FieldSide("string", "string", 16, 0)
ADDRESS, POINTER = FieldSide("shop.Address", "struct", 40, 0), FieldSide("*shop.Address", "ptr", 8, 0)


def _side(side: FieldSide, tag: str) -> FieldSide:
    return FieldSide(side.type, side.kind, side.size, side.offset, tag, side.encoders)


def _change(of: str, old: FieldSide | None, new: FieldSide | None, **more: object) -> LayoutChange:
    values = {
        "of": of,
        "effect": "breaking",
        "owner": "shop.Order",
        "name": "Zip",
        "path": "Order.Zip",
        "via": "value",
        "hidden": False,
        "old": old,
        "new": new,
        "detail": "Zip changed",
    }
    return LayoutChange(**{**values, **more})


def _breaks(codec: Codec, *changes: LayoutChange) -> list[str]:
    return [found.reason for found in broken(changes, codec)]


MILD = ("added", "moved", "reordered", "resized", "size", "align", "pointers")


@pytest.mark.parametrize("of", MILD)
def test_memory_tolerates_nothing_and_names_survive(of: str) -> None:
    change = _change(of, None if of == "added" else TEXT, TEXT)
    assert _breaks("memory", change) == ["Zip changed: memory is read at the old offsets"]
    for codec in ("gob", "json", "protobuf"):
        assert _breaks(codec, change) == []


@pytest.mark.parametrize("codec", ["gob", "json", "protobuf"])
def test_a_removed_field_loses_its_data(codec: Codec) -> None:
    assert _breaks(codec, _change("removed", TEXT, None)) == ["Zip changed: its data is lost"]


@pytest.mark.parametrize("codec", ["gob", "json", "protobuf"])
@pytest.mark.parametrize(
    ("old", "new", "survives"),
    [
        (INT32, INT64, True),
        (INT64, INT32, False),
        (INT64, TEXT, False),
        (INT64, FieldSide("uint64", "uint64", 8, 0), False),
        (TEXT, FieldSide("shop.Code", "string", 16, 0), True),
        (ADDRESS, POINTER, True),
        (POINTER, ADDRESS, True),
        (FieldSide("[]shop.Address", "slice", 24, 0), FieldSide("[]shop.Place", "slice", 24, 0), False),
        (ADDRESS, FieldSide("shop.Place", "struct", 40, 0), False),
    ],
)
def test_another_type(codec: Codec, old: FieldSide, new: FieldSide, survives: bool) -> None:
    assert (_breaks(codec, _change("retyped", old, new)) == []) is survives


def test_json_goes_by_the_tags_name() -> None:
    old, new = _side(TEXT, 'json:"zip"'), _side(TEXT, 'json:"postcode"')
    assert _breaks("json", _change("tag", old, new)) == ["its json name was zip, and is postcode"]
    assert _breaks("gob", _change("tag", old, new)) == []
    assert _breaks("json", _change("tag", old, _side(TEXT, 'json:"zip,omitempty" xml:"z"'))) == []
    assert _breaks("json", _change("tag", _side(INT64, 'json:"n"'), _side(INT64, 'json:"n,string"'))) != []
    assert _breaks("json", _change("tag", TEXT, _side(TEXT, 'json:"-"'))) != []


def test_a_renamed_field_with_the_same_json_name_survives() -> None:
    gone = _change("removed", _side(TEXT, 'json:"zip"'), None)
    came = _change("added", None, _side(TEXT, 'json:"zip"'), name="Postcode", path="Order.Postcode")
    assert _breaks("json", gone, came) == []
    assert len(_breaks("gob", gone, came)) == 1
    elsewhere = _change("added", None, _side(TEXT, 'json:"zip"'), name="Zip2", path="Order.Address.Zip2")
    assert len(_breaks("json", gone, elsewhere)) == 1
    number = _change("added", None, _side(INT64, 'json:"zip"'), name="Postcode", path="Order.Postcode")
    assert len(_breaks("json", gone, number)) == 1


def test_json_does_not_write_what_is_marked() -> None:
    assert _breaks("json", _change("removed", _side(TEXT, 'json:"-"'), None)) == []
    assert len(_breaks("json", _change("removed", _side(TEXT, 'json:"-,"'), None))) == 1


def test_protobuf_goes_by_number_and_wire_type() -> None:
    one, two = _side(TEXT, 'protobuf:"bytes,1,opt,name=zip"'), _side(TEXT, 'protobuf:"bytes,2,opt,name=zip"')
    assert _breaks("protobuf", _change("tag", one, two)) == ["its protobuf field was 1 bytes, and is 2 bytes"]
    renamed = _change("added", None, _side(TEXT, 'protobuf:"bytes,1,opt,name=code"'), name="Code", path="Order.Code")
    assert _breaks("protobuf", _change("removed", one, None), renamed) == []
    fixed = _change("added", None, _side(INT64, 'protobuf:"fixed64,1,opt,name=c"'), name="C", path="Order.C")
    assert _breaks("protobuf", _change("removed", one, None), fixed) == ["another wire type"]
    internal = _change("removed", TEXT, None, name="XXX_unrecognized", path="Order.XXX_unrecognized")
    assert _breaks("protobuf", internal) == []


def test_hidden_fields_and_functions_are_not_sent() -> None:
    for codec in ("gob", "json", "protobuf"):
        assert _breaks(codec, _change("retyped", TEXT, INT64, hidden=True)) == []
    assert _breaks("gob", _change("removed", FieldSide("chan int", "chan", 8, 0), None)) == []
    assert len(_breaks("memory", _change("retyped", TEXT, INT64, hidden=True))) == 1


def test_a_type_that_encodes_itself_cannot_be_judged() -> None:
    change = _change(
        "retyped", TEXT, INT64, hidden=True, owner="time.Time", owner_encoders=("GobEncode", "MarshalJSON")
    )
    assert _breaks("gob", change) == ["time.Time encodes itself (GobEncode): its layout does not tell what it writes"]
    assert "MarshalJSON" in _breaks("json", change)[0]
    own = FieldSide("shop.Code", "string", 16, 0, encoders=("MarshalJSON", "UnmarshalJSON"))
    assert _breaks("json", _change("retyped", TEXT, own)) != []
    assert _breaks("gob", _change("retyped", TEXT, own)) == []


def test_a_json_number_is_no_string_in_json() -> None:
    number = FieldSide("encoding/json.Number", "string", 16, 0)
    for old, new in ((number, TEXT), (TEXT, number)):
        assert _breaks("json", _change("retyped", old, new)) == [
            "Zip changed: json writes one as a number, the other as a string"
        ]
        assert _breaks("gob", _change("retyped", old, new)) == []


def test_methods_of_interfaces_are_not_encoded() -> None:
    change = _change("method-removed", FieldSide("func()", "func", 8, -1), None)
    assert [codec for codec in ("memory", "gob", "json", "protobuf") if _breaks(codec, change)] == ["memory"]


@pytest.mark.parametrize(
    ("tag", "value"),
    [
        ('json:"a"', "a"),
        ('xml:"b" json:"a,omitempty"', "a,omitempty"),
        ('note:"a \\"json:\\" here" json:"a"', "a"),
        ('json:""', ""),
        ("", None),
        ("json", None),
        ("json:a", None),
        ('json:"a', None),
        ('json:"a\\', None),
        ('xml:"json"', None),
    ],
)
def test_struct_tags(tag: str, value: str | None) -> None:
    assert tag_value(tag, "json") == value
