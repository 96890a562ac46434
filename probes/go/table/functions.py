"""The function table (pclntab): entries, names, files and lines of every Go function in a file.

Columns are numpy arrays of shape (n,), decoded at once; strings and pc-value tables are decoded when asked for.
Format: runtime/symtab.go, debug/gosym/pclntab.go.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
import numpy.typing as npt

from probes.elf.image import I64, U64, Image
from probes.elf.string_table import strings_at
from probes.errors import MalformedTable
from probes.go.module import layouts as lay
from probes.go.module.moduledata import ModuleData
from probes.go.table.pc_values import runs

I32 = npt.NDArray[np.int32]
MAX_PCDATA = 16
"""Pcdata tables of a function that are swept over; internal/abi defines 4."""


class FuncTable:
    """Functions sorted by entry.

    `entry`, `end`: uint64 addresses; `end` is the next function's entry, so it includes padding. `args`: bytes of the
    argument area, int32, -0x80000000 where Go does not know. `start_line`: int32, 0 before Go 1.20. `func_id`, `flag`: uint8.
    """

    def __init__(self, image: Image, module: ModuleData) -> None:
        self.image = image
        self.module = module
        self.path = image.path
        layout = module.layout.table
        count = module.nfunc
        raw = image.bytes(module.ftab.ptr, (count + 1) * layout.ftab.itemsize)
        ftab = np.frombuffer(raw.tobytes(), dtype=layout.ftab)
        entries = ftab["entry"].astype(np.uint64)
        if layout.magic != lay.MAGIC_116:
            entries = entries + np.uint64(module.text)
        if int(entries.max()) >= 1 << 63:
            raise MalformedTable("a function begins outside of any address space", subject=image.path)
        self.entry: U64 = np.ascontiguousarray(entries[:-1])
        self.end: U64 = np.ascontiguousarray(entries[1:])
        self.funcoff: I64 = ftab["funcoff"][:-1].astype(np.int64)
        record = _records(image, module, self.funcoff, layout.func)
        if "entryoff" in (layout.func.names or ()):
            self.own_entry: U64 = record["entryoff"].astype(np.uint64) + np.uint64(module.text)
        else:
            self.own_entry = record["entry"].astype(np.uint64)
        self.nameoff: I64 = record["nameoff"].astype(np.int64)
        self.args: I32 = np.ascontiguousarray(record["args"])
        self.pcsp: I64 = record["pcsp"].astype(np.int64)
        self.pcfile: I64 = record["pcfile"].astype(np.int64)
        self.pcln: I64 = record["pcln"].astype(np.int64)
        self.npcdata: I64 = record["npcdata"].astype(np.int64)
        self.nfuncdata: I64 = record["nfuncdata"].astype(np.int64)
        self.cuoffset: I64 = record["cuoffset"].astype(np.int64)
        self.func_id: npt.NDArray[np.uint8] = np.ascontiguousarray(record["funcid"])
        self.flag: npt.NDArray[np.uint8] = np.ascontiguousarray(record["flag"])
        has_lines = "startline" in (layout.func.names or ())
        self.start_line: I32 = (
            np.ascontiguousarray(record["startline"]) if has_lines else np.zeros(count, dtype=np.int32)
        )
        names = image.offset(module.funcnametab.ptr, module.funcnametab.len)
        self.name_bytes = bytes(image.buffer[names : names + module.funcnametab.len])
        pctab = image.offset(module.pctab.ptr, module.pctab.len)
        self.pctab = memoryview(image.buffer)[pctab : pctab + module.pctab.len]
        files = image.offset(module.filetab.ptr, module.filetab.len)
        self.file_bytes = bytes(image.buffer[files : files + module.filetab.len])
        self.quantum = lay.PC_QUANTUM[image.arch]
        self._files: dict[int, str] = {}
        self._named: dict[int, str] = {}
        """File names by their place in cutab, and names by their offset, once asked for: many functions share them."""

    def __len__(self) -> int:
        return len(self.entry)

    @cached_property
    def names(self) -> list[str]:
        """Names by index. A name that leads outside of the name table is `?0x<nameoff>`."""
        out, good = strings_at(self.name_bytes, self.nameoff, path=self.path)
        for index in np.flatnonzero(~good).tolist():
            out[index] = f"?{int(self.nameoff[index]) & 0xFFFFFFFF:#x}"
        return out

    def share_names(self, other: FuncTable) -> None:
        """Take the decoded names of `other` when they are the same ones."""
        if self.name_bytes == other.name_bytes and np.array_equal(self.nameoff, other.nameoff):
            self.__dict__["names"] = other.names  # where cached_property keeps its value

    def package(self, index: int) -> str:
        """Import path of the package of function `index`."""
        return package_of(self.names[index])

    def find(self, pc: int) -> int:
        """Index of the function that holds `pc`, -1 if there is none."""
        if not 0 <= pc < 1 << 64:
            return -1
        index = int(np.searchsorted(self.entry, np.uint64(pc), side="right")) - 1
        return index if index >= 0 and pc < int(self.end[index]) else -1

    def size(self, index: int) -> int:
        """Bytes from the entry to the next function's."""
        return int(self.end[index]) - int(self.entry[index])

    def runs(self, index: int, table: int) -> list[tuple[int, int]]:
        """The pc-value table at offset `table` of pctab, for function `index`, as (end, value) pairs."""
        return runs(self.pctab, table, self.size(index), self.quantum, path=self.path)

    def value(self, index: int, table: int, offset: int) -> int:
        """The value that the pc-value table `table` of function `index` has `offset` bytes after the entry; -1 without one."""
        found = runs(self.pctab, table, self.size(index), self.quantum, path=self.path, until=offset)
        return found[-1][1] if found and offset < found[-1][0] else -1

    def file_name(self, index: int, fileno: int) -> str:
        """The file that `fileno` stands for in the compilation unit of function `index`."""
        slot = int(self.cuoffset[index]) + fileno
        known = self._files.get(slot) if fileno >= 0 else None
        if known is not None:
            return known
        if fileno < 0 or slot >= self.module.cutab.len:
            raise MalformedTable(f"file number {fileno} is outside of the file table", subject=self.path)
        offset = self.image.u32(self.module.cutab.ptr + 4 * slot)
        if offset == 0xFFFFFFFF:
            return "?"
        end = self.file_bytes.find(b"\0", offset)
        if offset >= len(self.file_bytes) or end < 0:
            raise MalformedTable(f"file name {offset:#x} is outside of the file table", subject=self.path)
        found = self._files[slot] = self.file_bytes[offset:end].decode("utf-8", "replace")
        return found

    def file(self, index: int) -> str:
        """The file in which function `index` begins; empty when its table is absent."""
        table = runs(self.pctab, int(self.pcfile[index]), self.size(index), self.quantum, path=self.path, until=0)
        return self.file_name(index, table[0][1]) if table else ""

    def start(self, index: int) -> int:
        """The line on which function `index` begins: `startline`, before Go 1.20 the line of its first instruction."""
        if self.start_line[index]:
            return int(self.start_line[index])
        table = runs(self.pctab, int(self.pcln[index]), self.size(index), self.quantum, path=self.path, until=0)
        return table[0][1] if table else 0

    def line(self, pc: int) -> tuple[str, int]:
        """File and line of `pc` (of the innermost inlined call, as addr2line gives them); ("", 0) when unknown."""
        index = self.find(pc)
        if index < 0:
            return "", 0
        return self.position(index, pc - int(self.entry[index]))

    def position(self, index: int, offset: int) -> tuple[str, int]:
        """File and line `offset` bytes after the entry of function `index`; ("", 0) when unknown."""
        fileno = self.value(index, int(self.pcfile[index]), offset)
        line = self.value(index, int(self.pcln[index]), offset)
        return ("", 0) if fileno < 0 or line < 0 else (self.file_name(index, fileno), line)

    def pcdata(self, index: int, table: int) -> int:
        """Where in pctab the pcdata table number `table` of function `index` begins; 0 when there is none."""
        if table >= int(self.npcdata[index]):
            return 0
        record = self.module.pclntable.ptr + int(self.funcoff[index]) + self.module.layout.table.func.itemsize
        return self.image.u32(record + 4 * table)

    def pcdata_offsets(self) -> I64:
        """Where in pctab the pcdata tables of all functions begin, function after function, zeros for "no table"."""
        image, record = self.image, self.module.layout.table.func.itemsize
        base = image.offset(self.module.pclntable.ptr, self.module.pclntable.len)
        counts = np.minimum(self.npcdata, MAX_PCDATA)
        first = base + self.funcoff + record
        counts[first + 4 * counts > base + self.module.pclntable.len] = 0
        place = np.repeat(first - 4 * (np.cumsum(counts) - counts), counts) + 4 * np.arange(int(counts.sum()))
        if bool((place & 3).any()):
            return np.zeros(0, dtype=np.int64)
        return image.data[: image.data.size // 4 * 4].view("<u4")[place // 4].astype(np.int64)

    def funcdata(self, index: int, table: int) -> int:
        """The address of the funcdata number `table` of function `index`; 0 when there is none."""
        if table >= int(self.nfuncdata[index]):
            return 0
        record = self.module.pclntable.ptr + int(self.funcoff[index]) + self.module.layout.table.func.itemsize
        record += 4 * int(self.npcdata[index])
        if self.module.gofunc:
            offset = self.image.u32(record + 4 * table)
            return 0 if offset == 0xFFFFFFFF else self.module.gofunc + offset
        return self.image.u64((record + 7 & ~7) + 8 * table)

    def name_at(self, nameoff: int) -> str:
        """The name at offset `nameoff` of the name table."""
        known = self._named.get(nameoff)
        if known is not None:
            return known
        end = self.name_bytes.find(b"\0", nameoff) if 0 <= nameoff < len(self.name_bytes) else -1
        if end < 0:
            raise MalformedTable(f"name {nameoff & 0xFFFFFFFF:#x} is outside of the name table", subject=self.path)
        found = self._named[nameoff] = self.name_bytes[nameoff:end].decode("utf-8", "replace")
        return found


def package_of(name: str) -> str:
    """Import path in a linker symbol name: up to the first dot after the last slash, type arguments left out.

    The linker escapes dots in the path's last element as `%2e` (cmd/internal/objabi.PathToPrefix).
    """
    if name.startswith(("type:", "type..", "go:", "go.")):
        return ""
    bracket = name.find("[")
    head = name if bracket < 0 else name[:bracket]
    dot = head.find(".", head.rfind("/") + 1)
    if dot < 0:
        return ""
    path = head[:dot]
    return path.replace("%2e", ".").replace("%25", "%").replace("%22", '"') if "%" in path else path


def _records(image: Image, module: ModuleData, funcoff: I64, layout: np.dtype[np.void]) -> npt.NDArray[np.void]:
    base = image.offset(module.pclntable.ptr, module.pclntable.len)
    if len(funcoff) and (int(funcoff.min()) < 0 or int(funcoff.max()) + layout.itemsize > module.pclntable.len):
        raise MalformedTable(
            "a function record lies outside of the table", subject=image.path, offset=base, hint="build the file again"
        )
    size = layout.itemsize
    if base % 4 == 0 and not bool((funcoff & 3).any()):
        stop = base + module.pclntable.len // 4 * 4
        words = np.frombuffer(image.buffer, dtype="<u4", count=(stop - base) // 4, offset=base)
        raw = words[(funcoff // 4)[:, None] + np.arange(size // 4)]
    else:
        raw = image.data[base : base + module.pclntable.len][funcoff[:, None] + np.arange(size)]
    return np.frombuffer(np.ascontiguousarray(raw).tobytes(), dtype=layout)
