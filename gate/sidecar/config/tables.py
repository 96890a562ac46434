"""The shape of the `[sidecar]` table in the file: which keys there are, and what each may be."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StrictInt

from gate.policy.errors import PolicyError
from gate.policy.units import parse_size
from gate.policy.validators import checked, seconds_between
from gate.watch.tables import Rule, Watch
from probes.live.client import base_url

MAX_SERVICES = 5000
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_.:/-]{0,127}")


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


Seconds = Annotated[str, seconds_between(0.1, 86400 * 366)]
Name = Annotated[str, checked(_name)]
Variable = Annotated[str, checked(_variable)]
FilePath = Annotated[str, checked(_path)]
Folder = Annotated[str, checked(_folder)]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)


class Canary(_Table):
    """`[sidecar.service.canary]`."""

    times: float = Field(default=3, gt=1, le=1000, allow_inf_nan=False)
    min_count: StrictInt = Field(default=10, ge=1)
    min_requests: StrictInt = Field(default=100, ge=1)


class Service(_Table):
    """One `[[sidecar.service]]`."""

    name: Name
    url: Annotated[str, checked(base_url)]
    token_file: FilePath = ""
    interval: Annotated[str, seconds_between(0.5, 3600)] | None = None
    pid_file: FilePath = ""
    old: FilePath = ""
    profile: bool = False
    counters: list[Variable] = Field(default=[], max_length=50)
    watch: Watch | None = None
    canary: Canary = Field(default_factory=Canary)


class Limits(_Table):
    """`[sidecar.retention]`."""

    keep: Seconds = "30d"
    size: Annotated[str, checked(parse_size)] = "1GB"


class Actions(_Table):
    """`[sidecar.actions]`: what the sidecar does beside looking on. Without the table, nothing."""

    token_file: Annotated[str, Field(min_length=1), checked(_path)]
    rollback: bool = True
    resume: bool = False


class Sidecar(_Table):
    """`[sidecar]`."""

    listen: str = "127.0.0.1:9847"
    token_file: FilePath = ""
    interval: Annotated[str, seconds_between(0.5, 3600)] = "10s"
    timeout: Annotated[str, seconds_between(0.1, 60)] = "5s"
    verdict_interval: Annotated[str, seconds_between(5, 86400)] = "60s"
    concurrency: StrictInt = Field(default=64, ge=1, le=1024)
    releases: list[Folder] = []
    retention: Limits = Field(default_factory=Limits)
    actions: Actions | None = None
    service: list[Service] = Field(default=[], max_length=MAX_SERVICES)


class File(BaseModel):
    """The file; the rest of it is the policy."""

    model_config = ConfigDict(extra="ignore", validate_default=True)
    sidecar: Sidecar = Field(default_factory=Sidecar)


SHAPES: dict[str, type[BaseModel]] = {
    "service": Service,
    "retention": Limits,
    "actions": Actions,
    "watch": Watch,
    "rule": Rule,
    "canary": Canary,
}
