"""Instructions of a block of code from capstone's library, many at a time and without the fields that nothing reads.

The Python package of capstone brings the library along. Its own interface makes an object of every instruction, and its
import alone takes longer than most checks decode, so the library is called directly: `cs_open`, `cs_disasm` and `cs_free`
of capstone.h. One call decodes a function; its records are read as one array.
"""

from __future__ import annotations

import ctypes
import importlib.util
from array import array
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
from msgspec import Struct

from probes.errors import ProbeError

# cs_insn of capstone 5 (include/capstone/capstone.h); `detail` is a null pointer, because it was not asked for.
_INSN = np.dtype(
    {
        "names": ["id", "address", "size", "mnemonic", "op_str"],
        "formats": ["<u4", "<u8", "<u2", "S32", "S160"],
        "offsets": [0, 8, 16, 42, 74],
        "itemsize": 248,
    }
)
_TEXTS = ["mnemonic", "op_str"]
_ONE = ((16, 2), (42,), (74,))
"""Where size, mnemonic and operands are; the texts end with a zero."""
_MAJOR = 5
_INVALID = 0xFFFF
_AT_ONCE = 1 << 14
"""Instructions that one call decodes: 4 MB of records, whatever a damaged table says of a function's length."""
_HINT = "pip install --force-reinstall 'capstone>=5,<6'"


class NoDisassembler(ProbeError):
    """capstone's library is not there, or not one whose records are known here."""


class Block(Struct, frozen=True):
    """Decoded instructions.

    `starts`, `sizes`: places in the bytes that were given. `ids`: capstone's numbers of the operations. Bytes that are no instruction are one instruction each, with the number of `Disassembler.INVALID`.

    `texts`: mnemonic and operands of each, where they were asked for.
    """

    starts: array[int]
    sizes: bytes
    ids: array[int]
    texts: list[tuple[str, str]]


class Disassembler:
    """One architecture's decoder, for one thread."""

    INVALID = _INVALID

    def __init__(
        self,
        arch: int,
        mode: int,
        lengths: Mapping[bytes, Callable[[bytes], int]] | None = None,
        *,
        bulk: bool = False,
    ) -> None:
        """`arch`, `mode`: cs_arch and cs_mode of capstone.h.

        `lengths`: of opcodes behind which capstone takes no ModRM for one. `bulk`: each call releases the GIL.
        """
        self._library = library = _library(bulk=bulk)
        self._handle = ctypes.c_size_t()
        if library.cs_open(arch, mode, ctypes.byref(self._handle)):
            raise NoDisassembler("capstone was built without this architecture")
        self._found = ctypes.c_void_p()
        self._lengths: dict[int, Callable[[bytes], int]] = {}
        self._opcodes: list[tuple[int, bytes]] = []
        self._opcodes = [(self.number(opcode + b"\xc0"), opcode) for opcode in lengths or {}]
        self._lengths = {self.number(opcode + b"\xc0"): length for opcode, length in (lengths or {}).items()}

    def _records(self, code: bytes, at: int, address: int, count: int) -> tuple[int, npt.NDArray[np.void]]:
        """How many were decoded from byte `at` on, and their records, which are gone after `_free`."""
        # A slice would copy the rest of a long function for every piece of it.
        first = (ctypes.cast(ctypes.c_char_p(code), ctypes.c_void_p).value or 0) + at if at else code
        number = self._library.cs_disasm(self._handle, first, len(code) - at, address, count, ctypes.byref(self._found))
        if not number:
            return 0, np.zeros(0, dtype=_INSN)
        memory = (ctypes.c_char * (number * _INSN.itemsize)).from_address(self._found.value or 0)
        return number, np.frombuffer(memory, dtype=_INSN)

    def _free(self, number: int) -> None:
        self._library.cs_free(self._found, number)

    def block(self, code: bytes, at: int, count: int, *, texts: bool = False, address: int = 0) -> Block:
        """`count` instructions of `code` from byte `at` on; fewer only at the end. `address`: where `code` is, for the texts."""
        starts, sizes, ids = array("I"), bytearray(), array("H")
        words: list[tuple[str, str]] = []
        while at < len(code) and len(starts) < count:
            wanted = min(count - len(starts), _AT_ONCE)
            number, records = self._records(code, at, address + at, wanted)
            if number:
                known = self._cut(code, at, address, records)
                starts.frombytes((records["address"][:known] - np.uint64(address)).astype("<u4").tobytes())
                sizes += records["size"][:known].astype("u1").tobytes()
                ids.frombytes(records["id"][:known].astype("<u2").tobytes())
                words += (
                    [(_text(name), _text(rest)) for name, rest in records[_TEXTS][:known].tolist()] if texts else ()
                )
                self._free(number)
                length = self._lengths.get(ids[-1])
                if length is not None:
                    sizes[-1] = min(length(code[starts[-1] :]), len(code) - starts[-1])
                at = starts[-1] + sizes[-1]
                if number == wanted or known < number or length is not None:
                    continue
            if at < len(code) and len(starts) < count:
                starts.append(at)
                sizes.append(1)
                ids.append(_INVALID)
                words += [("", "")] if texts else ()
                at += 1
        return Block(starts, bytes(sizes), ids, words)

    def _cut(self, code: bytes, at: int, address: int, records: npt.NDArray[np.void]) -> int:
        """How many instructions there are up to the first of unknown length."""
        known = records.size
        end = int(records["address"][-1]) - address + int(records["size"][-1])
        for number, opcode in self._opcodes:
            if code.find(opcode, at, end) >= 0 and (rows := np.flatnonzero(records["id"][:known] == number)).size:
                known = int(rows[0]) + 1
        return known

    def text(self, code: bytes, address: int) -> tuple[int, str, str]:
        """(size, mnemonic, operands) of the first instruction of `code`; the size is 0 when there is none."""
        if not self._library.cs_disasm(self._handle, code, len(code), address, 1, ctypes.byref(self._found)):
            return 0, "", ""
        record = self._found.value or 0
        size, mnemonic, operands = (ctypes.string_at(record + at, *length) for at, *length in _ONE)
        self._free(1)
        return int.from_bytes(size, "little"), mnemonic.decode("ascii"), operands.decode("ascii")

    def number(self, code: bytes) -> int:
        """Number that capstone gives the operation of the one instruction that `code` is."""
        return self.block(code, 0, 1).ids[0]


def _text(field: bytes) -> str:
    """A field up to its first zero; what is behind it was there before."""
    return field.partition(b"\0")[0].decode("ascii")


def _path() -> str:
    found = importlib.util.find_spec("capstone")
    for folder in (found.submodule_search_locations or []) if found is not None else []:
        for pattern in ("libcapstone.so*", "libcapstone.dylib"):
            for path in sorted(Path(folder, "lib").glob(pattern)):
                return str(path)
    from ctypes.util import find_library  # noqa: PLC0415 - 15 ms, for installations that use the system's library

    return find_library("capstone") or ""


@cache
def _library(*, bulk: bool) -> ctypes.CDLL:
    path = _path()
    try:
        library = (ctypes.CDLL if bulk else ctypes.PyDLL)(path) if path else None
    except OSError as exc:
        raise NoDisassembler("capstone's library cannot be loaded", subject=path, hint=_HINT) from exc
    if library is None:
        raise NoDisassembler("capstone's library is not installed", hint=_HINT)
    library.cs_version.restype = ctypes.c_uint
    version = library.cs_version(None, None) >> 8
    if version != _MAJOR:
        raise NoDisassembler(f"the library of capstone {version}, where {_MAJOR} is needed", subject=path, hint=_HINT)
    library.cs_open.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.POINTER(ctypes.c_size_t)]
    library.cs_disasm.restype = ctypes.c_size_t
    library.cs_disasm.argtypes = [
        ctypes.c_size_t, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_uint64, ctypes.c_size_t, ctypes.c_void_p,
    ]  # fmt: skip
    library.cs_free.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
    library.cs_free.restype = None
    return library
