"""zstd with the old image as the dictionary."""

from __future__ import annotations

from typing import TYPE_CHECKING

import zstandard

from gate.release.delta.streams import pack
from gate.release.errors import ReleaseError

if TYPE_CHECKING:
    from gate.release.delta.streams import Reader

LEVEL = 19
MOST_WINDOW_LOG = 31


def make(old: bytes, new: bytes) -> bytes:
    """The payload that makes `new` from `old`."""
    log = min(MOST_WINDOW_LOG, max(20, (len(old) + len(new)).bit_length()))
    parameters = zstandard.ZstdCompressionParameters.from_level(
        LEVEL, window_log=min(log, zstandard.WINDOWLOG_MAX), enable_ldm=True, write_content_size=True
    )
    dictionary = zstandard.ZstdCompressionDict(old, dict_type=zstandard.DICT_TYPE_RAWCONTENT)
    return pack_raw(zstandard.ZstdCompressor(dict_data=dictionary, compression_params=parameters).compress(new))


def apply(old: bytes, reader: Reader, size: int) -> bytes:
    """The new image of `size` bytes.

    Raises:
        ReleaseError: the payload is damaged.
    """
    packed = reader.part(size + (1 << 20))
    reader.end()
    try:
        if zstandard.frame_content_size(packed) != size:
            raise ReleaseError("malformed", "not a delta: its size is not the image's")
        dictionary = zstandard.ZstdCompressionDict(old, dict_type=zstandard.DICT_TYPE_RAWCONTENT)
        window = 1 << min(MOST_WINDOW_LOG, max(20, (len(old) + size).bit_length()))
        return zstandard.ZstdDecompressor(dict_data=dictionary, max_window_size=window).decompress(packed)
    except zstandard.ZstdError as exc:
        raise ReleaseError("malformed", "not a delta: a part is damaged") from exc


def pack_raw(data: bytes) -> bytes:
    """`data` as a part that is stored as it is: it is compressed already."""
    return pack(data)
