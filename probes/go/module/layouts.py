"""Record layouts of the Go runtime's tables, per Go version, 64-bit little-endian. Data only; each names its source."""

from __future__ import annotations

import numpy as np
from msgspec import Struct

OLDEST_MINOR = 16
NEWEST_MINOR = 27
"""Minor versions of Go whose layouts were read in the toolchain's sources."""

# runtime.pcHeader.magic, debug/gosym/pclntab.go
MAGIC_116 = 0xFFFFFFFA
MAGIC_118 = 0xFFFFFFF0
MAGIC_120 = 0xFFFFFFF1
MAGIC_12 = 0xFFFFFFFB
"""Go 1.2 to 1.15: recognised, so that it can be refused by name."""

PC_QUANTUM = {"amd64": 1, "arm64": 4}  # internal/runtime/sys.PCQuantum

FUNC_116 = np.dtype(
    [
        ("entry", "<u8"),  # 0, runtime._func: absolute
        ("nameoff", "<i4"),  # 8
        ("args", "<i4"),  # 12
        ("deferreturn", "<u4"),  # 16
        ("pcsp", "<u4"),  # 20
        ("pcfile", "<u4"),  # 24
        ("pcln", "<u4"),  # 28
        ("npcdata", "<u4"),  # 32
        ("cuoffset", "<u4"),  # 36
        ("funcid", "u1"),  # 40
        ("flag", "u1"),  # 41: padding in 1.16
        ("pad", "u1"),  # 42
        ("nfuncdata", "u1"),  # 43
    ]
)
FUNC_118 = np.dtype(
    [
        ("entryoff", "<u4"),  # 0, from moduledata.text
        ("nameoff", "<i4"),  # 4
        ("args", "<i4"),  # 8
        ("deferreturn", "<u4"),  # 12
        ("pcsp", "<u4"),  # 16
        ("pcfile", "<u4"),  # 20
        ("pcln", "<u4"),  # 24
        ("npcdata", "<u4"),  # 28
        ("cuoffset", "<u4"),  # 32
        ("funcid", "u1"),  # 36
        ("flag", "u1"),  # 37
        ("pad", "u1"),  # 38
        ("nfuncdata", "u1"),  # 39
    ]
)
FUNC_120 = np.dtype(
    [
        ("entryoff", "<u4"),  # 0, from moduledata.text
        ("nameoff", "<i4"),  # 4
        ("args", "<i4"),  # 8
        ("deferreturn", "<u4"),  # 12
        ("pcsp", "<u4"),  # 16
        ("pcfile", "<u4"),  # 20
        ("pcln", "<u4"),  # 24
        ("npcdata", "<u4"),  # 28
        ("cuoffset", "<u4"),  # 32
        ("startline", "<i4"),  # 36
        ("funcid", "u1"),  # 40
        ("flag", "u1"),  # 41
        ("pad", "u1"),  # 42
        ("nfuncdata", "u1"),  # 43
    ]
)

INLINE_116 = np.dtype(
    [
        ("parent", "<i2"),  # 0, runtime.inlinedCall
        ("funcid", "u1"),  # 2
        ("pad", "u1"),  # 3
        ("file", "<i4"),  # 4: of the call site
        ("line", "<i4"),  # 8: of the call site
        ("nameoff", "<i4"),  # 12
        ("parentpc", "<i4"),  # 16
    ]
)
INLINE_120 = np.dtype(
    [
        ("funcid", "u1"),  # 0, runtime.inlinedCall
        ("pad", "u1", 3),  # 1
        ("nameoff", "<i4"),  # 4
        ("parentpc", "<i4"),  # 8
        ("startline", "<i4"),  # 12
    ]
)

PCDATA_INL_TREE_INDEX = 2  # internal/abi/symtab.go
FUNCDATA_INL_TREE = 3


class TableLayout(Struct, frozen=True):
    """How the function table of some versions is laid out. Offsets are those of pcHeader's fields, in bytes."""

    name: str
    magic: int
    text_start: int | None
    funcname: int
    cutab: int
    filetab: int
    pctab: int
    pcln: int
    ftab: np.dtype[np.void]
    func: np.dtype[np.void]
    inline: np.dtype[np.void]


_FTAB_116 = np.dtype([("entry", "<u8"), ("funcoff", "<u8")])  # runtime.functab, absolute entries
_FTAB_118 = np.dtype([("entry", "<u4"), ("funcoff", "<u4")])  # entries from moduledata.text

TABLE_116 = TableLayout("1.16", MAGIC_116, None, 24, 32, 40, 48, 56, _FTAB_116, FUNC_116, INLINE_116)
TABLE_118 = TableLayout("1.18", MAGIC_118, 24, 32, 40, 48, 56, 64, _FTAB_118, FUNC_118, INLINE_116)
TABLE_120 = TableLayout("1.20", MAGIC_120, 24, 32, 40, 48, 56, 64, _FTAB_118, FUNC_120, INLINE_120)
TABLES = (TABLE_120, TABLE_118, TABLE_116)


class ModuleLayout(Struct, frozen=True):
    """Offsets in runtime.moduledata (runtime/symtab.go) that differ between versions; None where there is no field."""

    name: str
    first: int
    last: int
    table: TableLayout
    types: int
    etypes: int
    rodata: int | None
    gofunc: int | None
    textsectmap: int
    typelinks: int | None
    itablinks: int | None
    inittasks: int | None
    typedesclen: int | None = None
    itaboffset: int | None = None
    itabsize: int | None = None


# Up to `types` the layout is the same from 1.16 on, but for covctrs/ecovctrs (16 bytes, since 1.20).
M_FUNCNAMETAB, M_CUTAB, M_FILETAB, M_PCTAB, M_PCLNTABLE, M_FTAB = 8, 32, 56, 80, 104, 128
M_MINPC, M_MAXPC, M_TEXT, M_ETEXT = 160, 168, 176, 184
M_NOPTRDATA, M_ENOPTRDATA, M_DATA, M_EDATA = 192, 200, 208, 216
M_BSS, M_EBSS, M_NOPTRBSS, M_ENOPTRBSS = 224, 232, 240, 248
M_SIZE = 496
"""Bytes of module data that are read; enough for every layout."""

MODULES = (
    ModuleLayout("1.27", 27, 27, TABLE_120, 296, 312, 336, 344, 360, None, None, 448, 304, 320, 328),
    ModuleLayout("1.26", 26, 26, TABLE_120, 296, 304, 312, 320, 336, 360, 384, 472),
    ModuleLayout("1.21", 21, 25, TABLE_120, 296, 304, 312, 320, 328, 352, 376, 464),
    ModuleLayout("1.20", 20, 20, TABLE_120, 296, 304, 312, 320, 328, 352, 376, None),
    ModuleLayout("1.18", 18, 19, TABLE_118, 280, 288, 296, 304, 312, 336, 360, None),
    ModuleLayout("1.16", 16, 17, TABLE_116, 280, 288, None, None, 296, 320, 344, None),
)
