"""A program whose code is looked into: who calls a function, who takes an address, what a string constant says."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property

import numpy as np
import numpy.typing as npt

from probes.drift.arch.arm64.decoder import FOLLOWS as ARM64_FOLLOWS
from probes.elf.image import I64, Image
from probes.errors import ProbeError
from probes.go.facts import BinaryFacts
from probes.go.table.functions import FuncTable, package_of

U32 = npt.NDArray[np.uint32]

_TABLES = {2, 4, 11}
"""SHT_SYMTAB, SHT_RELA and SHT_DYNSYM of elf.h."""
MAX_STRING = 4096
"""Letters of a string that is a name of anything."""


class NoCode(ProbeError):
    """The program's functions are not known."""


class Program:
    """One binary's Go code."""

    def __init__(self, facts: BinaryFacts) -> None:
        """Raises NoCode: its function table cannot be read, or it is for a processor whose code is not read."""
        if facts.functions is None or facts.module is None:
            raise NoCode("its function table cannot be read", subject=facts.path)
        if facts.arch not in {"amd64", "arm64"}:
            raise NoCode(f"code for {facts.arch} is not read", subject=facts.path)
        self.facts = facts
        self.image: Image = facts.image
        self.table: FuncTable = facts.functions
        self.start, self.stop = facts.module.text, facts.module.etext
        self.entry: I64 = self.table.entry.astype(np.int64)
        at = self.image.offset(self.start, self.stop - self.start)
        self._users: dict[tuple[str, ...], set[str]] = {}
        self.text = self.image.data[at : at + self.stop - self.start]

    @property
    def arm(self) -> bool:
        """Whether it is for arm64."""
        return self.facts.arch == "arm64"

    @cached_property
    def rows(self) -> dict[str, int]:
        """The function of each name."""
        return {name: row for row, name in enumerate(self.table.names)}

    def entries(self, *names: str) -> dict[int, str]:
        """The entries of those of `names` that are there."""
        return {int(self.entry[self.rows[name]]): name for name in names if name in self.rows}

    def row(self, address: int) -> int:
        """The function that holds `address`, -1 for none."""
        return self.table.find(address)

    def name(self, row: int) -> str:
        """The name of a function."""
        return self.table.names[row]

    def package(self, row: int) -> str:
        """The import path of a function's package."""
        return package_of(self.table.names[row])

    def code(self, row: int) -> tuple[bytes, int]:
        """The bytes of a function, and their address."""
        first = int(self.entry[row]) - self.start
        last = max(min(int(self.table.end[row]) - self.start, len(self.text)), first)
        return self.text[max(first, 0) : last].tobytes(), int(self.entry[row])

    @cached_property
    def _words(self) -> U32:
        return self.text[: len(self.text) // 4 * 4].view("<u4") if self.arm else np.zeros(0, dtype=np.uint32)

    @cached_property
    def _calls(self) -> tuple[I64, I64]:
        """Where calls and jumps to other functions may be, and where they lead. On amd64 some are chance."""
        if self.arm:
            at = np.flatnonzero((self._words & np.uint32(0x7C000000)) == 0x14000000)  # B, BL
            word = self._words[at].astype(np.int64)
            distance = ((word & 0x3FFFFFF) ^ 0x2000000) - 0x2000000
            return at * 4 + self.start, at * 4 + self.start + 4 * distance
        at = np.flatnonzero((self.text[: self._last] & 0xFE) == 0xE8)  # CALL rel32, JMP rel32
        target = at + (self.start + 5) + self._relative(at + 1)
        good = (target >= self.start) & (target < self.stop)
        return at[good] + self.start, target[good]

    @cached_property
    def _taken(self) -> tuple[I64, I64]:
        """Where addresses may be taken, and which: LEA at a distance from RIP, ADRP with ADD."""
        if self.arm:
            words = self._words
            page, add = words[:-1], words[1:]
            hits = ((page & np.uint32(0x9F000000)) == 0x90000000) & ((add & np.uint32(0xFFC00000)) == 0x91000000)
            hits &= (page & np.uint32(31)) == (add >> np.uint32(5) & np.uint32(31))
            at = np.flatnonzero(hits)
            high, low = page[at].astype(np.int64), add[at].astype(np.int64)
            distance = ((high >> 5 & 0x7FFFF) << 2 | high >> 29 & 3) ^ 0x100000
            place = at * 4 + self.start
            return place, (place & ~0xFFF) + ((distance - 0x100000) << 12) + (low >> 10 & 0xFFF)
        at = np.flatnonzero(self.text[: self._last] == 0x8D)
        at = at[(self.text[at + 1] & 0xC7) == 0x05]
        return at + self.start, at + self.start + 6 + self._relative(at + 2)

    def _relative(self, at: I64) -> I64:
        whole: npt.NDArray[np.int32] = np.ndarray(
            (max(len(self.text) - 3, 0),), dtype="<i4", buffer=self.text, strides=(1,)
        )
        return whole[at].astype(np.int64)

    def callers(self, entries: set[int] | dict[int, str]) -> list[int]:
        """Functions that may call, or jump to, one of the functions at `entries`."""
        return self._holders(self._calls, entries)

    def takers(self, addresses: set[int]) -> list[int]:
        """Functions that may take one of `addresses`."""
        return self._holders(self._taken, addresses)

    def _holders(self, found: tuple[I64, I64], wanted: set[int] | dict[int, str]) -> list[int]:
        if not wanted:
            return []
        places = [place for place in wanted if 0 <= place < 1 << 63]
        hits = found[0][np.isin(found[1], np.array(places, dtype=np.int64))]
        rows = np.searchsorted(self.entry, hits, side="right") - 1
        return [row for row in np.unique(rows).tolist() if row >= 0]

    @cached_property
    def _referred(self) -> tuple[I64, I64]:
        """Where code may refer to a variable at a distance from itself, to read or write it."""
        if self.arm:
            words = self._words
            page, memory = words[:-1], words[1:]
            hits = ((page & np.uint32(0x9F000000)) == 0x90000000) & ((memory & np.uint32(0x3B000000)) == 0x39000000)
            hits &= (page & np.uint32(31)) == (memory >> np.uint32(5) & np.uint32(31))
            at = np.flatnonzero(hits)
            high, low = page[at].astype(np.int64), memory[at].astype(np.int64)
            distance = ((high >> 5 & 0x7FFFF) << 2 | high >> 29 & 3) ^ 0x100000
            place = at * 4 + self.start
            target = (place & ~0xFFF) + ((distance - 0x100000) << 12) + ((low >> 10 & 0xFFF) << (low >> 30))
            return np.concatenate((place, self._taken[0])), np.concatenate((target, self._taken[1]))
        body = self.text[: self._last]
        at = np.flatnonzero((body == 0x89) | (body == 0x8D) | (body == 0xC7))  # MOV from a register or a constant, LEA
        at = at[(self.text[at + 1] & 0xC7) == 0x05]
        end = at + np.where(self.text[at] == 0xC7, 10, 6)
        return at + self.start, end + self.start + self._relative(at + 2)

    def writers(self, address: int) -> list[int]:
        """Functions that may write the variable at `address`."""
        return self._holders(self._referred, {address})

    @cached_property
    def _byte_stores(self) -> tuple[I64, I64]:
        """Where bytes may be stored at a distance from a register, a constant 1 or one that is computed; and the distances."""
        if self.arm:
            words = self._words
            at = np.flatnonzero((words & np.uint32(0xFFC00000)) == 0x39000000)  # STRB, unsigned offset
            at = at[(words[at] & np.uint32(31)) != 31]  # not the zero register
            return at * 4 + self.start, (words[at] >> np.uint32(10) & np.uint32(0xFFF)).astype(np.int64)
        body = self.text[: self._last]
        at = np.flatnonzero((body == 0xC6) | (body == 0x88))  # MOV of a byte: a constant, a register
        modrm, constant = self.text[at + 1], self.text[at] == 0xC6
        wide = at[(modrm >> 6 == 2) & (~constant | ((modrm & 0x38 == 0) & (self.text[at + 6] == 1)))]
        short = at[(modrm >> 6 == 1) & constant & (modrm & 0x38 == 0) & (self.text[at + 3] == 1)]
        near = self.text[short + 2].view(np.int8).astype(np.int64)
        return np.concatenate((wide, short)) + self.start, np.concatenate((self._relative(wide + 2), near))

    def byte_setters(self, offset: int) -> list[int]:
        """Functions that may store a byte `offset` bytes behind a register: a constant 1, or one that is computed."""
        places, offsets = self._byte_stores
        rows = np.searchsorted(self.entry, places[offsets == offset], side="right") - 1
        return [row for row in np.unique(rows).tolist() if row >= 0]

    @property
    def _last(self) -> int:
        """Where instructions may begin of which all bytes are looked at."""
        return max(len(self.text) - 12, 0)

    def taken_functions(self, entries: Iterable[int]) -> set[int]:
        """Those of the functions at `entries` that may be called by their address: a word of the data holds it."""
        # A round address is met by chance, as a number.
        wanted = np.array(sorted(entry for entry in entries if entry & 0xFFFF), dtype=np.uint64)
        found: set[int] = set()
        for span in self.image.spans:
            if wanted.size and not span.executable:
                first, last = (span.offset + 7) // 8, (span.offset + span.end - span.start) // 8
                words = self.image.words[first:last]
                hits = np.flatnonzero((words >= wanted[0]) & (words <= wanted[-1]))
                hits = hits[np.isin(words[hits], wanted)]
                places = (hits + first) * 8 - span.offset + span.start
                found |= {
                    int(words[at]) for at, place in zip(hits, places.tolist(), strict=True) if not self._listed(place)
                }
        return found

    @cached_property
    def tables(self) -> list[tuple[int, int]]:
        """Where tables of symbols and relocations are: what they name is not used by that."""
        sections = self.image.elf.sections
        return [(each.addr, each.addr + each.size) for each in sections if each.kind in _TABLES and each.addr]

    def _listed(self, address: int) -> bool:
        return any(start <= address < end for start, end in self.tables)

    def named(self, prefixes: tuple[str, ...]) -> set[int]:
        """Entries of the functions whose names begin with one of `prefixes`."""
        names = self.table.names
        return {int(self.entry[row]) for row in range(len(names)) if names[row].startswith(prefixes)}

    def users(self, library: tuple[str, ...]) -> set[str]:
        """Packages, besides those of `library`, that call one of its functions."""
        if library not in self._users:
            entries = self.named(tuple(f"{package}." for package in library))
            self._users[library] = {self.package(row) for row in self.callers(entries)} - set(library)
        return set(self._users[library])

    def text_at(self, address: int, length: int) -> str | None:
        """The string constant of `length` bytes at `address`; None where there is none."""
        if not 0 <= length <= MAX_STRING:
            return None
        if not length:
            return ""
        try:
            return self.image.bytes(address, length).tobytes().decode("utf-8")
        except (ProbeError, UnicodeDecodeError):
            return None

    def word(self, address: int) -> int | None:
        """The word at `address`; None where the file has none."""
        try:
            return self.image.u64(address)
        except ProbeError:
            return None

    @cached_property
    def constant(self) -> list[tuple[int, int]]:
        """Where memory is that a program cannot write, once it runs."""
        relro = [(s.vaddr, s.vaddr + s.memsz) for s in self.image.elf.segments if s.kind == "PT_GNU_RELRO"]
        return [*((s.start, s.end) for s in self.image.spans if not s.writable), *relro]

    def is_constant(self, address: int) -> bool:
        """Whether what is at `address` stays as the file has it."""
        return any(start <= address < end for start, end in self.constant)


ARGUMENTS = {"amd64": (0, 3, 1, 7, 6, 8, 9, 10, 11), "arm64": (*ARM64_FOLLOWS, 15)}
"""Registers of integer arguments and results, in order (cmd/compile/abi-internal.md)."""
