"""Full names of types. A descriptor's own text has only the last element of import paths; here they are written out."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from probes.go.types import layouts as tl

if TYPE_CHECKING:
    from probes.go.types.columns import TypeColumns

GROWTH = 16
"""How much longer than the descriptors' part of the file all names may be together; beyond, the file's own text is taken."""
_LOCAL = re.compile(r"·\d+")
"""What numbers a type that was declared in a function, among type arguments: `main.box[main.pair·1]`."""
_ARROWS = {1: "<-chan ", 2: "chan<- ", 3: "chan "}


def base_names(table: TypeColumns) -> list[str]:
    """The full name of every row: `path/of/pkg.T` for named types, `map[string]*path/of/pkg.T` and so on for others.

    The text of a type contains those of its parts, so going by length, parts come first. Where that does not hold, in a
    damaged file, the part's own text stands in. Numbers of types that are local to functions are left out.
    """
    out = [_LOCAL.sub("", text) if "·" in text else text for text in table.strings]
    text = table.names.text
    named = table.named.tolist()
    package = table.package.tolist()
    composed = []
    for row, (string, own, at) in enumerate(zip(out, named, package, strict=True)):
        if "." in string:
            if not own:
                composed.append(row)
            elif at >= 0:
                out[row] = f"{text[at]}.{_own_name(string)}"
    lengths = np.fromiter(map(len, out), dtype=np.int64, count=len(out))
    order = np.array(composed, dtype=np.int64)
    compose = _Composer(table, out)
    budget = GROWTH * int(lengths.sum() + (1 << 16))
    for row in order[np.argsort(lengths[order], kind="stable")].tolist():
        name = compose.name(row)
        budget -= len(name)
        if budget < 0:
            break
        out[row] = name
    return out


def distinct_names(base: list[str], hashes: list[int]) -> list[str]:
    """`base`, with the hash after each name that more than one row has, and a number after those that share that too."""
    shared = {name for name, count in Counter(base).items() if count > 1}
    if not shared:
        return base
    out, seen = list(base), Counter[str]()
    for row, name in enumerate(base):
        if name in shared:
            full = f"{name}#{hashes[row]:08x}"
            seen[full] += 1
            out[row] = full if seen[full] == 1 else f"{full}.{seen[full]}"
    return out


def _own_name(string: str) -> str:
    """The name after the package: behind the last dot that is not inside of type arguments (reflect's rtype.Name)."""
    bracket = string.find("[")
    return string[string.rfind(".", 0, bracket if bracket >= 0 else len(string)) + 1 :]


class _Composer:
    """Names of unnamed types from the names of their parts, which are in `names` already."""

    def __init__(self, table: TypeColumns, names: list[str]) -> None:
        self._table = table
        self._names = names
        self._kind = table.kind.tolist()
        self._elem = table.elem.tolist()
        self._key = table.key.tolist()
        self._params, self._first = table.params.type.tolist(), table.params.first.tolist()
        self._n_in, self._variadic = table.n_in.tolist(), table.variadic.tolist()

    def name(self, row: int) -> str:
        kind = self._kind[row]
        if kind == tl.POINTER:
            return f"*{self._of(self._elem[row])}"
        if tl.HAS_ELEM[kind]:
            return self._around(row, kind, self._of(self._elem[row]))
        if kind == tl.FUNC:
            return f"func{self._signature(row)}"
        if kind == tl.STRUCT:
            return self._struct(row)
        return self._interface(row) if kind == tl.INTERFACE else self._names[row]

    def _around(self, row: int, kind: int, elem: str) -> str:
        if kind == tl.SLICE:
            return f"[]{elem}"
        if kind == tl.ARRAY:
            return f"[{int(self._table.length[row])}]{elem}"
        return f"map[{self._of(self._key[row])}]{elem}" if kind == tl.MAP else self._channel(row, elem)

    def _of(self, row: int) -> str:
        return self._names[row] if row >= 0 else "?"

    def _channel(self, row: int, elem: str) -> str:
        direction = int(self._table.direction[row])
        inner = f"({elem})" if elem.startswith("<-") and direction != 1 else elem
        return f"{_ARROWS.get(direction, 'chan? ')}{inner}"

    def _signature(self, row: int) -> str:
        names = [self._of(r) for r in self._params[self._first[row] : self._first[row + 1]]]
        split = self._n_in[row]
        ins, outs = names[:split], names[split:]
        if self._variadic[row] and ins:
            ins[-1] = f"...{ins[-1].removeprefix('[]')}"
        result = f" {outs[0]}" if len(outs) == 1 else f" ({', '.join(outs)})" if outs else ""
        return f"({', '.join(ins)}){result}"

    def _struct(self, row: int) -> str:
        fields, names = self._table.fields, self._table.names
        parts = []
        for i in range(int(fields.first[row]), int(fields.first[row + 1])):
            index = int(fields.name[i])
            tag = f" {_quoted(names.tag[index])}" if names.tag[index] else ""
            own = "" if fields.embedded[i] else f"{names.text[index]} "
            parts.append(f"{own}{self._of(int(fields.type[i]))}{tag}")
        return f"struct {{ {'; '.join(parts)} }}"

    def _interface(self, row: int) -> str:
        methods, names = self._table.methods, self._table.names
        package = int(self._table.package[row])
        parts = []
        for i in range(int(methods.first[row]), int(methods.first[row + 1])):
            index, signature = int(methods.name[i]), int(methods.type[i])
            hidden = not names.flags[index] & tl.NAME_EXPORTED and package >= 0
            own = f"{names.text[package]}.{names.text[index]}" if hidden else names.text[index]
            parts.append(f"{own}{self._signature(signature) if signature >= 0 else '(?)'}")
        return f"interface {{ {'; '.join(parts)} }}"


def _quoted(tag: str) -> str:
    return '"' + tag.replace("\\", "\\\\").replace('"', '\\"') + '"'
