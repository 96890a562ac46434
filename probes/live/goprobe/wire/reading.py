"""Bytes -> one of the answers. What this cannot read, `refusal` takes a second look at: pydantic is slow to import."""

from __future__ import annotations

from typing import TypeVar

from msgspec import MsgspecError
from msgspec.json import decode

from probes.live.goprobe.wire.base import Wire, moment

W = TypeVar("W", bound=Wire)


def read(body: bytes, kind: type[W]) -> W:
    """The `kind` that is written in `body`.

    Raises:
        NotThat: it is none, or a field has a value that it cannot have.
    """
    try:
        body.decode()  # msgspec does not look into the texts of fields that it skips
        return decode(body, type=kind, dec_hook=moment)
    except (MsgspecError, UnicodeDecodeError, RecursionError):
        from probes.live.goprobe.wire.refusal import read_or_refuse  # noqa: PLC0415 - see above

        return read_or_refuse(body, kind)
