"""A delta as a file: what it is applied to, what comes out, and how.

The digests of both images are in its head and checked: of the old one before anything is done, of the new one before anybody sees it.
"""

from __future__ import annotations

import hashlib
import struct
from typing import TYPE_CHECKING, assert_never, get_args

from gate.release.delta.streams import Reader
from gate.release.description import MAX_IMAGE, Method
from gate.release.errors import ReleaseError

if TYPE_CHECKING:
    from typing import TypeGuard

MAGIC = b"hotgate\x01"
_HEAD = struct.Struct("<8s8s32s32sQQ")  # magic, method, SHA-256 of the old and of the new file, bytes of both


def wrap(method: Method, old: bytes, new: bytes, payload: bytes) -> bytes:
    """A delta file whose `payload` makes `new` from `old`."""
    digests = (hashlib.sha256(data).digest() for data in (old, new))
    return _HEAD.pack(MAGIC, method.encode().ljust(8, b"\0"), *digests, len(old), len(new)) + payload


def apply_delta(old: bytes, delta: bytes, *, base: str, sha256: str, size: int) -> bytes:
    """The new image, of `size` bytes and with the digest `sha256`.

    Args:
        old: the file that the delta is from; its digest has been checked.
        delta: the delta file.
        base: SHA-256 of `old` in hex.
        sha256: of the new image, as it is signed.
        size: of the new image, as it is signed.

    Raises:
        ReleaseError: the delta is damaged, is for other files, or makes something else. What it says is bounded by `size` before
            memory is taken for it.
    """
    if len(delta) < _HEAD.size:
        raise ReleaseError("malformed", "not a delta: it is cut off")
    magic, method, from_digest, to_digest, old_size, new_size = _HEAD.unpack_from(delta)
    name = method.rstrip(b"\0").decode("ascii", "replace")
    if magic != MAGIC or not _is_method(name):
        raise ReleaseError("malformed", "not a delta that this hotgate knows")
    if (from_digest.hex(), old_size) != (base, len(old)):
        raise ReleaseError("mismatch", "the delta is for another file than this one")
    if (to_digest.hex(), new_size) != (sha256, size) or size > MAX_IMAGE:
        raise ReleaseError("mismatch", "the delta makes another file than the one that was signed")
    new = _applied(name, old, Reader(delta[_HEAD.size :]), size)
    if len(new) != size or hashlib.sha256(new).hexdigest() != sha256:
        raise ReleaseError("mismatch", "the delta made something else than the image that was signed")
    return new


def _applied(method: Method, old: bytes, reader: Reader, size: int) -> bytes:
    match method:
        case "zstd":
            from gate.release.delta import dictionary

            return dictionary.apply(old, reader, size)
        case "bsdiff":
            from gate.release.delta import bsdiff

            return bsdiff.apply(old, reader, size)
        case "go":
            from gate.release.delta.golang import decode

            return decode.apply(old, reader, size)
    assert_never(method)


def _is_method(name: str) -> TypeGuard[Method]:
    return name in get_args(Method)
