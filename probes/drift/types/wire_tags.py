"""What codecs read of a field besides its name and type: its tags, and which fields they never look at."""

from __future__ import annotations

from typing import Literal

from probes.go.types.table import Field, Method

Codec = Literal["memory", "gob", "json", "protobuf"]
CODECS: tuple[Codec, ...] = ("memory", "gob", "json", "protobuf")
BY_NAME: frozenset[Codec] = frozenset({"gob", "json", "protobuf"})
"""Codecs that look at fields one by one."""
_IN_JSON_NAMES = frozenset("!#$%&()*+-./:;<=>?@[]^_{|}~ ")
"""What encoding/json takes in a name besides letters and digits (isValidTag); with anything else the tag has no name."""


def visible(member: Field | Method) -> bool:
    """Whether encoders that go by name look at it: exported, or an embedded field."""
    return member.exported or (isinstance(member, Field) and member.embedded)


def unseen(member: Field | Method) -> frozenset[Codec]:
    """The codecs that never look at a field or method."""
    shown = visible(member)
    if not isinstance(member, Field):
        return frozenset() if shown else BY_NAME
    json = not shown or not json_name(member.name, member.tag)[0]
    # Generated code keeps fields of the opaque API unexported and tagged.
    tagged = any(tag_value(member.tag, key) is not None for key in ("protobuf", "protobuf_oneof"))
    protobuf = not (shown or tagged) or member.name.startswith("XXX_")
    skips: tuple[tuple[Codec, bool], ...] = (("gob", not shown), ("json", json), ("protobuf", protobuf))
    return frozenset(codec for codec, skipped in skips if skipped)


def tag_value(tag: str, key: str) -> str | None:
    """The value of `key` in a struct tag, None without (reflect.StructTag.Lookup)."""
    rest = tag
    while rest:
        name, colon, rest = rest.lstrip(" ").partition(":")
        if not colon or not rest.startswith('"'):
            return None
        end = 1
        while end < len(rest) and rest[end] != '"':
            end += 2 if rest[end] == "\\" else 1
        if end >= len(rest):
            return None
        if name == key:
            return rest[1:end].replace('\\"', '"').replace("\\\\", "\\")
        rest = rest[end + 1 :]
    return None


def json_tag(tag: str) -> str:
    """The name that a tag gives the field in JSON, "" without one; "-" when it is not written."""
    value = tag_value(tag, "json") or ""
    own = value.split(",")[0]
    if value == "-":
        return value
    return own if all(char.isalnum() or char in _IN_JSON_NAMES for char in own) else ""


def json_name(name: str, tag: str) -> tuple[str, bool]:
    """The field's name in JSON, "" when it is not written; and whether it is written as a string."""
    value = tag_value(tag, "json") or ""
    if value == "-":
        return "", False
    return json_tag(tag) or name, "string" in value.split(",")[1:]


def protobuf_tag(tag: str) -> tuple[str, ...]:
    """Number and wire type of a field's `protobuf:"varint,1,opt,name=id"` tag, then those of a map's key and value.

    "" for what the tag does not say.
    """
    out = []
    for key in ("protobuf", "protobuf_key", "protobuf_val"):
        parts = (tag_value(tag, key) or "").split(",")
        out += [parts[1], parts[0]] if len(parts) > 1 else ["", ""]
    return tuple(out)
