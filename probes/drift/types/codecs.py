"""Which changes of a type break a codec: what was written by OLD no longer reads back as the same values in NEW."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from probes.drift.types.facts import FieldSide, LayoutChange
from probes.drift.types.wire_tags import CODECS, Codec, json_name, protobuf_tag

__all__ = ["CODECS", "Broken", "Codec", "broken"]
_OWN = {
    "gob": frozenset({"GobEncode", "GobDecode", "MarshalBinary", "UnmarshalBinary"}),
    "json": frozenset({"MarshalJSON", "UnmarshalJSON", "MarshalText", "UnmarshalText"}),
    "protobuf": frozenset[str](),
}
"""Methods that each codec calls instead of looking at fields. What protobuf generates follows the tags."""
_WIDTH = {"int8": 1, "int16": 2, "int32": 4, "int64": 8, "int": 8, "float32": 4, "float64": 8, "bool": 1, "string": 1}
_WIDTH |= {f"u{kind}": width for kind, width in _WIDTH.items() if kind.startswith("int")}
_WIDTH |= {"uintptr": 8, "complex64": 8, "complex128": 16}
_UNSENT = {"chan", "func"}
_JSON_NUMBER = "encoding/json.Number"
"""A string that json writes as a number."""


class Broken(Struct, frozen=True):
    """A change that a codec does not survive, and why, in one line."""

    change: LayoutChange
    reason: str


def broken(changes: Iterable[LayoutChange], codec: Codec) -> tuple[Broken, ...]:
    """Those of a type's changes (`reached`) that break `codec`, in their order.

    `memory` tolerates nothing. `gob` and `json` go by name: fields may come and move. `json` takes names from tags.
    `protobuf` goes by the numbers in `protobuf:"…"` tags; fields without one are taken as gob takes them.
    Types that encode themselves (GobEncode, MarshalJSON …) cannot be judged by their layout, so a change in one counts.
    """
    given = list(changes)
    if codec == "memory":
        shaped = [change for change in given if change.of not in {"encoders", "json", "protobuf"}]
        return tuple(Broken(change, f"{change.detail}: memory is read at the old offsets") for change in shaped)
    came = {_place(c, c.new, codec): c for c in given if c.of == "added" and c.new is not None}
    found = ((change, _reason(change, codec, came)) for change in given)
    return tuple(Broken(change, reason) for change, reason in found if reason)


def _place(change: LayoutChange, side: FieldSide, codec: Codec) -> tuple[str, str]:
    """The struct that a field is in, by path, and what the codec knows the field by."""
    struct = change.path.removesuffix(change.name)
    return struct, _key(change.name, side, codec)


def _key(name: str, side: FieldSide, codec: Codec) -> str:
    if codec == "json":
        return json_name(name, side.tag)[0]
    if codec == "protobuf":
        return protobuf_tag(side.tag)[0] or name
    return name


def _reason(change: LayoutChange, codec: Codec, came: dict[tuple[str, str], LayoutChange]) -> str:
    """Why the change breaks the codec, "" when it does not."""
    if change.of in CODECS and change.of != codec:
        return ""
    own = _OWN[codec].intersection(change.owner_encoders)
    if own and change.of == "encoders":
        return f"{change.detail}: it writes, or reads, something else"
    if own:
        return f"{change.owner} encodes itself ({min(own)}): its layout does not tell what it writes"
    return "" if change.hidden or codec in change.unseen or _skipped(change, codec) else _of_kind(change, codec, came)


def _of_kind(change: LayoutChange, codec: Codec, came: dict[tuple[str, str], LayoutChange]) -> str:
    match change.of:
        case "removed":
            return _removed(change, codec, came)
        case "retyped" | "kind" | "elem" | "key" | "length":
            return _retyped(change, codec)
        case "tag":
            return _tagged(change, codec)
        case "json" | "protobuf":
            return change.detail
        case "embedded":
            return "json lifts the fields of an embedded struct into its parent" if codec == "json" else ""
        case _:
            # What comes or moves is tolerated, and what is inside of a type that was resized is reported on its own.
            # Channels and functions are not sent, and the value in an interface is sent as its concrete type.
            return ""


def _skipped(change: LayoutChange, codec: Codec) -> bool:
    """Whether the codec never writes the field, on either side."""
    sides = [side for side in (change.old, change.new) if side is not None]
    if codec == "protobuf" and change.name.startswith("XXX_"):
        return True
    if codec == "json" and change.name:
        return all(json_name(change.name, side.tag)[0] == "" for side in sides)
    return bool(change.name) and all(side.kind in _UNSENT for side in sides)


def _removed(change: LayoutChange, codec: Codec, came: dict[tuple[str, str], LayoutChange]) -> str:
    if change.old is None:
        return ""
    key = _key(change.name, change.old, codec)
    if codec == "json" and not key:
        return ""
    heir = came.get(_place(change, change.old, codec))
    if heir is None or heir.new is None:
        return f"{change.detail}: its data is lost"
    return _values(change.old, heir.new, codec)


def _retyped(change: LayoutChange, codec: Codec) -> str:
    if change.old is None or change.new is None:
        return change.detail
    if change.of == "length":
        shorter = change.new.length < change.old.length
        if codec == "json":
            return f"{change.detail}: the last elements are lost" if shorter else ""
        return f"{change.detail}: an array is only read into one of the same length"
    kinds = {change.old.kind, change.new.kind}
    if change.of == "elem" and change.owner_kind == "slice" and len(kinds) > 1 and "uint8" in kinds:
        # json writes base64, gob and protobuf have a type of their own for it. Arrays of bytes are like others.
        return f"{change.detail}: bytes are written in another way than other numbers"
    if change.of == "kind":
        reason = _kinds(change.old, change.new)
    else:
        reason = _values(change.old, change.new, codec, walked=change.walked)
    return reason and f"{change.detail}: {reason}"


def _values(old: FieldSide, new: FieldSide, codec: Codec, *, walked: bool = False) -> str:
    """Why values of one type do not read back as the other, "" when they do."""
    if codec == "protobuf" and protobuf_tag(old.tag)[1:] != protobuf_tag(new.tag)[1:]:
        return "another wire type"
    if walked or old.type.lstrip("*") == new.type.lstrip("*"):
        return ""  # these codecs write what a pointer leads to
    if codec == "json" and _JSON_NUMBER in {old.type, new.type}:
        return "json writes one as a number, the other as a string"
    own = _OWN[codec].intersection((*old.encoders, *new.encoders))
    return f"one of the types encodes itself ({min(own)})" if own else _kinds(old, new)


def _kinds(old: FieldSide, new: FieldSide) -> str:
    if old.kind in _WIDTH and new.kind in _WIDTH and _class(old.kind) == _class(new.kind):
        return "" if _WIDTH[old.kind] <= _WIDTH[new.kind] else "large values no longer fit"
    return f"a {old.kind or 'value'} is not read as a {new.kind or 'value'} of another type"


def _class(kind: str) -> str:
    return kind.rstrip("0123456789").replace("uintptr", "uint")


def _tagged(change: LayoutChange, codec: Codec) -> str:
    if change.old is None or change.new is None:
        return ""
    if codec == "json":
        (was, text), (now, also) = json_name(change.name, change.old.tag), json_name(change.name, change.new.tag)
        if was != now:
            return f"its json name was {was or 'none'}, and is {now or 'none'}"
        return "" if text == also else "json writes it as a string on one side only"
    if codec == "protobuf":
        was_number, now_number = protobuf_tag(change.old.tag), protobuf_tag(change.new.tag)
        if was_number != now_number:
            return f"its protobuf field was {_said(was_number)}, and is {_said(now_number)}"
    return ""


def _said(tag: tuple[str, ...]) -> str:
    return " ".join(filter(None, tag)) or "none"
