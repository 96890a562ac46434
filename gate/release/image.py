"""Whole images as they are sent: one zstd frame, whose contents are bounded by what the description says."""

from __future__ import annotations

import hashlib
from typing import IO, TYPE_CHECKING

import zstandard

from gate.release.errors import ReleaseError

if TYPE_CHECKING:
    from collections.abc import Callable

    from gate.release.description import Description

LEVEL = 19
WINDOW_LOG = 27
"""128 MB: what a frame may make its reader keep."""

PIECE = 1 << 20


def pack(image: bytes) -> bytes:
    """`image` as one zstd frame that says its size."""
    parameters = zstandard.ZstdCompressionParameters.from_level(LEVEL, source_size=len(image), write_checksum=True)
    return zstandard.ZstdCompressor(compression_params=parameters).compress(image)


def unpack(packed: IO[bytes], into: IO[bytes], description: Description, say: Callable[[int], None]) -> None:
    """Write the image in `packed` to `into`, which the caller throws away on an error.

    Raises:
        ReleaseError: it is not the image that `description` describes.
        OSError: it cannot be written.
    """
    digest, done = hashlib.sha256(), 0
    try:
        with zstandard.ZstdDecompressor(max_window_size=1 << WINDOW_LOG).stream_reader(packed, closefd=False) as reader:
            while piece := reader.read(PIECE):
                done += len(piece)
                if done > description.size:
                    raise ReleaseError(
                        "too-large",
                        f"the image has more than its {description.size} bytes",
                        subject=description.image_target,
                    )
                digest.update(piece)
                into.write(piece)
                say(done)
    except zstandard.ZstdError as exc:
        raise ReleaseError("malformed", f"not a compressed image ({exc})", subject=description.image_target) from exc
    if done != description.size or digest.hexdigest() != description.sha256:
        raise ReleaseError("mismatch", "the image has not the digest that was signed", subject=description.image_target)
