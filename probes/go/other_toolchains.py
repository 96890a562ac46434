"""What a program is that Go's own linker did not write as it is: packed, or of another compiler for Go."""

from __future__ import annotations

from collections.abc import Iterable

from probes.elf.headers import Elf
from probes.elf.image import U8

PACKED = b"UPX!"
PACKED_WITHIN = 1 << 12
"""UPX puts its mark right behind the program headers (src/p_lx_elf.cpp, l_info), and again at the end of the file."""
LIBGO = "libgo.so"


def named(data: U8, elf: Elf, needed: Iterable[str] = ()) -> tuple[str, str]:
    """What the program is, and what to do; ("", "") when nothing tells.

    Args:
        data: the whole file.
        elf: its headers.
        needed: libraries that it asks for.
    """
    head, tail = data[:PACKED_WITHIN].tobytes(), data[-PACKED_WITHIN:].tobytes()
    if PACKED in head or PACKED in tail:
        return "it is packed by UPX", "unpack a copy with `upx -d`, or compare the files before they are packed"
    if elf.section(".go_export") is not None or any(name.startswith(LIBGO) for name in needed):
        return "it was built by gccgo", "hotgate reads what Go's own compiler and linker (`go build`) write"
    text = data.tobytes()
    if b"libgo assertion failure" in text:
        return "it was built by gccgo", "hotgate reads what Go's own compiler and linker (`go build`) write"
    if b"tinygo_" in text or b"TinyGo" in text:
        return "it was built by TinyGo", "hotgate reads what Go's own compiler and linker (`go build`) write"
    return "", ""
