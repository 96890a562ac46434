"""The oracle: what the compiler says that a function is, read from its own listing (`-gcflags=-S=2`).

A function's meaning here is its bytes, its relocations with the symbols they name, and, followed through them, the
contents of those read-only data that have no name of their own. Addresses do not occur in it, so that nothing has to
be told apart from anything: two functions mean the same exactly if these are equal. Nothing of `probes` is used.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

# The assembler writes no ABI behind a name; its functions have ABI 0.
_SYMBOL = re.compile(
    r"^(?P<name>\S.*?)(?:<(?P<abi>\d*)>)?-? (?P<kind>S[A-Z]+)(?P<marks>(?: [a-z]+)*) size=\d+(?: align=\S+)?(?: args=(?P<args>\S+))?"
)
_BYTES = re.compile(r"^\t0x[0-9a-f]{4,} ((?:[0-9a-f]{2} ){1,16})")
_RELOCATION = re.compile(r"^\trel (\d+)\+(\d+) t=(\S+) (.*?)(?:<(\d+)>)?\+(-?[0-9a-f]+)$")

# Data that the compiler numbers, or names by their contents: they are what they hold.
NUMBERED_DATA = re.compile(
    r"\.\.stmp_\d+$|\.\.(?:interfaceSwitch|typeAssert|gobytes)\.?\d+$|\.\.dict\.|\.jump\d+$"
    r"|^go[:.]string\.|^\.gostring\.|^\$[fi]\d+\."
)
# `go build` shows cgo's names as a person would write them; the symbol table keeps them as they are.
_CGO_NAME = re.compile(r"\b_C2?(?:type|func|var|macro)_\B")
# cgo derives it from the C text, and it tells the two sides' symbols apart although nothing in Go differs.
_CGO_HASH = re.compile(r"_cgo_[0-9a-f]{12}_")

Relocation = tuple[int, int, str, str, int]
"""Offset, size, type, symbol, addend."""


@dataclass(slots=True)
class Symbol:
    """One symbol of the listing: the size of its arguments, its bytes and its relocations."""

    name: str
    abi: int
    kind: str
    args: str = ""
    data: bytearray = field(default_factory=bytearray)
    relocations: list[Relocation] = field(default_factory=list)

    @property
    def is_text(self) -> bool:
        return self.kind.startswith("STEXT")

    def plain(self) -> tuple[bytes, tuple[Relocation, ...]]:
        return bytes(self.data), tuple(self.relocations)


@dataclass(frozen=True, slots=True)
class Listing:
    """All symbols of a listing: texts by (name, ABI), data by name. A name that several packages define has several."""

    texts: dict[tuple[str, int], list[Symbol]]
    data: dict[str, list[Symbol]]

    def equivalence(self, key: tuple[str, int], rename: dict[str, str]) -> frozenset[object]:
        """What the function means, with the names of `rename` replaced: one element for each different definition."""
        own = rename_symbol(key[0], rename)
        return frozenset(self._expand(symbol, rename, own, ()) for symbol in self.texts[key])

    def types(self, key: tuple[str, int]) -> set[str]:
        """The type descriptors that the function refers to, directly or through data without a name."""
        found: set[str] = set()
        seen: set[str] = set()
        queue = list(self.texts[key])
        while queue:
            for *_, target, _ in queue.pop().relocations:
                if target.startswith(("type:", "type.")):
                    found.add(target)
                elif NUMBERED_DATA.search(target) and target not in seen:
                    seen.add(target)
                    queue += self.data.get(target, [])
        return found

    def _expand(self, symbol: Symbol, rename: dict[str, str], own: str, above: tuple[str, ...]) -> object:
        relocations = []
        for offset, size, kind, target, addend in symbol.relocations:
            if NUMBERED_DATA.search(target) and target not in above:
                meant: object = (
                    frozenset(self._expand(data, rename, own, (*above, target)) for data in self.data.get(target, []))
                    or target
                )
            else:
                renamed = rename_symbol(target, rename)
                meant = "(itself)" if renamed == own else renamed
            relocations.append((offset, size, kind, meant, addend))
        return bytes(symbol.data), tuple(relocations)


def parse(lines: Iterable[str]) -> Listing:
    """Read the lines that `go build -gcflags=…=-S=2` printed."""
    texts: dict[tuple[str, int], list[Symbol]] = {}
    data: dict[str, list[Symbol]] = {}
    current: Symbol | None = None
    for line in lines:
        if not line.startswith("\t"):
            current = None
            header = _SYMBOL.match(line)
            if header is None or header["kind"].startswith("SDWARF") or line.startswith("aux for "):
                continue
            current = Symbol(canonical(header["name"]), int(header["abi"] or 0), header["kind"], header["args"] or "")
            if current.is_text:
                texts.setdefault((current.name, current.abi), []).append(current)
            else:
                data.setdefault(current.name, []).append(current)
        elif current is not None:
            _read_line(current, line)
    return Listing(texts, data)


def _read_line(symbol: Symbol, line: str) -> None:
    content = _BYTES.match(line)
    if content is not None:
        symbol.data += bytes.fromhex(content[1])
        return
    relocation = _RELOCATION.match(line)
    if relocation is not None:
        offset, size, kind, target, _, addend = relocation.groups()
        # Relocations without a size only tell the linker what to keep.
        if int(size):
            symbol.relocations.append((int(offset), int(size), kind, canonical(target), int(addend, 16)))


def canonical(name: str) -> str:
    """A symbol's name without what cgo adds to it."""
    return _CGO_HASH.sub("_cgo_", _CGO_NAME.sub("C.", name))


def table_name(name: str) -> str:
    """A symbol's name as the function table has it (from Go 1.21 on): without the mark of its ABI."""
    return name.removesuffix(".abi0")


def rename_symbol(name: str, rename: dict[str, str]) -> str:
    """The name that a symbol has in NEW: renaming a function renames what is named after it."""
    for old in sorted(rename, key=len, reverse=True):
        if name == old or (name.startswith(old) and name[len(old)] in "·.-"):
            return rename[old] + name[len(old) :]
    return name


@dataclass(frozen=True, slots=True)
class Truth:
    """What an edit did, by names of the function table (NEW's where they differ); a name may occur several times.

    `tolerated` holds functions whose own code is the same, but that refer to the descriptor of a type whose layout
    changed: whether that makes *them* changed is a matter of definition, so neither answer counts.
    """

    changed: Counter[str]
    added: Counter[str]
    removed: Counter[str]
    renamed: Counter[tuple[str, str]]
    tolerated: Counter[str]

    def items(self) -> Counter[tuple[str, str]]:
        """All of it as (kind, name)."""
        items: Counter[tuple[str, str]] = Counter()
        for kind in ("changed", "added", "removed"):
            for name, count in getattr(self, kind).items():
                items[kind, name] += count
        for (old, new), count in self.renamed.items():
            items["renamed", f"{old} -> {new}"] += count
        return items


def truth(old: Listing, new: Listing, old_linked: set[str], new_linked: set[str], rename: dict[str, str]) -> Truth:
    """Compare two listings.

    Args:
        old: the listing of OLD.
        new: the listing of NEW.
        old_linked: names of the text symbols that the linker kept (`go tool nm`) in OLD.
        new_linked: the same of NEW.
        rename: old name -> new name.
    """
    reverse = {new_name: old_name for old_name, new_name in rename.items()}
    kept_old, kept_new = functions(old, old_linked), functions(new, new_linked)
    retyped = {
        name
        for name in old.data.keys() & new.data.keys()
        if name.startswith(("type:", "type."))
        and {symbol.plain() for symbol in old.data[name]} != {symbol.plain() for symbol in new.data[name]}
    }
    changed: Counter[str] = Counter()
    tolerated: Counter[str] = Counter()
    for key, linked_name in kept_new.items():
        before = (rename_symbol(key[0], reverse) if rename else key[0], key[1])
        if before not in kept_old or (before[0] == key[0] and key[0] in rename and key[0] not in reverse):
            continue
        if old.equivalence(before, rename) != new.equivalence(key, {}):
            changed[table_name(linked_name)] += 1
        elif (old.types(before) | new.types(key)) & retyped:
            tolerated[table_name(linked_name)] += 1
    renamed_names = {name: rename_symbol(name, rename) for name in old_linked}
    gone = [name for name in old_linked if renamed_names[name] not in new_linked and is_go(name)]
    come = [name for name in new_linked - set(renamed_names.values()) if is_go(name)]
    return Truth(
        changed=changed,
        added=Counter(table_name(name) for name in come),
        removed=Counter(table_name(name) for name in gone),
        renamed=Counter(
            (table_name(before), table_name(after))
            for before, after in renamed_names.items()
            if before != after and after in new_linked
        ),
        tolerated=tolerated,
    )


def functions(listing: Listing, linked: set[str]) -> dict[tuple[str, int], str]:
    """The listed functions that were linked, with their names in the symbol table."""
    by_canonical = {canonical(name): name for name in linked}
    found = {}
    for name, abi in listing.texts:
        # A function that both ABIs enter has two symbols, of which the assembler's is marked.
        marked = f"{name}.abi0"
        linked_name = by_canonical.get(marked if abi == 0 and marked in by_canonical else name)
        if linked_name is not None and not (abi == 0 and (name, 1) in listing.texts and marked not in by_canonical):
            found[name, abi] = linked_name
    return found


def is_go(name: str) -> bool:
    """Whether a text symbol is a Go function: those have their package before a dot; C's have none."""
    return "." in name or name.startswith("type:")
