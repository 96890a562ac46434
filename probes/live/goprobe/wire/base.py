"""What all answers have in common, and numbers within bounds."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

Number = Annotated[int, Meta(ge=-(1 << 62), le=1 << 62)]
Count = Annotated[int, Meta(ge=0, le=1 << 62)]
Nanoseconds = Annotated[int, Meta(ge=-(1 << 62), le=1 << 62)]
Amount = Annotated[float, Meta(ge=0, le=1e18, extra={"allow_inf_nan": False})]
Percentage = Annotated[float, Meta(ge=0, le=100)]
Share = Annotated[float, Meta(ge=0, le=1)]

_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)", re.ASCII)


class Moment(datetime):
    """A time with its zone, cut off after its microseconds. Go writes nanoseconds, which msgspec would round."""


class NotThat(ValueError):
    """The bytes are not what was asked for. `where`: the field, "" for all of them; `what`: what is wrong with it."""

    def __init__(self, where: str, what: str) -> None:
        super().__init__(f"{where or 'the whole'}: {what}")
        self.where, self.what = where, what


class Wire(Struct, frozen=True):
    """What all parts have in common."""


class Answer(Wire, frozen=True):
    """The head of every answer."""

    schema_version: Literal["1"]
    taken_at: Moment
    taken_monotonic_ns: Nanoseconds


def moment(kind: type, value: Any) -> Moment:
    """The `Moment` that a text or a time stands for: what msgspec calls for a type that it does not know.

    Raises:
        ValueError: it is neither, or not written as RFC 3339 has it.
        NotImplementedError: another type is asked for; that is how msgspec wants to be told.
    """
    if kind is not Moment:
        raise NotImplementedError(kind)
    text = value.isoformat() if isinstance(value, datetime) else value
    if not isinstance(text, str) or not _MOMENT.fullmatch(text):
        raise ValueError("not a time")
    return Moment.fromisoformat(text)
