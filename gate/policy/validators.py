"""Validators for the tables of a file that pydantic reads. Import it only to read them: pydantic is slow to import."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import AfterValidator
from pydantic_core import PydanticCustomError

from gate.policy.errors import PolicyError
from gate.policy.units import parse_seconds
from probes.errors import ProbeError

if TYPE_CHECKING:
    from collections.abc import Callable


def checked(parse: Callable[[Any], Any]) -> AfterValidator:
    """A validator whose PolicyError or ProbeError becomes the message, with its hint."""

    def check(value: Any) -> Any:
        try:
            return parse(value)
        except (PolicyError, ProbeError) as exc:
            raise PydanticCustomError("hotgate", "{said}", {"said": str(exc), "hint": exc.hint}) from exc

    return AfterValidator(check)


def seconds_between(low: float, high: float) -> AfterValidator:
    """A time such as `30s`, in seconds, from `low` to `high`."""

    def check(text: str) -> float:
        seconds = parse_seconds(text)
        if not low <= seconds <= high:
            raise PolicyError(f"{text} is not between {low:g} s and {high:g} s")
        return seconds

    return checked(check)
