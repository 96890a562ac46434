"""Record layouts of the runtime's type descriptors, 64-bit little-endian. Data only; each names its source.

Source: internal/abi/type.go (1.21 and later), runtime/type.go and reflect/type.go (before), read in Go 1.19 and 1.21 to
1.27; what is said of 1.16 to 1.18 was checked on binaries of 1.16, 1.17 and 1.18.
"""

from __future__ import annotations

import numpy as np

TYPE = np.dtype(
    [
        ("size", "<u8"),  # 0, abi.Type.Size_
        ("ptrdata", "<u8"),  # 8, PtrBytes: bytes of the prefix that can hold pointers
        ("hash", "<u4"),  # 16
        ("tflag", "u1"),  # 20
        ("align", "u1"),  # 21
        ("fieldalign", "u1"),  # 22
        ("kind", "u1"),  # 23: the upper bits are flags up to 1.25
        ("equal", "<u8"),  # 24
        ("gcdata", "<u8"),  # 32
        ("str", "<i4"),  # 40, NameOff
        ("ptrtothis", "<i4"),  # 44, TypeOff, 0 for none
    ]
)
UNCOMMON = np.dtype(
    [
        ("pkgpath", "<i4"),  # 0, abi.UncommonType: NameOff
        ("mcount", "<u2"),  # 4
        ("xcount", "<u2"),  # 6
        ("moff", "<u4"),  # 8, from the start of this record
        ("unused", "<u4"),  # 12
    ]
)
METHOD = np.dtype(
    [
        ("name", "<i4"),  # 0, abi.Method: NameOff
        ("mtyp", "<i4"),  # 4, TypeOff; 0 or -1 when the linker dropped the method
        ("ifn", "<i4"),  # 8, TextOff
        ("tfn", "<i4"),  # 12
    ]
)
IMETHOD = np.dtype([("name", "<i4"), ("typ", "<i4")])  # 8, abi.Imethod
FIELD = np.dtype(
    [
        ("name", "<u8"),  # 0, abi.StructField: address of the name
        ("typ", "<u8"),  # 8
        ("offset", "<u8"),  # 16: up to 1.18 shifted left by one, the lowest bit says "embedded"
    ]
)
ITAB = np.dtype(
    [
        ("inter", "<u8"),  # 0, abi.ITab
        ("type", "<u8"),  # 8
        ("hash", "<u4"),  # 16
        ("pad", "<u4"),  # 20
        ("fun", "<u8"),  # 24: one word a method of the interface
    ]
)
ITAB_FUN = 24

_KINDS = (
    "invalid bool int int8 int16 int32 int64 uint uint8 uint16 uint32 uint64 uintptr float32 float64 complex64 "
    "complex128 array chan func interface map ptr slice string struct unsafe.Pointer"
)
KINDS = tuple(_KINDS.split(" "))
"""abi.Kind by number, with the names of its String method."""

ARRAY, CHAN, FUNC, INTERFACE, MAP, POINTER, SLICE, STRING, STRUCT, UNSAFE_POINTER = range(17, 27)
KIND_MASK = 31
KIND_GC_PROG = 1 << 6
"""Up to 1.23: gcdata is a program, not a mask."""

TFLAG_UNCOMMON, TFLAG_EXTRA_STAR, TFLAG_NAMED = 1, 2, 4
TFLAG_MASK_ON_DEMAND = 1 << 4
"""From 1.24 on: gcdata leads to a mask that the runtime builds."""
TFLAG_LIMIT = 1 << 6
SIZE_LIMIT = 1 << 51
"""No value is larger (cmd/compile/internal/types.MaxWidth is 1 << 50)."""

NAME_TAG, NAME_PKGPATH, NAME_EMBEDDED = 2, 4, 8
NAME_EXPORTED = 1
NAME_LIMIT = 1 << 4
"""abi.Name: the first byte's flags. `NAME_EMBEDDED` is in use from 1.19 on."""

OUT_VARIADIC = 1 << 15

MAP_OLD, MAP_SWISS, MAP_127 = 88, 112, 136
"""abi.OldMapType; abi.SwissMapType (1.24 to 1.26, unless GOEXPERIMENT=noswissmap); abi.MapType of 1.27. Only what
follows the common part depends on it: the uncommon record of a named map type."""

# Bytes of a descriptor before its uncommon record, by kind. A map's is put in by version.
BASE = np.full(32, 48, dtype=np.int64)
BASE[[POINTER, SLICE, FUNC]] = 56
BASE[CHAN] = 64
BASE[ARRAY] = 72
BASE[[STRUCT, INTERFACE]] = 80
BASE[MAP] = MAP_SWISS

FIXED_SIZE = np.full(32, -1, dtype=np.int64)
"""Bytes of a value by kind, -1 where the kind does not tell."""
for _kind, _size in enumerate((1, 8, 1, 2, 4, 8, 8, 1, 2, 4, 8, 8, 4, 8, 8, 16), start=1):
    FIXED_SIZE[_kind] = _size
FIXED_SIZE[[CHAN, FUNC, MAP, POINTER, UNSAFE_POINTER]] = 8
FIXED_SIZE[[INTERFACE, STRING]] = 16
FIXED_SIZE[SLICE] = 24

HAS_ELEM = np.zeros(32, dtype=np.bool_)
HAS_ELEM[[ARRAY, CHAN, MAP, POINTER, SLICE]] = True
REFERS = np.zeros(32, dtype=np.bool_)
"""Kinds whose values refer to what they are made of; they do not hold it."""
REFERS[[CHAN, FUNC, INTERFACE, MAP, POINTER, SLICE]] = True
ELEM_AT = np.full(32, 48, dtype=np.int64)
ELEM_AT[MAP] = 56
"""Offset of the element's address; a map's key is at 48."""
