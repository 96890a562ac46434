"""The shape of the `[rehearsal]` table in a file: which keys there are, and what each may be."""

from __future__ import annotations

import re
import signal
from pathlib import PurePosixPath
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictInt, StrictStr

from gate.policy.errors import PolicyError, nearest
from gate.policy.units import parse_size
from gate.policy.validators import checked, seconds_between
from gate.rehearsal.plan.addresses import WRITTEN, elsewhere, unknown_placeholder

MOST_UPDATES = 10_000
MOST_RATE = 20_000
MOST_KEPT = 5_000
VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
REQUEST = re.compile(r"[A-Z]{1,20} /[!-~]{0,4000}")
IGNORED = re.compile(r"\$[!-~ ]{0,500}|header:[A-Za-z0-9-]{1,100}|line:.{1,500}")
SIGNALS = tuple(sorted(each.name for each in signal.Signals if each not in (signal.SIGKILL, signal.SIGSTOP)))


def _plain(text: str) -> str:
    if "\0" in text or len(text) > 4000:
        raise PolicyError("a text has no NUL in it, and at most 4,000 characters")
    unknown = unknown_placeholder(text)
    if unknown is not None:
        valid = [f"{{{name}}}" for name in WRITTEN]
        raise PolicyError(
            f"unknown placeholder: {unknown}", hint=f"{nearest(unknown, valid)}there are {', '.join(valid)}"
        )
    away = elsewhere(text)
    if away is not None:
        raise PolicyError(
            f"not a loopback address: {away}", hint="a rehearsal stays on 127.0.0.1: write 127.0.0.1:{port}"
        )
    return text


def _ready(text: str) -> str:
    _plain(text)
    if text == "tcp" or text.startswith(("http://", "log:")):
        return text
    raise PolicyError(f"neither an http address, tcp nor log:TEXT: {text[:60]}")


def _signal(text: str) -> str:
    if text not in SIGNALS:
        raise PolicyError(
            f"unknown signal: {text[:40]}",
            hint=f"{nearest(text, SIGNALS)}write a name like SIGUSR2, or a command as a list",
        )
    return text


def _variable(text: str) -> str:
    if not VARIABLE.fullmatch(text):
        raise PolicyError("not the name of a variable")
    return text


def _inside(text: str) -> str:
    if not text or PurePosixPath(text).is_absolute() or ".." in PurePosixPath(text).parts or "\0" in text:
        raise PolicyError("a path below {dir}, without ..")
    return text


def _path(text: str) -> str:
    if not text.startswith("/") or not re.fullmatch(r"[!-~]{1,4000}", text):
        raise PolicyError(f"not a path of the service: {text[:60]!r}", hint="write it like /v1/orders?id=1")
    return text


def _request(text: str) -> str:
    if not REQUEST.fullmatch(text):
        raise PolicyError(
            f"not a request: {text[:60]!r}", hint="write it like GET /v1/orders, or name a .http or HAR file"
        )
    return text


def _ignored(text: str) -> str:
    if not IGNORED.fullmatch(text):
        raise PolicyError(f"not something to ignore: {text[:60]!r}", hint="write $.key, header:NAME or line:TEXT")
    return text


Plain = Annotated[StrictStr, checked(_plain)]
Command = Annotated[list[Plain], Field(min_length=1, max_length=200)]
Path = Annotated[StrictStr, checked(_path)]
Ignored = Annotated[StrictStr, checked(_ignored)]
Variable = Annotated[StrictStr, checked(_variable)]
Inside = Annotated[StrictStr, checked(_inside)]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)


class Load(_Table):
    """`[rehearsal.load]`."""

    requests: StrictStr | Annotated[list[Annotated[StrictStr, checked(_request)]], Field(max_length=1000)] = []
    command: list[Plain] = Field(default=[], max_length=200)
    rate: StrictInt = Field(default=100, ge=1, le=MOST_RATE)
    new: StrictInt = Field(default=30, ge=0, le=100)
    slow: StrictInt = Field(default=10, ge=0, le=100)
    timeout: Annotated[StrictStr, seconds_between(0.05, 600)] = "5s"
    expect: list[Annotated[StrictInt, Field(ge=100, le=599)]] = Field(default=[], max_length=100)
    keep: StrictInt = Field(default=0, ge=0, le=MOST_KEPT)
    keep_as: Literal["lines", "websocket", "events"] = "lines"
    keep_at: Plain = ""


class Compare(_Table):
    """`[rehearsal.compare]`."""

    paths: list[Path] = Field(default=[], max_length=200)
    ignore: list[Ignored] = Field(default=[], max_length=200)


class State(_Table):
    """`[rehearsal.state]`."""

    read: Path | list[Path] = []
    ignore: list[Ignored] = Field(default=[], max_length=200)


class Drills(_Table):
    """`[rehearsal.drills]`."""

    crash: StrictBool = True
    hang: StrictBool = True
    cut_off: StrictBool = True
    twice: StrictBool = True
    busy: StrictBool = True
    kill: StrictBool = True


class Limits(_Table):
    """`[rehearsal.limits]`."""

    memory: Annotated[StrictStr, checked(parse_size)] = "2GiB"
    processes: StrictInt = Field(default=200, ge=2, le=100_000)
    file: Annotated[StrictStr, checked(parse_size)] = "1GiB"


class Rehearsal(_Table):
    """`[rehearsal]`."""

    command: list[Plain] = Field(default=[], max_length=200)
    environment: dict[Variable, Plain] = {}
    inherit: list[Variable] = Field(default=[], max_length=200)
    folder: Inside | Literal[""] = ""
    files: dict[Inside, StrictStr] = {}
    ready: Annotated[StrictStr, checked(_ready)] = "tcp"
    trigger: Annotated[StrictStr, checked(_signal)] | Command | Literal[""] = ""
    within: Annotated[StrictStr, seconds_between(0.1, 3600)] = "30s"
    updates: StrictInt = Field(default=10, ge=0, le=MOST_UPDATES)
    pause: Annotated[StrictStr, seconds_between(0, 3600)] = "5s"
    pprof: Path | Literal[""] = ""
    max_age: Annotated[StrictStr, seconds_between(60, 86400 * 3660)] = "31d"
    load: Load = Field(default_factory=Load)
    compare: Compare = Field(default_factory=Compare)
    state: State = Field(default_factory=State)
    drills: Drills = Field(default_factory=Drills)
    limits: Limits = Field(default_factory=Limits)


class File(BaseModel):
    """The file; the rest of it is the policy."""

    model_config = ConfigDict(extra="ignore")
    rehearsal: Rehearsal | None = None


SHAPES: dict[str, type[BaseModel]] = {
    "load": Load,
    "compare": Compare,
    "state": State,
    "drills": Drills,
    "limits": Limits,
}
