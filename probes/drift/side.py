"""One side of a comparison: where its regions are, and what an address in it stands for."""

from __future__ import annotations

import re
from functools import cached_property

import numpy as np
import numpy.typing as npt

from probes.arrays import distinct
from probes.drift.text_index import TextIndex
from probes.elf.image import I64, U8, U64
from probes.elf.symbols import STT_FUNC, STT_OBJECT, SymbolTable
from probes.go.facts import BinaryFacts
from probes.go.module.moduledata import ModuleData
from probes.go.table.functions import FuncTable

NOWHERE, TEXT, READONLY, WRITABLE, FOREIGN = 0, 1, 2, 3, 4
"""Regions: outside of the image; Go's text; constants, types and relocated constants; variables; other code (C, PLT)."""

PIECE = 1 << 17
"""Words that are looked at together: what is made from them stays small."""

_STRINGS = ("go:string.*", "go.string.*")
_AFTER_STRINGS = ("go:func.*", "go.func.*", "go:funcdesc", "runtime.gcbits.*", "runtime.gcdata", "runtime.erodata")
"""What the linker puts behind the string constants (cmd/link/internal/ld/symtab.go), by release."""

_CARRIERS = ("type:", "type.*", "go:string.", "go.string.", "go:func.", "go.func.", "runtime.", "gclocals", "go:cuinfo")
_NUMBERED = re.compile(r"\.\.[A-Za-z]+[._]\d+$")
"""What the compiler makes for itself and numbers in its order of appearance: `main..stmp_3`, `fmt..typeAssert.1`,
`..interfaceSwitch.0`, `..gobytes.2` (cmd/compile/internal/walk, staticinit, staticdata). The number is no identity."""

_HASHED = re.compile(r"\b_cgo_[0-9a-f]{12}_")
"""cgo names its stubs by a hash of the package's files, which changes with every edit."""


def lasting_name(name: str) -> str:
    """The name of a symbol, without what changes from build to build."""
    return _HASHED.sub("_cgo_", name) if "_cgo_" in name else name


class Side:
    """A binary prepared for comparison."""

    def __init__(self, facts: BinaryFacts, table: FuncTable, module: ModuleData) -> None:
        self.facts = facts
        self.image = facts.image
        self.table = table
        self.module = module
        self.text = TextIndex(table)
        self.writable = [(a, b) for a, b in (*module.data, *module.bss) if b > a]
        self.lowest = min((s.start for s in self.image.spans), default=0)
        self.highest = max(
            (end for _, end in (*self.image.zero, *((s.start, s.end) for s in self.image.spans))), default=0
        )
        relro = [s for s in self.image.elf.segments if s.kind == "PT_GNU_RELRO"]
        self.relro = [(s.vaddr, s.vaddr + s.memsz) for s in relro]

    def regions(self, addresses: I64) -> npt.NDArray[np.uint8]:
        """Region of each of `addresses`, shape (k,)."""
        edges, kinds = self._region_edges
        found: npt.NDArray[np.uint8] = kinds[np.searchsorted(edges, addresses, side="right")]
        return found

    @cached_property
    def _region_edges(self) -> tuple[I64, npt.NDArray[np.uint8]]:
        """Where one region ends and the next begins, and the region behind each of these: most questions are of one address."""
        sections = ((each.addr, each.addr + each.size) for each in self.image.elf.sections)
        spans = ((span.start, span.end) for span in self.image.spans)
        pairs = (*spans, *self.image.zero, *self.relro, *sections, *self.writable, (self.text.start, self.text.stop))
        edges = distinct(np.array([place for pair in pairs for place in pair if place < 1 << 63], dtype=np.int64))
        return edges, np.concatenate((np.full(1, NOWHERE, dtype=np.uint8), self._regions(edges)))

    def _regions(self, addresses: I64) -> npt.NDArray[np.uint8]:
        """The same by looking at every range."""
        out = np.full(addresses.shape, NOWHERE, dtype=np.uint8)
        for span in self.image.spans:
            kind = FOREIGN if span.executable else WRITABLE if span.writable else READONLY
            out[(addresses >= span.start) & (addresses < span.end)] = kind
        for start, end in self.image.zero:
            out[(addresses >= start) & (addresses < end)] = WRITABLE
        for start, end in self.relro:
            out[(addresses >= start) & (addresses < end)] = READONLY
        for section in self.image.elf.sections:
            # One segment may hold both code and constants (ld -z noseparate-code).
            if section.kind == 1 and section.flags & 7 == 2 and section.size:
                out[(addresses >= section.addr) & (addresses < section.addr + section.size)] = READONLY
        for start, end in self.writable:
            out[(addresses >= start) & (addresses < end)] = WRITABLE
        out[(addresses >= self.text.start) & (addresses < self.text.stop)] = TEXT
        return out

    def in_function_table(self, addresses: I64) -> npt.NDArray[np.bool_]:
        """Which of `addresses` lie in the section of the function table, shape (k,)."""
        section = self.image.elf.section(".gopclntab", ".data.rel.ro.gopclntab")
        if section is None:
            return np.zeros(addresses.shape, dtype=np.bool_)
        return (addresses >= section.addr) & (addresses < section.addr + section.size)

    @cached_property
    def duffcopy(self) -> tuple[int, int]:
        """Entry and end of runtime.duffcopy, into which large copies jump; zeros without one."""
        try:
            row = self.table.names.index("runtime.duffcopy")
        except ValueError:
            return 0, 0
        return int(self.text.entry[row]), int(self.text.end[row])

    @cached_property
    def boundaries(self) -> dict[int, str]:
        """Addresses that the linker defines as ends of regions; code refers to them by name, or to empty things there."""
        module = self.module
        out = {module.gcdata: "gcdata", module.gcbss: "gcbss", module.rodata: "rodata", module.gofunc: "gofunc"}
        out |= {module.text: "text", module.etext: "etext", module.types: "types", module.etypes: "etypes"}
        for name, (start, end) in zip(("noptrdata", "data"), module.data, strict=True):
            out.update({start: name, end: "e" + name})
        for name, (start, end) in zip(("bss", "noptrbss"), module.bss, strict=True):
            out.update({start: name, end: "e" + name})
        return out

    @cached_property
    def relocated(self) -> I64:
        """Addresses of the words that hold addresses, sorted; only an image that can be loaded anywhere tells."""
        return distinct(np.concatenate([np.zeros(0, dtype=np.int64), *self.image.relocated]))

    @cached_property
    def external(self) -> I64:
        """Addresses of the words that the loader fills in with other objects' addresses, sorted."""
        return np.sort(np.array(list(self.image.external), dtype=np.int64))

    @cached_property
    def itabs(self) -> I64:
        """Addresses of the itabs that the module data lists, sorted; empty where it only gives their range."""
        links = self.module.itablinks
        if not links.len:
            return np.zeros(0, dtype=np.int64)
        return np.sort(self.image.u64s(links.ptr, links.len).view(np.int64))

    @cached_property
    def symbols(self) -> DataSymbols | None:
        """Named data of an unstripped file, None in a stripped one."""
        return DataSymbols(self.facts.symtab) if self.facts.symtab is not None else None

    @cached_property
    def strings(self) -> tuple[int, int]:
        """Where the linker's area of string constants is; (0, 0) where no symbols tell."""
        symtab = self.facts.symtab
        if symtab is None:
            return 0, 0
        found = symtab.find(*_STRINGS, *_AFTER_STRINGS)
        start = next((int(symtab.value[found[name]]) for name in _STRINGS if name in found), 0)
        ends = [int(symtab.value[found[name]]) for name in _AFTER_STRINGS if name in found]
        end = min((value for value in ends if value > start), default=0)
        span = self.image.span(start)
        return (start, end) if span is not None and not span.writable and end <= span.end else (0, 0)

    @cached_property
    def data_starts(self) -> I64:
        """Read-only addresses at which something begins, sorted: aligned words of the data lead there, or a section ends."""
        placed = [
            (s.addr, s.addr + s.size) for s in self.image.elf.sections if s.addr > 0 and s.addr + s.size < 1 << 63
        ]
        edges = np.array(placed, dtype=np.int64).ravel()
        ranges = [(a, b) for a, b in self._constants() if b > a]
        if self.relocated.size:  # other words, such as those of the relocations themselves, only look like addresses
            words = self.words_at(self.relocated).view(np.int64)
            return distinct(np.concatenate([edges, *(words[(words > a) & (words < b)] for a, b in ranges)]))
        found = [edges]
        table = self.image.elf.section(".gopclntab", ".data.rel.ro.gopclntab")
        skipped = (0, 0) if table is None else (table.offset // 8, (table.offset + table.size) // 8)
        for span in self.image.spans:
            if span.executable and not span.writable:
                continue
            first, last = (span.offset + 7) // 8, (span.offset + span.end - span.start) // 8
            for at in range(first, last, PIECE):
                words = self.image.words[at : min(at + PIECE, last)].view(np.int64)
                if (
                    skipped[0] < at + PIECE and at < skipped[1]
                ):  # the function table holds no addresses, but many numbers
                    inside = np.arange(at, at + words.size)
                    words = words[(inside < skipped[0]) | (inside >= skipped[1])]
                found += [distinct(words[(words > start) & (words < end)]) for start, end in ranges]
        return distinct(np.concatenate(found))

    def _constants(self) -> list[tuple[int, int]]:
        plain = [(s.start, s.end) for s in self.image.spans if not s.executable and not s.writable]
        rodata = self.image.elf.section(".rodata")
        named = [(rodata.addr, rodata.addr + rodata.size)] if rodata is not None and rodata.addr else plain
        return [*named, *self.relro]

    @cached_property
    def unaligned(self) -> U64:
        """The file as overlapping little-endian words: element i is the word at byte i."""
        size = max(self.image.data.size - 7, 0)
        return np.ndarray((size,), dtype="<u8", buffer=self.image.data, strides=(1,))

    def contents(self, address: int, size: int) -> U8:
        """Up to `size` bytes at `address`; fewer where the file has no more."""
        span = self.image.span(address)
        if span is None:
            return self.image.data[:0]
        at = span.offset + address - span.start
        return self.image.data[at : at + min(size, span.end - address)]

    def words_at(self, addresses: I64) -> U64:
        """The words at `addresses`, shape (k,); zero where the file has none."""
        at = self.image.offsets(addresses, 8)
        if not self.unaligned.size:
            return np.zeros(addresses.shape, dtype=np.uint64)
        return np.where(at >= 0, self.unaligned[np.maximum(at, 0)], np.uint64(0))


class DataSymbols:
    """Data symbols by address. `start`, `end`: int64, shape (k,), sorted, as `names` are; `numbered`: the name is no identity."""

    def __init__(self, symtab: SymbolTable) -> None:
        rows = np.flatnonzero(
            (symtab.kind <= STT_FUNC) & (symtab.size > 0) & (symtab.section != 0) & (symtab.section < 0xFF00)
        )
        rows = rows[np.argsort(symtab.value[rows], kind="stable")]
        names = symtab.names(rows)
        keep = [i for i, name in enumerate(names) if name and not _carrier(name)]
        rows = rows[keep]
        self.names = [names[i] for i in keep]
        self.start: I64 = symtab.value[rows].astype(np.int64)
        self.end: I64 = self.start + np.minimum(symtab.size[rows], np.uint64(1 << 40)).astype(np.int64)
        self.numbered: npt.NDArray[np.bool_] = np.array(
            ["." in name and _NUMBERED.search(name) is not None for name in self.names], dtype=np.bool_
        )
        self.is_object: npt.NDArray[np.bool_] = symtab.kind[rows] == STT_OBJECT

    def lasting_names(self) -> list[str]:
        """The names, without what changes from build to build."""
        return [lasting_name(name) for name in self.names]

    def find(self, addresses: I64) -> I64:
        """Index of the symbol that holds each of `addresses`; -1 where none does."""
        if not self.start.size:
            return np.full(addresses.shape, -1, dtype=np.int64)
        at = np.searchsorted(self.start, addresses, side="right") - 1
        slot = np.maximum(at, 0)
        good = (at >= 0) & (addresses < self.end[slot])
        return np.where(good, slot, -1)


def _carrier(name: str) -> bool:
    """Symbols that span many unnamed things."""
    if name.endswith("·f"):
        return True
    if name.startswith("runtime."):
        return name in _RUNTIME_CARRIERS or name.startswith("runtime.gcbits.")
    return name.startswith(_CARRIERS)


_RUNTIME_CARRIERS = frozenset(
    "runtime." + n
    for n in [
        "text",
        "etext",
        "types",
        "etypes",
        "rodata",
        "erodata",
        "noptrdata",
        "enoptrdata",
        "data",
        "edata",
        "bss",
        "ebss",
        "noptrbss",
        "enoptrbss",
        "end",
        "typelink",
        "itablink",
        "pclntab",
        "epclntab",
        "esymtab",
        "symtab",
        "gcdata",
        "gcbss",
        "findfunctab",
        "covctrs",
        "ecovctrs",
    ]
)
