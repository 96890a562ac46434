"""What differs between the types of two binaries: facts about two sides, no judgement."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from msgspec import Struct

if TYPE_CHECKING:
    from probes.drift.types.lazy import PairingOnDemand
    from probes.drift.types.wire_tags import Codec

ChangeOf = Literal[
    "added",
    "removed",
    "moved",
    "reordered",
    "resized",
    "retyped",
    "tag",
    "embedded",
    "size",
    "align",
    "pointers",
    "kind",
    "elem",
    "key",
    "length",
    "direction",
    "signature",
    "method-added",
    "method-removed",
    "method-changed",
    "encoders",
    "json",
    "protobuf",
]
Effect = Literal["append", "reorder", "breaking"]
Via = Literal["value", "reference"]
EFFECTS: tuple[Effect, ...] = ("reorder", "append", "breaking")
"""From the mildest on. `reorder`: the same names and types, at other places or with sizes that follow from other changes.
`append`: something came, under a new name, wherever it stands. Both leave codecs alone that go by name."""


class FieldSide(Struct, frozen=True):
    """A field, method or type as one side has it.

    `type` is a full name, `kind` as reflect spells it ("" unknown); `offset` -1 where there is none; sizes in bytes.
    `encoders`: methods of that type, or of a pointer to it, by which it encodes itself. `length`: of an array.
    """

    type: str
    kind: str
    size: int
    offset: int
    tag: str = ""
    encoders: tuple[str, ...] = ()
    length: int = 0


class LayoutChange(Struct, frozen=True):
    """One thing that differs.

    `of`: of a field `added`, `removed`, `moved` (another offset, the order is the same), `reordered` (it changed places
    with other fields), `resized` (its type is the same and has another size), `retyped`, `tag`, `embedded`; of the type
    itself `size`, `align`, `pointers` (which words hold pointers), `kind`, `elem`, `key`, `length`, `direction`,
    `signature`; of an interface `method-added`, `method-removed`, `method-changed`. `encoders`: the type
    gained or lost a method by which it encodes itself; it is no change of the layout, and only found by `reached`.
    `json`, `protobuf`: only that codec sees it, such as a JSON name that another field took.
    `owner`: full name of the type that holds the change. `name`: the field or method, "" for the type itself.
    `path`: the way there from the type that was asked about, such as `Order.Customer.Address.Zip`; `via` says whether it
    goes through values only. `hidden`: no codec looks there, as the way goes through a field that
    is neither exported nor embedded, a channel, a function or a method.
    `owner_encoders`: methods by which the owner encodes itself. `owner_kind`: its kind. `unseen`: the codecs that do not
    look there; all of them are `hidden`. `walked`: one type became another that codecs that go by name write the same
    way (a pointer or what it points to, an unnamed type of the same kind), and what differs in it is reported too.
    """

    of: ChangeOf
    effect: Effect
    owner: str
    name: str
    path: str
    via: Via
    hidden: bool
    old: FieldSide | None
    new: FieldSide | None
    detail: str
    owner_encoders: tuple[str, ...] = ()
    owner_kind: str = ""
    unseen: frozenset[Codec] = frozenset()
    walked: bool = False


class TypeChange(Struct, frozen=True):
    """A named type that differs, itself or in what it holds by value. `effect` is that of its gravest change."""

    name: str
    kind: str
    old_size: int
    new_size: int
    effect: Effect
    changes: tuple[LayoutChange, ...]

    @property
    def reordered(self) -> bool:
        """Nothing changed but the order of fields and what follows from it."""
        return self.effect == "reorder" and any(change.of == "reordered" for change in self.changes)


class LayoutDrift(Struct, frozen=True, eq=False):
    """The named types of both sides, paired by full name.

    `compared` are on both sides, `changed` those of them that differ. `added` and `removed` are names. A type is in a
    file only if the program can need it at run time, so one that is `removed` may still be in the source.
    `problems`: what could not be read on either side; then nothing is certain about what is not listed.
    """

    old: int
    new: int
    compared: int
    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: tuple[TypeChange, ...]
    problems: tuple[str, ...]
    pairing: PairingOnDemand
