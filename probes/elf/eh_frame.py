"""Where C functions begin and end, from the unwind table, the only list of them that a stripped file keeps.

Sources: Linux Standard Base Core 5.0, 10.6 "Exception Frames", for `.eh_frame_hdr` and the records that it leads to.
"""

from __future__ import annotations

import numpy as np

from probes.elf.image import I64, Image
from probes.errors import MalformedElf

_HEADER = bytes([1, 0x1B, 0x03, 0x3B])
"""Version 1, then encodings: pcrel sdata4, udata4, datarel sdata4. All linkers of Linux write this."""
MAX_FRAMES = 1 << 20


def frame_ranges(image: Image) -> tuple[I64, I64] | None:
    """(start, end) addresses of the functions in `.eh_frame_hdr`, int64, shape (k,), sorted; None without a usable one.

    Raises:
        MalformedElf, MalformedTable: the table leads outside of the image, or contradicts its records.
    """
    segment = next((s for s in image.elf.segments if s.kind == "PT_GNU_EH_FRAME"), None)
    if segment is None or segment.filesz < 12 or image.bytes(segment.vaddr, 4).tobytes() != _HEADER:
        return None
    count = int(image.u32s(segment.vaddr + 8, 1)[0])
    if count > min(MAX_FRAMES, (segment.filesz - 12) // 8):
        raise MalformedElf(f"the unwind table claims {count} functions in {segment.filesz} bytes", subject=image.path)
    table = image.u32s(segment.vaddr + 12, 2 * count).view(np.int32).astype(np.int64).reshape(count, 2) + segment.vaddr
    start, record = table[:, 0], table[:, 1]
    at = image.offsets(record, 16)
    if (at < 0).any():
        raise MalformedElf("the unwind table leads outside of the file", subject=image.path)
    # A record (FDE): length, distance back to its CIE, begin relative to its own place, bytes of code; all 32 bits wide.
    fields = np.array([image.data[place : place + 16] for place in at.tolist()], dtype=np.uint8).reshape(count, 16)
    words = fields.view("<i4").astype(np.int64)
    if (record + 8 + words[:, 2] != start).any():
        return None  # another encoding
    order = np.argsort(start, kind="stable")
    return start[order], (start + (words[:, 3] & 0xFFFFFFFF))[order]
