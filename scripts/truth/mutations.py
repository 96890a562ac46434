"""Damages binaries on purpose: where the interesting bytes of a fixture are, and edits of them as small recipes.

A recipe is plain data: the name of a binary of `testdata/binaries` and a list of edits. It stands for one file exactly,
now and later, which is why failures are kept as recipes and not as files.
"""

from __future__ import annotations

import contextlib
import json
import struct
import zlib
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

from probes.dwarf.sections import CHDR, SHF_COMPRESSED, debug_section
from probes.elf.relocations import dynamic_tags
from probes.errors import MalformedTable
from probes.go import load
from probes.go.module import layouts as lay
from probes.go.table.inlining import inline_tree
from probes.go.variables.table import read_variables
from probes.go.variables.types import find_places
from tests import matrix

if TYPE_CHECKING:
    import random
    from pathlib import Path

    from probes.go.facts import BinaryFacts

Edit = tuple[Any, ...]
"""`("truncate", size)`, `("write", offset, hex)`, `("fill", offset, length, byte)`, `("copy", to, from, length)`, or
`("inflate", header)`: the compressed section of that header is put behind the file's end as it is without compression.
"""

EDGES = (0, 1, 2, 7, 8, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 1 << 40, (1 << 62) - 1)
TOP = ((1 << 63) - 1, 1 << 63, (1 << 64) - 8, (1 << 64) - 1)
BLOCK = 4096


@dataclass(frozen=True, slots=True)
class Recipe:
    """One damaged file: `base` names a binary of the manifest; `old`: it is the OLD of the comparison, not the NEW."""

    base: str
    edits: tuple[Edit, ...]
    old: bool = False
    note: str = ""

    def apply(self) -> bytes:
        """The damaged file."""
        data = bytearray(matrix.unpack(self.base).read_bytes())
        for edit in self.edits:
            _apply(data, edit)
        return bytes(data)

    def to_json(self) -> str:
        """The recipe as a JSON document."""
        document = {"base": self.base, "old": self.old, "edits": [list(e) for e in self.edits], "note": self.note}
        return json.dumps(document, indent=1) + "\n"

    @classmethod
    def read(cls, path: Path) -> Recipe:
        """The recipe that was kept in `path`."""
        document = json.loads(path.read_text(encoding="utf-8"))
        edits = tuple(tuple(edit) for edit in document["edits"])
        return cls(document["base"], edits, old=document["old"], note=document["note"])


def _apply(data: bytearray, edit: Edit) -> None:
    kind, *rest = edit
    if kind == "truncate":
        del data[rest[0] :]
    elif kind == "write":
        offset, raw = rest[0], bytes.fromhex(rest[1])
        raw = raw[: max(len(data) - offset, 0)]
        data[offset : offset + len(raw)] = raw
    elif kind == "fill":
        offset, length, byte = rest
        length = max(min(length, len(data) - offset), 0)
        data[offset : offset + length] = bytes([byte]) * length
    elif kind == "copy":
        to, start, length = rest
        block = data[start : start + max(min(length, len(data) - to), 0)]
        data[to : to + len(block)] = block
    elif kind == "inflate":
        with contextlib.suppress(zlib.error, struct.error):  # an edit before may have damaged what is inflated
            _inflate(data, rest[0])
    else:
        raise ValueError(f"unknown edit: {kind}")


def _inflate(data: bytearray, header: int) -> None:
    flags, _, offset, size = struct.unpack_from("<QQQQ", data, header + 8)
    content = zlib.decompress(data[offset + CHDR : offset + size])
    struct.pack_into("<QQQQ", data, header + 8, flags & ~SHF_COMPRESSED, 0, len(data), len(content))
    data += content


@dataclass(slots=True)
class Places:
    """The parts of one pristine file.

    `regions`: (offset, size) of tables; `fields`: (offset, width in bytes) of numbers in headers; `boundaries`: where
    sections and segments begin and end; `inline`: file offsets of parentPc fields, with their functions' sizes.
    """

    size: int
    regions: list[tuple[int, int]] = field(default_factory=list)
    fields: list[tuple[int, int]] = field(default_factory=list)
    boundaries: list[int] = field(default_factory=list)
    inline: list[tuple[int, int]] = field(default_factory=list)
    sections: list[int] = field(default_factory=list)
    """File offsets of the section headers."""
    packed: list[tuple[int, int]] = field(default_factory=list)
    """Those of the compressed tables of DWARF, with the size of what they hold."""
    typed: list[int] = field(default_factory=list)
    """Where in `.debug_info` the location of a variable stands."""
    spans: list[tuple[int, int, int]] = field(default_factory=list)
    """Offset, address and bytes of what is loaded and is no code."""


_EHDR = ((16, 2), (18, 2), (24, 8), (32, 8), (40, 8), (52, 2), (54, 2), (56, 2), (58, 2), (60, 2), (62, 2))
_PHDR = ((0, 4), (4, 4), (8, 8), (16, 8), (32, 8), (40, 8), (48, 8))
_DESCRIPTOR = (
    *((at, 8) for at in (0, 8, 48, 56, 64, 80, 88)),
    *((at, 4) for at in (40, 44, 56, 80, 88)),
    *((at, 1) for at in (20, 21, 23, 48, 50)),
)
"""Offset and width of what descriptors of the various kinds hold, see probes/go/types/layouts.py."""
_SHDR = ((0, 4), (4, 4), (8, 8), (16, 8), (24, 8), (32, 8), (40, 4), (44, 4), (56, 8))


@cache
def places(name: str) -> Places:
    """The parts of the binary `name` of the manifest."""
    path = matrix.unpack(name)
    data = path.read_bytes()
    facts = load(str(path))
    out = Places(len(data))
    phoff, shoff = struct.unpack_from("<QQ", data, 32)
    phnum, shnum = struct.unpack_from("<H", data, 56)[0], struct.unpack_from("<H", data, 60)[0]
    out.fields += _EHDR * 3
    for start, count, size, layout in ((phoff, phnum, 56, _PHDR), (shoff, shnum, 64, _SHDR)):
        out.regions.append((start, count * size))
        out.fields += [(start + i * size + at, width) for i in range(count) for at, width in layout]
    out.sections = [shoff + 64 * i for i in range(shnum)]
    elf = facts.image.elf
    for part in (
        *((s.offset, s.size) for s in elf.sections if s.kind != 8),
        *((s.offset, s.filesz) for s in elf.segments),
    ):
        out.regions.append(part)
        out.boundaries += [part[0], part[0] + part[1]]
    _go_places(facts, out)
    _dwarf_places(facts, out)
    out.regions = [(a, min(n, len(data) - a)) for a, n in out.regions if n > 0 and a < len(data)]
    return out


def _go_places(facts: BinaryFacts, out: Places) -> None:
    image, module, table = facts.image, facts.module, facts.functions
    if module is None or table is None:
        raise ValueError(f"{facts.path} is not healthy")
    header, data = image.offset(module.header, 72), image.offset(module.address, lay.M_SIZE)
    out.fields += [(header + at, 8) for at in range(0, 72, 8)] * 2 + [(header, 4)]
    out.fields += [(data + at, 8) for at in range(0, lay.M_SIZE, 8)] * 2
    layout = module.layout.table
    slices = [(module.funcnametab, 1), (module.cutab, 4), (module.filetab, 1), (module.pctab, 1)]
    slices += [(module.ftab, layout.ftab.itemsize), (module.typelinks, 4), (module.itablinks, 8)]
    slices += [(module.inittasks, 8)] if module.inittasks is not None else []
    weighted = [(image.offset(s.ptr, s.len * size), s.len * size) for s, size in slices if s.len]
    records = image.offset(module.pclntable.ptr, module.pclntable.len)
    weighted += [(header, 72), (data, lay.M_SIZE), (records, module.pclntable.len)]
    for tag, size in ((7, 8), (23, 2), (36, 35)):
        tags = dynamic_tags(image)
        if tags.get(tag) and tags.get(size):
            weighted.append((image.offset(tags[tag], tags[size]), tags[size]))
    if facts.types is not None:
        weighted.append((image.offset(module.types, module.etypes - module.types), module.etypes - module.types))
        for address in facts.types.read().address[::5].tolist():
            at = image.offset(address, 96)
            out.fields += [(at + place, width) for place, width in _DESCRIPTOR]
    for start, end in module.data:
        weighted.append((image.offset(start, end - start), end - start))
    weighted += [(image.offset(at, 64), 64) for at in (module.gcdata, module.gcbss) if image.span(at) is not None]
    out.spans = [(s.offset, s.start, s.end - s.start) for s in image.spans if not s.executable]
    out.regions += weighted * 3
    for row in range(0, len(table), 7):
        at = records + int(table.funcoff[row])
        out.fields += [(at + 4 * i, 4) for i in range(layout.func.itemsize // 4)]
    step, width = layout.ftab.itemsize, layout.ftab.itemsize // 2
    ftab = image.offset(module.ftab.ptr, module.ftab.len * step)
    out.fields += [(ftab + row * step + width * half, width) for row in range(0, len(table), 9) for half in (0, 1)]
    names = layout.inline.fields or {}
    for row in range(0, len(table), 5):
        try:
            address = table.funcdata(row, lay.FUNCDATA_INL_TREE)
            count = len(inline_tree(table, row))
        except MalformedTable:
            continue
        where = [image.offset(address + i * layout.inline.itemsize, 16) for i in range(count)]
        out.inline += [(at + names["parentpc"][1], table.size(row)) for at in where]


def _dwarf_places(facts: BinaryFacts, out: Places) -> None:
    for name in ("info", "abbrev"):
        section = facts.image.elf.section(f".debug_{name}")
        content = debug_section(facts.image, name)
        if section is None or content is None or facts.symtab is None or facts.module is None:
            return
        header = out.sections[facts.image.elf.sections.index(section)]
        out.packed.append((header, len(content)))
        out.regions += [(section.offset, CHDR)] * 3
        if name == "info":
            table = read_variables(facts.image, facts.symtab, facts.module)
            out.typed = sorted(at for places in find_places(content, table.address).values() for at in places)


def random_recipe(rng: random.Random, bases: list[str] | None = None) -> Recipe:
    """A damaged file: one to four edits of a random binary of the manifest."""
    base = rng.choice(bases or [entry.name for entry in matrix.entries()])
    data, where = matrix.unpack(base).read_bytes(), places(base)
    edits: list[Edit] = []
    for _ in range(rng.choice((1, 1, 1, 2, 2, 3, 4))):
        edits += rng.choices(_KINDS, _WEIGHTS)[0](rng, data, where)
    return Recipe(base, tuple(edits), old=rng.random() < 0.3)


def _truncated(rng: random.Random, _: bytes, where: Places) -> list[Edit]:
    edge = rng.choice(where.boundaries) + rng.choice((-1, 0, 1))
    return [("truncate", min(max(edge, 0), where.size))]


def _tiny(rng: random.Random, data: bytes, where: Places) -> list[Edit]:
    """A few kilobytes whose headers go on claiming what they claimed, or far more."""
    return [*_edge_value(rng, data, where), ("truncate", rng.choice((64, 120, 1000, BLOCK, BLOCK + 1, 3 * BLOCK)))]


def _flips(rng: random.Random, data: bytes, where: Places) -> list[Edit]:
    offset, size = rng.choice(where.regions)
    out: list[Edit] = []
    for _ in range(rng.choice((1, 1, 2, 8, 64))):
        at = offset + rng.randrange(size)
        byte = rng.choice((data[at] ^ (1 << rng.randrange(8)), rng.randrange(256), 0x00, 0xFF, 0x80))
        out.append(("write", at, bytes([byte]).hex()))
    return out


def _edge_value(rng: random.Random, data: bytes, where: Places) -> list[Edit]:
    at, width = rng.choice(where.fields)
    now = int.from_bytes(data[at : at + width], "little")
    other, other_width = rng.choice(where.fields)
    value = rng.choice(
        (
            *EDGES,
            *TOP,
            where.size - 1,
            where.size,
            where.size + 1,
            now + 1,
            now - 1,
            now + 8,
            now * 2,
            now << 32,
            now ^ (1 << rng.randrange(8 * width)),
            int.from_bytes(data[other : other + other_width], "little"),
            rng.getrandbits(64),
        )
    )
    return [("write", at, (value % (1 << 8 * width)).to_bytes(width, "little").hex())]


def _wide_value(rng: random.Random, data: bytes, where: Places) -> list[Edit]:
    """An aligned number in any table: relocations, symbols, records, types."""
    offset, size = rng.choice(where.regions)
    width = rng.choice((4, 8))
    at = offset + rng.randrange(max(size // width, 1)) * width
    now = int.from_bytes(data[at : at + width], "little")
    value = rng.choice((*EDGES, *TOP, where.size, now + 1, now - 1, now ^ 1, now << 8, rng.getrandbits(64)))
    return [("write", at, (value % (1 << 8 * width)).to_bytes(width, "little").hex())]


def _splice(rng: random.Random, _: bytes, where: Places) -> list[Edit]:
    to, start = (a + rng.randrange(n) for a, n in (rng.choice(where.regions), rng.choice(where.regions)))
    return [("copy", to, start, rng.choice((4, 8, 16, 64, 512, BLOCK, 65536)))]


def _filled(rng: random.Random, _: bytes, where: Places) -> list[Edit]:
    offset, size = rng.choice(where.regions)
    at = rng.randrange(size)
    length = rng.choice((8, 64, 512, BLOCK, size))
    return [("fill", offset + at, min(length, size - at), rng.choice((0, 1, 0x7F, 0x80, 0xCC, 0xFF)))]


def _cycle(rng: random.Random, _: bytes, where: Places) -> list[Edit]:
    """Parents in inline trees that lead back: to the call itself, to another one, or out of the function."""
    if not where.inline:
        return []
    out: list[Edit] = []
    for at, size in rng.choices(where.inline, k=rng.choice((1, 4, 32))):
        value = rng.choice((0, size - 1, size, rng.randrange(max(size, 1)), 0x7FFFFFFF, 0xFFFFFFFF))
        out.append(("write", at, (value % (1 << 32)).to_bytes(4, "little").hex()))
    return out


def _overlap(rng: random.Random, data: bytes, where: Places) -> list[Edit]:
    """One section takes the address, place or size of another."""
    if len(where.sections) < 2:
        return []
    one, two = rng.sample(where.sections, 2)
    at = rng.choice((16, 24, 32))
    length = rng.choice((8, 8, 24)) if at == 16 else 8
    return [("write", one + at, data[two + at : two + at + length].hex())]


def _dwarf(rng: random.Random, _: bytes, where: Places) -> list[Edit]:
    """Types of variables that lead elsewhere, and abbreviations that say something else."""
    if len(where.packed) < 2 or not where.typed:
        return []
    (info, info_size), (abbrev, abbrev_size) = where.packed
    start = where.size
    out: list[Edit] = [("inflate", info), ("inflate", abbrev)]
    for _each in range(rng.choice((1, 1, 4, 64))):
        if rng.random() < 0.3:
            at = start + info_size + rng.randrange(abbrev_size)
            raw = bytes([rng.choice((0, 1, 0x16, 0x21, 0x7F, 0x80, 0xFF, rng.randrange(256)))])
        elif rng.random() < 0.6:  # the reference behind a variable's location
            at = start + rng.choice(where.typed) + 10
            raw = rng.choice((rng.randrange(info_size), 0, info_size - 1, 0xFFFFFFFF)).to_bytes(4, "little")
        else:
            at = start + rng.randrange(info_size)
            raw = rng.randbytes(rng.choice((1, 4, 16)))
        out.append(("write", at, raw.hex()))
    return out


def _embedded(rng: random.Random, _: bytes, where: Places) -> list[Edit]:
    """An embed.FS where there is none: a header that leads behind itself, and records of files that may be anything."""
    if not where.spans:
        return []
    offset, address, size = rng.choice(where.spans)
    number = rng.choice((1, 2, 3, 17, 200))
    number = min(number, max((size - 64) // 48, 1))
    at = rng.randrange(max((size - 24 - 48 * number) // 8, 1)) * 8
    start = address + at
    words = [start + 24, number, number]
    claimed = rng.choice((number, number, number, number + 1, 1 << 20, (1 << 64) - 1))
    words[1] = words[2] = claimed
    name = start + 24 + 48 * number
    for _each in range(number):
        length = rng.choice((5, 5, 5, 0, 4096, 1 << 40))
        held = rng.choice((size - at, 8, 0, 1 << 30, (1 << 64) - 8))
        words += [name, length, rng.choice((start, address, 0, TOP[0])), held, rng.getrandbits(64), 1]
    raw = b"".join((word % (1 << 64)).to_bytes(8, "little") for word in words) + b"a/b.c" + b"d" * 11
    return [("write", offset + at, raw.hex())]


_KINDS = (_truncated, _tiny, _flips, _edge_value, _wide_value, _splice, _filled, _cycle, _overlap, _dwarf, _embedded)
_WEIGHTS = (6, 3, 22, 24, 18, 9, 6, 6, 6, 12, 8)
