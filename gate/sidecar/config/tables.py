"""The shape of the `[sidecar]` table in the file: which keys there are, and what each may be."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StrictInt
from pydantic_core import PydanticCustomError

from gate.policy.errors import PolicyError
from gate.policy.units import parse_seconds, parse_size
from probes.errors import ProbeError
from probes.live.client import base_url

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_SERVICES = 5000
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_.:/-]{0,127}")


def _checked(parse: Callable[[str], Any]) -> AfterValidator:
    def check(text: str) -> Any:
        try:
            return parse(text)
        except (PolicyError, ProbeError) as exc:
            raise PydanticCustomError("hotgate", "{said}", {"said": str(exc)}) from exc

    return AfterValidator(check)


def _seconds(low: float, high: float) -> AfterValidator:
    def check(text: str) -> float:
        seconds = parse_seconds(text)
        if not low <= seconds <= high:
            raise PolicyError(f"{text} is not between {low:g} s and {high:g} s")
        return seconds

    return _checked(check)


def _name(text: str) -> str:
    if not NAME.fullmatch(text):
        raise PolicyError("a name has letters, digits, '.', '_' and '-', and at most 128 of them")
    return text


def _variable(text: str) -> str:
    if not VARIABLE.fullmatch(text):
        raise PolicyError("not the name of an expvar variable")
    return text


def _path(text: str) -> str:
    if "\0" in text:
        raise PolicyError("no path has a NUL in it")
    return text


def _folder(text: str) -> str:
    if not text.startswith("/"):
        raise PolicyError("a folder of releases is named by its absolute path")
    return _path(text)


Seconds = Annotated[str, _seconds(0.1, 86400 * 366)]
Name = Annotated[str, _checked(_name)]
Variable = Annotated[str, _checked(_variable)]
FilePath = Annotated[str, _checked(_path)]
Folder = Annotated[str, _checked(_folder)]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)


class Rule(_Table):
    """One `[[sidecar.service.watch.rule]]`."""

    name: str = Field(min_length=1, max_length=100)
    kind: Literal["ratio", "level"]
    source: Literal["prometheus", "expvar"] = "prometheus"
    bad: str = Field(default="", max_length=2000)
    total: str = Field(default="", max_length=2000)
    value: str = Field(default="", max_length=2000)
    times: float = Field(gt=1, le=1000, allow_inf_nan=False)
    min_count: StrictInt = Field(default=10, ge=1)


class Watch(_Table):
    """`[sidecar.service.watch]`."""

    join: Literal["any", "all"] = "any"
    within: Annotated[str, _seconds(5, 86400)] = "5m"
    baseline: Annotated[str, _seconds(5, 86400 * 7)] = "30m"
    prometheus: str = ""
    rule: list[Rule] = Field(min_length=1, max_length=20)


class Service(_Table):
    """One `[[sidecar.service]]`."""

    name: Name
    url: Annotated[str, _checked(base_url)]
    token_file: FilePath = ""
    interval: Annotated[str, _seconds(0.5, 3600)] | None = None
    pid_file: FilePath = ""
    old: FilePath = ""
    profile: bool = False
    counters: list[Variable] = Field(default=[], max_length=50)
    watch: Watch | None = None


class Limits(_Table):
    """`[sidecar.retention]`."""

    keep: Seconds = "30d"
    size: Annotated[str, _checked(parse_size)] = "1GB"


class Sidecar(_Table):
    """`[sidecar]`."""

    listen: str = "127.0.0.1:9847"
    token_file: FilePath = ""
    interval: Annotated[str, _seconds(0.5, 3600)] = "10s"
    timeout: Annotated[str, _seconds(0.1, 60)] = "5s"
    verdict_interval: Annotated[str, _seconds(5, 86400)] = "60s"
    concurrency: StrictInt = Field(default=64, ge=1, le=1024)
    releases: list[Folder] = []
    retention: Limits = Field(default_factory=Limits)
    service: list[Service] = Field(default=[], max_length=MAX_SERVICES)


class File(BaseModel):
    """The file; the rest of it is the policy."""

    model_config = ConfigDict(extra="ignore", validate_default=True)
    sidecar: Sidecar = Field(default_factory=Sidecar)


SHAPES: dict[str, type[BaseModel]] = {"service": Service, "retention": Limits, "watch": Watch, "rule": Rule}
