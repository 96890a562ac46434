"""A few types and everything that they lead to, as plain data that can be kept, and a table made of it again.

A saved table compares as that of a file does: sizes, fields, offsets, tags, parameters, the methods of interfaces, and
the methods by which types encode themselves. It has no addresses and no pointer masks.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any, Generic, TypeVar, cast

import numpy as np
from msgspec import Struct

from probes.elf.image import I64, Image
from probes.errors import MalformedTable
from probes.go.types import layouts as tl
from probes.go.types.columns import Fields, Itabs, Methods, Params
from probes.go.types.names import Names
from probes.go.types.table import TypeTable

T = TypeVar("T")

MAX_TYPES = 20_000
"""Types that one list may lead to; the largest program tried has 38,663 in all."""


class SavedField(Struct, frozen=True):
    """A field: `type` is a full name, `offset` in bytes; `package` is that of an unexported name, "" for an exported one."""

    name: str
    type: str
    offset: int
    tag: str = ""
    embedded: bool = False
    package: str = ""


class SavedMethod(Struct, frozen=True):
    """A method: `type` is the full name of its function type, "" when the file does not have it."""

    name: str
    type: str
    package: str = ""


class SavedType(Struct, frozen=True):
    """One type; sizes in bytes. `elem`, `key` and parameters are full names, "" without.

    `methods`: of an interface all, of other types those by which it encodes itself.
    """

    kind: str
    size: int
    align: int
    pointers: int
    named: bool
    elem: str = ""
    key: str = ""
    length: int = 0
    direction: int = 0
    variadic: bool = False
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    fields: tuple[SavedField, ...] = ()
    methods: tuple[SavedMethod, ...] = ()


def save(
    table: TypeTable, names: Iterable[str], encoders: frozenset[str], *, methods: bool = True
) -> dict[str, SavedType]:
    """The types `names` (full names, all in the table) and what they lead to, by full name in the order they are met.

    Without `methods`, the signatures of methods and of functions lead nowhere.

    Raises:
        MalformedTable: they lead to more than `MAX_TYPES`.
    """
    rows = deque(table.find(name) for name in names)
    seen: set[int] = set()
    out: dict[str, SavedType] = {}
    while rows:
        row = rows.popleft()
        if row < 0 or row in seen:
            continue
        seen.add(row)
        if len(seen) > MAX_TYPES:
            raise MalformedTable(f"the types lead to more than {MAX_TYPES:,} others", subject=table.path)
        out[table.name(row)], more = _saved(table, row, encoders)
        rows.extend(more if methods or out[table.name(row)].kind not in {"interface", "func"} else ())
    return out


def _saved(table: TypeTable, row: int, encoders: frozenset[str]) -> tuple[SavedType, list[int]]:
    info = table.info(row)
    inputs, outputs = table.params_of(row)
    methods = [m for m in info.methods if info.kind == "interface" or m.name in encoders]
    more = [int(table.elem[row]), int(table.key[row]), *inputs, *outputs]
    more += [f.row for f in info.fields] + [m.row for m in methods if info.kind == "interface"]
    pointer = int(table.pointer[row])
    if info.named and pointer >= 0 and any(m.name in encoders for m in table.methods_of(pointer)):
        more.append(pointer)
    saved = SavedType(
        kind=info.kind,
        size=info.size,
        align=info.align,
        pointers=info.ptrdata,
        named=info.named,
        elem=info.elem,
        key=info.key,
        length=info.length,
        direction=info.direction,
        variadic=info.variadic,
        inputs=info.inputs,
        outputs=info.outputs,
        fields=tuple(SavedField(f.name, f.type, f.offset, f.tag, f.embedded, f.package) for f in info.fields),
        methods=tuple(SavedMethod(m.name, m.signature if m.row >= 0 else "", m.package) for m in methods),
    )
    return saved, more


def closure(saved: Mapping[str, SavedType], name: str) -> dict[str, SavedType]:
    """`name` and what it leads to among `saved`, as `save` gave it."""
    waiting, out = deque([name]), dict[str, SavedType]()
    while waiting:
        full = waiting.popleft()
        if full in out or full not in saved:
            continue
        each = out[full] = saved[full]
        waiting += [each.elem, each.key, *each.inputs, *each.outputs, *(f.type for f in each.fields)]
        if each.kind == "interface":
            waiting += [m.type for m in each.methods]
        if each.named:
            waiting.append(f"*{full}")
    return out


class _NameList:
    """Collects names for a table; each may have a tag and a package."""

    def __init__(self) -> None:
        self.text: list[str] = []
        self.tag: list[str] = []
        self.flags: list[int] = []
        self.package: list[int] = []

    def add(self, text: str, tag: str = "", package: str = "", *, exported: bool = True) -> int:
        where = self.add(package) if package else -1
        self.text.append(text)
        self.tag.append(tag)
        self.flags.append(tl.NAME_EXPORTED if exported else 0)
        self.package.append(where)
        return len(self.text) - 1

    def names(self) -> Names:
        size = len(self.text)
        return Names(
            place=np.arange(1, size + 1, dtype=np.int64),
            text=self.text,
            tag=self.tag,
            flags=np.array(self.flags, dtype=np.uint8),
            package=np.array(self.package, dtype=np.int64),
            good=np.ones(size, dtype=np.bool_),
        )


class _NoImage:
    """Stands for the file of a table that has none: no address is in it."""

    data = np.zeros(64, dtype=np.uint8)

    @staticmethod
    def offsets(addresses: I64, _size: int) -> I64:
        return np.full(addresses.shape, -1, dtype=np.int64)


def restore(saved: Mapping[str, SavedType], source: str) -> TypeTable:
    """The table of what `save` gave; `source` names it in messages.

    Raises:
        MalformedTable: a kind that does not exist, or a size or an offset below zero or beyond 64 bits.
    """
    rows = {name: row for row, name in enumerate(saved)}
    types = list(saved.values())
    for name, each in saved.items():
        numbers = (each.size, each.align, each.pointers, each.length, each.direction, *(f.offset for f in each.fields))
        if (
            each.kind not in tl.KINDS[1:]
            or min(numbers) < 0
            or max(numbers) >= 1 << 62
            or max(each.align, each.direction) > 255
        ):
            raise MalformedTable(f"not the description of a type: {name}", subject=source)
    names = _NameList()

    def row_of(name: str) -> int:
        return rows.get(name, -1)

    fields = _Flat(
        [[(names.add(f.name, f.tag, f.package, exported=not f.package), f) for f in t.fields] for t in types]
    )
    methods = _Flat([[(names.add(m.name, "", m.package, exported=not m.package), m) for m in t.methods] for t in types])
    params = _Flat([[(row_of(p), p) for p in (*t.inputs, *t.outputs)] for t in types])
    owned = [_package(name, t) for name, t in saved.items()]

    def column(values: Iterable[int], dtype: type) -> Any:
        return np.array(list(values), dtype=dtype)

    table = TypeTable(
        path=source,
        address=np.arange(1, len(types) + 1, dtype=np.int64),
        kind=column((tl.KINDS.index(t.kind) for t in types), np.uint8),
        size=column((t.size for t in types), np.int64),
        ptrdata=column((t.pointers for t in types), np.int64),
        align=column((t.align for t in types), np.uint8),
        hash=np.zeros(len(types), dtype=np.uint32),
        tflag=column((tl.TFLAG_NAMED if t.named else 0 for t in types), np.uint8),
        string=column((names.add(name) for name in saved), np.int64),
        package=column((names.add(package) if package else -1 for package in owned), np.int64),
        elem=column((row_of(t.elem) for t in types), np.int32),
        key=column((row_of(t.key) for t in types), np.int32),
        pointer=column((row_of(f"*{name}") for name in saved), np.int32),
        length=column((t.length for t in types), np.int64),
        direction=column((t.direction for t in types), np.uint8),
        n_in=column((len(t.inputs) for t in types), np.int64),
        variadic=column((t.variadic for t in types), np.bool_),
        mask=np.zeros(len(types), dtype=np.int64),
        fields=Fields(
            first=fields.first,
            owner=fields.owner,
            name=column((name for name, _ in fields.items), np.int64),
            type=column((row_of(f.type) for _, f in fields.items), np.int32),
            offset=column((f.offset for _, f in fields.items), np.int64),
            embedded=column((f.embedded for _, f in fields.items), np.bool_),
        ),
        methods=Methods(
            first=methods.first,
            owner=methods.owner,
            name=column((name for name, _ in methods.items), np.int64),
            type=column((row_of(m.type) for _, m in methods.items), np.int32),
        ),
        params=Params(params.first, params.owner, column((row for row, _ in params.items), np.int32)),
        itabs=Itabs(np.zeros(0, dtype=np.int32), np.zeros(0, dtype=np.int32), np.zeros(0, dtype=np.int64)),
        names=names.names(),
        image=cast("Image", _NoImage()),
        problems=(),
    )
    full = list(saved)
    table.__dict__["base"] = [name.split("#", 1)[0] if t.named else name for name, t in saved.items()]
    table.__dict__["full_names"] = full
    return table


def _package(name: str, saved: SavedType) -> str:
    """The package of a type's unexported members: its own, else that of a member."""
    members = [*(f.package for f in saved.fields), *(m.package for m in saved.methods)]
    if any(members):
        return next(filter(None, members))
    return name.split("[", 1)[0].rpartition(".")[0] if saved.named else ""


class _Flat(Generic[T]):
    """Lists of all types one after the other, as `Fields` describes it."""

    def __init__(self, lists: list[list[tuple[int, T]]]) -> None:
        lengths = np.array([len(each) for each in lists], dtype=np.int64)
        self.first: I64 = np.concatenate((np.zeros(1, dtype=np.int64), np.cumsum(lengths)))
        self.owner: I64 = np.repeat(np.arange(len(lists)), lengths)
        self.items = [item for each in lists for item in each]
