"""What all answers have in common, and numbers within bounds."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

Number = Annotated[int, Field(ge=-(1 << 62), le=1 << 62)]
Count = Annotated[int, Field(ge=0, le=1 << 62)]
Nanoseconds = Annotated[int, Field(ge=-(1 << 62), le=1 << 62)]
Amount = Annotated[float, Field(ge=0, le=1e18, allow_inf_nan=False)]


class Wire(BaseModel):
    """What all parts have in common."""

    model_config = ConfigDict(extra="ignore", frozen=True, defer_build=True)


class Answer(Wire):
    """The head of every answer."""

    schema_version: Literal["1"]
    taken_at: AwareDatetime
    taken_monotonic_ns: Nanoseconds
