"""The data of two binaries, compared: initial values of variables, and embedded files."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np

from probes.drift.data import shown
from probes.drift.data.embedded import embedded_drift
from probes.drift.data.facts import DataChange, DataDrift, UndecidedData
from probes.drift.data.roots import Root, named, unnamed, walked
from probes.drift.data.walk import SCALAR, STRING, UNSURE, Difference, Ground, Piece, text_at
from probes.drift.side import TEXT, WRITABLE, Side
from probes.go.embedded_files import EmbeddedSet, read_embedded
from probes.go.table.functions import package_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from probes.drift.addresses.equivalence import Equivalence
    from probes.drift.variables.compare import Variables
    from probes.dwarf.shapes import Shape

MAX_CHANGES = 1000
"""Changes that are listed."""
MAX_PARTS = 50
"""Of one variable."""
MAX_USERS = 3
MAX_ADDRESS = (1 << 63) - 1
MODULE_INFO = bytes.fromhex("3077af0c9274080241e1c107e6d618e6")
"""How cmd/go begins runtime.modinfo (modload, build.go: infoStart)."""


def data_drift(equivalence: Equivalence, variables: Variables | None) -> DataDrift:
    """Compare the data of the two sides of `meaning`; `variables` where both sides have symbols.

    Raises:
        MalformedTable: embedded files are larger than the program, or debug information is damaged.
    """
    sets = [read_embedded(side.image, side.facts.symtab) for side in (equivalence.old, equivalence.new)]
    embedded = (
        () if equivalence.unmoved else embedded_drift(equivalence.old.image, sets[0], equivalence.new.image, sets[1])
    )
    files = sum(len(each.files) for each in sets[1])
    if variables is None and equivalence.unmoved:
        total = sum(end - start for start, end in equivalence.old.module.data)
        return DataDrift(1, total, total, (), files, embedded, ())
    ground = Ground(equivalence)
    if variables is not None:
        roots, undecided, total = named(variables)
        native = frozenset(i for i, root in enumerate(roots) if root.package == "C")
        found = [] if equivalence.unmoved else walked(ground, roots, native=native).differences
    else:
        roots, undecided, total, found = unnamed(ground)
    size = sum(root.size for root in roots)
    assembled = _Assembly(equivalence, variables, roots, sets)
    assembled.take(found)
    changes = assembled.changes
    return DataDrift(
        compared=len(roots),
        bytes=total,
        compared_bytes=size,
        variables=tuple(changes[:MAX_CHANGES]),
        files=files,
        embedded=embedded,
        undecided=(*undecided, *assembled.undecided),
        more=assembled.more + max(len(changes) - MAX_CHANGES, 0),
    )


class _Assembly:
    """Differences of words into changes of variables."""

    def __init__(
        self,
        equivalence: Equivalence,
        variables: Variables | None,
        roots: list[Root],
        sets: Sequence[Sequence[EmbeddedSet]],
    ) -> None:
        self.equivalence = equivalence
        self.variables = variables
        self.roots = roots
        self.changes: list[DataChange] = []
        self.undecided: list[UndecidedData] = []
        self.more = 0
        self._parts: dict[int, int] = {}
        self._told: set[tuple[int, int, int]] = set()
        self._scalars: dict[tuple[int, int], tuple[int, int]] = {}
        self._sets = [frozenset(each.address for each in found) for found in sets]

    def take(self, found: list[Difference]) -> None:
        """Take differences in, in the order of the variables; of a word, a text before its length."""
        self._scalars = {(d.piece.old, d.offset): self._words(d.piece, d.offset) for d in found if d.kind == SCALAR}
        for each in sorted(found, key=lambda d: (d.piece.root, d.piece.via, d.kind != STRING, d.offset)):
            self.add(each)

    def add(self, found: Difference) -> None:
        """Take one difference in, unless it is reported already, or is not the program's own."""
        piece = found.piece
        root = self.roots[piece.root]
        before, after = self._words(piece, found.offset)
        if before in self._sets[0] or after in self._sets[1]:
            return  # embedded files are told by path
        if not root.name and self._is_module_info(piece, found.offset):
            return
        lead, leaves = self._place(piece, found.offset)
        if found.kind == SCALAR and self._scalars.get((piece.old, found.offset + 8)) == (before, after):
            # Length and capacity of a slice, unless a type says something else.
            leaves = [
                shown.Leaf(shown.offset(found.offset - 8), "slice", found.offset - 8, 24) if not leaf.kind else leaf
                for leaf in leaves
            ]
        for leaf in leaves:
            key = (piece.old, piece.new, leaf.offset)
            if key in self._told:
                continue
            self._told.add(key)
            if leaf.kind == "slice":
                self._told.update((piece.old, piece.new, leaf.offset + at) for at in (8, 16))
            if found.kind == UNSURE:
                what = "it leads to data whose extent is not known"
                self._doubt(root, piece, leaf, f"{lead}{leaf.path}", what)
                continue
            self._change(found, root, leaf, lead)

    def _change(self, found: Difference, root: Root, leaf: shown.Leaf, lead: str) -> None:
        piece = found.piece
        raw = [_raw(side, at + leaf.offset, leaf.size) for side, at in self._sides(piece)]
        is_text = found.kind == STRING or leaf.kind == "string"
        if is_text:
            texts = [_text(side, at + leaf.offset) for side, at in self._sides(piece)]
            if texts[0] == texts[1] or any(self._of_the_build(text) for text in texts):
                return
            raw = texts
            self._told.add((piece.old, piece.new, leaf.offset + 8))
            values = shown.texts(*texts)
        elif found.kind == SCALAR and raw[0] == raw[1]:
            return  # another part of the word
        else:
            values = self._values(found, leaf, raw)
        if root.lone and not is_text and not _is_small(raw):
            what = "it has an initial value on one side alone, or the code refers to something else there"
            self._doubt(root, piece, leaf, f"{lead}{leaf.path}", what)
            return
        if self._parts.setdefault(piece.root, 0) >= MAX_PARTS:
            self.more += 1
            return
        self._parts[piece.root] += 1
        if found.kind == SCALAR and not leaf.kind:
            leaf, raw, values = shown.narrowed(leaf, raw, values)
        path = f"{lead}{leaf.path}"
        users: tuple[str, ...] = ()
        if not root.name:
            users, distance = self._users(root, piece, leaf.offset)
            path = shown.offset(distance)
        digests = [hashlib.sha256(each).hexdigest() for each in raw]
        self.changes.append(
            DataChange(
                name=root.name,
                package=root.package or (package_of(users[0]) if users else ""),
                path=path,
                old=values[0],
                new=values[1],
                text=is_text,
                old_size=len(raw[0]),
                new_size=len(raw[1]),
                old_digest=digests[0],
                new_digest=digests[1],
                used_by=users,
            )
        )

    def _doubt(self, root: Root, piece: Piece, leaf: shown.Leaf, path: str, why: str) -> None:
        name = self._name(root, piece, leaf.offset)
        told = UndecidedData(f"{name}{path}" if root.name else name, self._package(root, piece, leaf.offset), why)
        if told not in self.undecided[-MAX_PARTS:]:
            self.undecided.append(told)

    def _values(self, found: Difference, leaf: shown.Leaf, raw: list[bytes]) -> tuple[str, str]:
        numbers = [shown.number(leaf.kind, each) for each in raw]
        if all(numbers):
            return numbers[0], numbers[1]
        words = self._words(found.piece, leaf.offset)
        if leaf.kind == "slice":
            lengths = [int.from_bytes(each[8:16], "little") for each in raw]
            if lengths[0] != lengths[1]:
                return f"{lengths[0]:,} elements", f"{lengths[1]:,} elements"
        if leaf.kind in {"", *shown.SIZES} and found.kind == SCALAR:
            return shown.unknown(*raw)
        targets = [
            _target(side, word) for side, word in zip((self.equivalence.old, self.equivalence.new), words, strict=True)
        ]
        if leaf.kind == "interface" and found.offset == leaf.offset:
            targets = ["nil" if not word else "a value of another type" for word in words]
        return (targets[0], targets[1]) if targets[0] != targets[1] else (targets[0], f"another {targets[1]}")

    def _place(self, piece: Piece, offset: int) -> tuple[str, list[shown.Leaf]]:
        """The way from the variable to a piece, and the parts of it in the word at `offset`."""
        root = self.roots[piece.root]
        shape = self._shape(root)
        if not piece.via:
            return "", shown.leaves(shape, offset, piece.size)
        first = shown.leaves(shape, piece.via[0][1], root.size)[0]
        if len(piece.via) == 1:
            parts = shown.elements(first.elements, offset)
            if parts:
                return first.path, parts
        further = "".join(f"+{step}→" if step else "→" for _, step in piece.via[1:])
        return f"{first.path}→{further}", shown.leaves(None, offset, piece.size)

    def _shape(self, root: Root) -> Shape | None:
        if self.variables is None or root.rows[0] < 0 or self.variables.types.sides is None:
            return None
        ours, theirs = (side.shape(row) for side, row in zip(self.variables.types.sides, root.rows, strict=True))
        return theirs if ours is not None and theirs is not None and ours.digest == theirs.digest else None

    def _words(self, piece: Piece, offset: int) -> tuple[int, int]:
        ours, theirs = (int.from_bytes(_raw(side, at + offset, 8), "little") for side, at in self._sides(piece))
        return ours, theirs

    def _sides(self, piece: Piece) -> tuple[tuple[Side, int], tuple[Side, int]]:
        return (self.equivalence.old, piece.old), (self.equivalence.new, piece.new)

    def _name(self, root: Root, piece: Piece, offset: int) -> str:
        """The variable, else whose data it is, for what could not be compared."""
        if root.name:
            return root.name
        users, _ = self._users(root, piece, offset)
        return f"data that {users[0]} uses" if users else "data without a name"

    def _package(self, root: Root, piece: Piece, offset: int) -> str:
        users = () if root.name else self._users(root, piece, offset)[0]
        return root.package or (package_of(users[0]) if users else "")

    def _users(self, root: Root, piece: Piece, offset: int) -> tuple[tuple[str, ...], int]:
        """Functions of NEW that refer to unnamed data, and how many bytes before `offset` they do: a table is by its start."""
        if piece.via:
            offset = piece.via[0][1]
        addresses, rows = self.equivalence.users
        place = root.new + offset
        inside = np.flatnonzero((addresses >= root.new) & (addresses <= place))
        if not inside.size:
            return (), offset
        near = int(addresses[inside].max())
        names = self.equivalence.new.table.names
        users = sorted({names[row] for row in rows[inside[addresses[inside] == near]].tolist()})
        return tuple(users[:MAX_USERS]), place - near

    def _is_module_info(self, piece: Piece, place: int) -> bool:
        """Whether the word at `place` leads to what cmd/go writes of the modules, or is the length of that text."""
        return any(
            side.contents(int(side.words_at(np.array([at + offset]))[0]) & MAX_ADDRESS, 16).tobytes() == MODULE_INFO
            for side, at in self._sides(piece)
            for offset in (place, place - 8)
        )

    def _of_the_build(self, value: bytes) -> bool:
        """Whether a text is the release or the GODEBUG defaults, which are compared as such."""
        facts = (self.equivalence.old.facts, self.equivalence.new.facts)
        known = {each.go_version.encode() for each in facts if each.go_version}
        settings = {each.build.settings.get("DefaultGODEBUG", "") for each in facts if each.build is not None}
        return value in known | {each.encode() for each in settings if each}


def _is_small(raw: list[bytes]) -> bool:
    """Whether both values are small numbers of one word."""
    return all(len(each) <= shown.WORD and int.from_bytes(each, "little") < shown.SMALL for each in raw)


def _raw(side: Side, address: int, size: int) -> bytes:
    """The bytes at `address`; zeros where the loader makes them."""
    found = side.contents(address, size).tobytes()
    return found + bytes(size - len(found))


def _text(side: Side, address: int) -> bytes:
    """The text whose header is at `address`."""
    header = _raw(side, address, 16)
    start, length = int.from_bytes(header[:8], "little"), int.from_bytes(header[8:], "little")
    return text_at(side, start, length) or side.contents(start, min(length, 1 << 20)).tobytes()


def _target(side: Side, word: int) -> str:
    """What a pointer leads to, in a few words."""
    if not word:
        return "nil"
    at = np.array([word if word < 1 << 63 else 0], dtype=np.int64)
    region = int(side.regions(at)[0])
    for place in (at, side.words_at(at).view(np.int64)):
        if int(side.regions(place)[0]) == TEXT:
            return side.table.names[int(side.text.index(place)[0])]
    if region == WRITABLE and side.symbols is not None:
        row = int(side.symbols.find(at)[0])
        if row >= 0 and not side.symbols.numbered[row]:
            return f"&{side.symbols.names[row]}"
    return "value"
