"""The parts of a delta, each compressed in the way that makes it smallest, and bounded when they are read."""

from __future__ import annotations

import lzma
import struct
import zlib

from gate.release.errors import ReleaseError

_HEAD = struct.Struct("<BII")  # how it is compressed, bytes, bytes as compressed
_STORED, _LZMA, _DEFLATE = range(3)
_DICTIONARY = 1 << 26
"""Bytes that the reader of an LZMA stream keeps at most; it takes no more than what the stream holds."""

_SETTINGS = ((3, 0, 0), (0, 0, 2), (0, 2, 2), (4, 0, 0))
"""lc, lp, pb: what of a byte's place and of the byte before its probability depends on."""

_SMALL = 1 << 22
"""Bytes up to which all settings are tried."""


def pack(*parts: bytes) -> bytes:
    """`parts`, each with its head."""
    return b"".join(_pack(part) for part in parts)


def _pack(part: bytes) -> bytes:
    best, how = part, _STORED
    for index, (lc, lp, pb) in enumerate(_SETTINGS if len(part) <= _SMALL else _SETTINGS[:1]):
        filters = [_filter(len(part), lc, lp, pb)]
        packed = bytes([index]) + lzma.compress(part, format=lzma.FORMAT_RAW, filters=filters)
        if len(packed) < len(best):
            best, how = packed, _LZMA
    packed = zlib.compress(part, 9)
    if len(packed) < len(best):
        best, how = packed, _DEFLATE
    return _HEAD.pack(how, len(part), len(best)) + best


def _filter(size: int, lc: int, lp: int, pb: int) -> dict[str, int]:
    dictionary = min(_DICTIONARY, max(4096, 1 << max(0, size - 1).bit_length()))
    return {
        "id": lzma.FILTER_LZMA2,
        "preset": 9 | lzma.PRESET_EXTREME,
        "dict_size": dictionary,
        "lc": lc,
        "lp": lp,
        "pb": pb,
    }


class Reader:
    """Reads what `pack` wrote, part by part."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def part(self, limit: int) -> bytes:
        """The next part, of `limit` bytes at most.

        Raises:
            ReleaseError: there is none, it is larger, or it is damaged.
        """
        if len(self._data) - self._at < _HEAD.size:
            raise ReleaseError("malformed", "not a delta: it is cut off")
        how, size, packed = _HEAD.unpack_from(self._data, self._at)
        start = self._at + _HEAD.size
        if packed > len(self._data) - start:
            raise ReleaseError("malformed", "not a delta: it is cut off")
        if size > limit:
            raise ReleaseError("too-large", f"not a delta: a part of {size} bytes where {limit} can be")
        self._at = start + packed
        try:
            found = _unpack(how, self._data[start : self._at], size)
        except (lzma.LZMAError, zlib.error, EOFError, ValueError) as exc:
            raise ReleaseError("malformed", "not a delta: a part is damaged") from exc
        if len(found) != size:
            raise ReleaseError("malformed", "not a delta: a part is damaged")
        return found

    def end(self) -> None:
        """Refuse when anything is left.

        Raises:
            ReleaseError: there is.
        """
        if self._at != len(self._data):
            raise ReleaseError("malformed", "not a delta: there is more than its parts")


def _unpack(how: int, packed: bytes, size: int) -> bytes:
    """At most `size` + 1 bytes of what `packed` holds."""
    if how == _STORED:
        return packed
    if how == _DEFLATE:
        return zlib.decompressobj().decompress(packed, size + 1)
    if how != _LZMA or not packed or packed[0] >= len(_SETTINGS):
        raise ValueError
    reader = lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=[_filter(size, *_SETTINGS[packed[0]])])
    return reader.decompress(packed[1:], size + 1)
