"""The FIPS 140 module's integrity sum, computed as the program itself does at start.

Source: crypto/internal/fips140/check/check.go and cmd/link/internal/ld/fips140.go, Go 1.24 to 1.27.
"""

from __future__ import annotations

import hmac

from probes.elf.image import Image
from probes.errors import MalformedTable
from probes.go.buildinfo.facts import BuildFacts

MAGIC = b"\xff Go fipsinfo \xff\x00"  # Linkinfo.Magic
SUM, SELF, SECTIONS = 16, 48, 56  # offsets in Linkinfo: [32]byte, uintptr, 4 x {start, end}
KEY = bytes(32)


def read_fips(image: Image, build: BuildFacts | None) -> str | None:
    """`on`, `off` or `broken`; None when the module is not linked in.

    `on` means that the program checks the sum at start, so that `broken` would end it there.
    """
    address = _find(image)
    if address is None:
        return None
    stored = image.bytes(address + SUM, 32).tobytes()
    mode = (build.godebug.get("fips140", "off") if build else "off") or "off"
    if stored == bytes(32):
        return "broken" if mode != "off" else "off"
    digest = hmac.new(KEY, b"go fips object v1\n", "sha256")
    try:
        for index in range(4):
            start, end = (int(w) for w in image.u64s(address + SECTIONS + 16 * index, 2))
            digest.update((end - start).to_bytes(8, "big", signed=False))
            offset = image.offset(start, end - start)
            digest.update(memoryview(image.buffer)[offset : offset + end - start])
    except (MalformedTable, OverflowError):
        return "broken"
    if not hmac.compare_digest(digest.digest(), stored):
        return "broken"
    return "off" if mode == "off" else "on"


def fips_info(image: Image) -> tuple[int, int] | None:
    """Address and bytes of what the linker writes of the FIPS module, its sum among it; None without one."""
    address = _find(image)
    return None if address is None else (address, SECTIONS + 16 * 4)


def _find(image: Image) -> int | None:
    for address in image.find_word(int.from_bytes(MAGIC[:8], "little")):
        try:
            if image.bytes(address, 16).tobytes() == MAGIC and image.u64(address + SELF) == address:
                return address
        except MalformedTable:
            continue
    return None
