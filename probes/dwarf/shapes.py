"""What a Go type of DWARF is made of: its name, and all that it holds by value.

Go's compiler gives every type its name in DWARF and marks it with its `reflect.Kind` (cmd/internal/dwarf, DW_AT_go_kind).
What is behind pointers, slices, maps, channels and functions is only named.
"""

from __future__ import annotations

import hashlib

from msgspec import Struct

from probes.dwarf.entries import (
    AT_BYTE_SIZE,
    AT_COUNT,
    AT_DATA_MEMBER_LOCATION,
    AT_NAME,
    AT_TYPE,
    Entries,
    Entry,
)

TAG_FORMAL_PARAMETER, TAG_MEMBER, TAG_POINTER_TYPE, TAG_TYPEDEF = 0x05, 0x0D, 0x0F, 0x16
TAG_UNSPECIFIED_PARAMETERS, TAG_SUBRANGE_TYPE = 0x18, 0x21
AT_VARIABLE_PARAMETER = 0x4B
AT_GO_KIND, AT_GO_KEY, AT_GO_ELEM = 0x2900, 0x2901, 0x2902

KINDS = (
    *("", "bool", "int", "int8", "int16", "int32", "int64", "uint", "uint8", "uint16", "uint32", "uint64", "uintptr"),
    *("float32", "float64", "complex64", "complex128", "array", "chan", "func", "interface", "map", "pointer"),
    *("slice", "string", "struct", "unsafe.Pointer"),
)
"""The names of `reflect.Kind`."""

MAX_DEPTH = 64
"""Types by value in one another, and typedefs in a row."""
MAX_NAME = 4096
"""Characters of a type's name; a longer one ends in a digest of all of it."""


class Member(Struct, frozen=True):
    """A field, at `offset` bytes; or the elements of an array, whose name is ""."""

    name: str
    offset: int
    shape: Shape


class Shape(Struct, frozen=True):
    """A type. `underlying` is what it is whatever its name: `float64`, `map[string]int`, `[4]main.T`, `struct`.

    `size` in bytes, -1 where DWARF does not say. `digest` is equal for types that have equal names all the way down.
    """

    name: str
    underlying: str
    size: int
    members: tuple[Member, ...]
    digest: bytes


class Shapes:
    """The types of one file by the offset of their entry; `signatures`: with those of named function types."""

    def __init__(self, entries: Entries, *, signatures: bool) -> None:
        self._entries = entries
        self._signatures = signatures
        self._known: dict[int, Shape | None] = {}
        self._names: dict[int, str] = {}

    def at(self, offset: int, depth: int = 0) -> Shape:
        """The type whose entry is at `offset`.

        Raises:
            MalformedTable: the entries are damaged, or a type holds itself by value.
        """
        shape = self._known.get(offset)
        if shape is None:
            if offset in self._known or depth > MAX_DEPTH:
                raise self._entries.malformed("a type that holds itself", offset)
            self._known[offset] = None
            shape = self._known[offset] = self._read(offset, depth)
        return shape

    def _read(self, offset: int, depth: int) -> Shape:
        entry = self._entry(offset)
        name = self._named(entry)
        for _ in range(MAX_DEPTH):  # a typedef without a kind only names what it leads to
            if entry.tag != TAG_TYPEDEF or AT_GO_KIND in entry.values:
                break
            entry = self._entry(entry.number(AT_TYPE))
        else:
            raise self._entries.malformed("a type that names itself", offset)
        kind = entry.number(AT_GO_KIND, 26 if entry.tag == TAG_POINTER_TYPE else 0)
        word = KINDS[kind] if 0 < kind < len(KINDS) else f"tag {entry.tag:#x}"
        underlying, members = self._made_of(word, entry, depth)
        size = entry.number(AT_BYTE_SIZE)
        digest = hashlib.sha256(repr((name, underlying, size)).encode("utf-8", "surrogatepass"))
        for member in members:
            digest.update(repr((member.name, member.offset)).encode("utf-8", "surrogatepass") + member.shape.digest)
        return Shape(name, underlying, size, members, digest.digest())

    def _made_of(self, kind: str, entry: Entry, depth: int) -> tuple[str, tuple[Member, ...]]:
        """The type written out, and its members."""
        text = kind
        members: tuple[Member, ...] = ()
        match kind:
            case "struct":
                members = tuple(
                    Member(
                        child.text(AT_NAME),
                        child.number(AT_DATA_MEMBER_LOCATION),
                        self.at(child.number(AT_TYPE), depth + 1),
                    )
                    for child in self._entries.children(entry)
                    if child.tag == TAG_MEMBER
                )
            case "array":
                ranges = [each for each in self._entries.children(entry) if each.tag == TAG_SUBRANGE_TYPE]
                elem = self.at(entry.number(AT_TYPE), depth + 1)
                text = f"[{ranges[0].number(AT_COUNT) if ranges else -1}]{elem.name}"
                members = (Member("", 0, elem),)
            case "slice":
                text = f"[]{self._name(entry, AT_GO_ELEM)}"
            case "map":
                text = f"map[{self._name(entry, AT_GO_KEY)}]{self._name(entry, AT_GO_ELEM)}"
            case "chan":
                text = f"chan {self._name(entry, AT_GO_ELEM)}"
            case "pointer":
                text = f"*{self._name(entry, AT_TYPE)}"
            case "func" if self._signatures:
                text = self._signature(entry)
            case "interface":  # runtime.iface has methods and runtime.eface none: their first words differ
                text = f"interface ({self._name(entry, AT_TYPE)})"
        return text, members

    def _signature(self, entry: Entry) -> str:
        """A function type; Go writes `...` behind the parameters of one that takes any number."""
        inputs: list[str] = []
        outputs: list[str] = []
        for child in self._entries.children(entry):
            if child.tag == TAG_UNSPECIFIED_PARAMETERS:
                inputs.append("...")
            elif child.tag == TAG_FORMAL_PARAMETER:
                (outputs if AT_VARIABLE_PARAMETER in child.values else inputs).append(self._name(child, AT_TYPE))
        return f"func({', '.join(inputs)})" + (f" ({', '.join(outputs)})" if outputs else "")

    def _name(self, entry: Entry, attribute: int) -> str:
        offset = entry.number(attribute)
        name = self._names.get(offset)
        if name is None:
            name = self._names[offset] = self._named(self._entry(offset))
        self._entries.spend(len(name))  # one long name may stand in many types
        return name

    def _named(self, entry: Entry) -> str:
        """The name of an entry, with the dots in a package's last element as the source has them."""
        name = entry.text(AT_NAME).replace("%2e", ".")
        if len(name) > MAX_NAME:
            digest = hashlib.sha256(name.encode("utf-8", "replace")).hexdigest()[:16]
            name = f"{name[: MAX_NAME - 17]}…{digest}"
        return name

    def _entry(self, offset: int) -> Entry:
        entry = self._entries.entry(offset)
        if entry is None:
            raise self._entries.malformed("a type is a null entry", offset)
        return entry
