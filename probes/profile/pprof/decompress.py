"""The bytes of a profile as they come -> the protobuf message in them, never more than a bound."""

from __future__ import annotations

import zlib

from probes.errors import ProbeError

MAX_BYTES = 256 << 20
"""Of a profile once decompressed."""
HINT = "is this the pprof endpoint, or a file that it gave?"
_GZIP = b"\x1f\x8b"
_GZIP_WBITS = 31
_PIECE = 1 << 20


class NotProfile(ProbeError):
    """What should be a pprof profile is something else, or damaged."""


def decompressed(data: bytes, *, subject: str, limit: int = MAX_BYTES) -> bytes:
    """The message in `data`, gzip or not.

    Raises:
        NotProfile: empty, an HTML page, damaged or cut off gzip data, or larger than `limit` once decompressed.
    """
    if not data:
        raise NotProfile("an empty answer, not a profile", subject=subject, hint=HINT)
    raw = _gunzip(data, subject, limit) if data.startswith(_GZIP) else data
    if raw[:512].lstrip()[:1] == b"<":
        raise NotProfile("an HTML page, not a profile", subject=subject, hint=HINT)
    if len(raw) > limit:
        raise NotProfile(f"larger than {limit >> 20} MB", subject=subject)
    return raw


def _gunzip(data: bytes, subject: str, limit: int) -> bytes:
    """Decompress members one after the other, as gzip files may have several; never more than `limit` bytes."""
    out = bytearray()
    rest = data
    while rest.startswith(_GZIP):
        stream = zlib.decompressobj(_GZIP_WBITS)
        try:
            while not stream.eof:
                piece = stream.decompress(rest, _PIECE)
                out += piece
                if len(out) > limit:
                    raise NotProfile(f"decompresses to more than {limit >> 20} MB", subject=subject)
                rest = stream.unconsumed_tail
                if not piece and not rest and not stream.eof:
                    raise NotProfile("a profile that is cut off: its gzip data ends too early", subject=subject)
        except zlib.error as exc:
            raise NotProfile("damaged gzip data", subject=subject) from exc
        rest = stream.unused_data
    return bytes(out)
