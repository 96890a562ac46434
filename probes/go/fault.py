"""A contradiction in a file."""

from __future__ import annotations

from msgspec import Struct


class Fault(Struct, frozen=True):
    """Something in the file that contradicts the format.

    `kind` is a short stable word (`magic`, `order`, `text-base`, `line-table`, `symbol-address` ...);
    `subject` is the function or table it is about; `detail` says what was found and what the format asks.
    """

    kind: str
    subject: str
    detail: str
    offset: int | None = None
