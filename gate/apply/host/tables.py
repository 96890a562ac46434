"""The shape of the `[host.NAME]` tables in a file: which keys there are, and what each may be."""

from __future__ import annotations

import re
import signal
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StrictInt, StrictStr

from gate.policy.errors import PolicyError, nearest
from gate.policy.validators import checked, seconds_between
from gate.watch.tables import Rule, Watch
from probes.live.client import base_url

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
FILE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+-]{0,127}")
UNIT = re.compile(r"[A-Za-z0-9:_.@\\][A-Za-z0-9:_.@\\-]{0,254}")
OWNER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}(?::[A-Za-z0-9_][A-Za-z0-9_.-]{0,63})?")
MODE = re.compile(r"0[0-7]{3,4}")
EXECUTE = 0o100
SIGNALS = tuple(sorted(each.name for each in signal.Signals if each not in (signal.SIGKILL, signal.SIGSTOP)))


def _matching(pattern: re.Pattern[str], said: str) -> object:
    def check(text: str) -> str:
        if not pattern.fullmatch(text):
            raise PolicyError(f"{said}, not {text[:60]!r}")
        return text

    return checked(check)


def _absolute(text: str) -> str:
    if "\0" in text or not text.startswith("/") or len(text) > 4000:
        raise PolicyError(f"an absolute path, not {text[:60]!r}")
    return text.rstrip("/") or "/"


def _word(text: str) -> str:
    if "\0" in text or len(text) > 4000:
        raise PolicyError("a word of a command has no NUL in it, and at most 4,000 characters")
    return text


def _signal(text: str) -> str:
    if text not in SIGNALS:
        raise PolicyError(
            f"unknown signal: {text[:40]}",
            hint=f"{nearest(text, SIGNALS)}write a name like SIGUSR2, or a command as a list of words",
        )
    return text


def _mode(text: str) -> str:
    if not MODE.fullmatch(text) or not int(text, 8) & EXECUTE:
        raise PolicyError(f"a file mode that lets the owner execute it, such as 0755, not {text[:20]!r}")
    return text


def _ready(text: str) -> str:
    if not re.fullmatch(r"http://(?:127(?:\.\d{1,3}){3}|localhost|\[::1\])(?::\d{1,5})?(?:/[!-~]{0,2000})?", text):
        raise PolicyError(
            f"an http address of this host, not {text[:60]!r}", hint="such as http://127.0.0.1:8080/healthz"
        )
    return text


Absolute = Annotated[StrictStr, checked(_absolute)]
Command = Annotated[list[Annotated[StrictStr, checked(_word)]], Field(min_length=1, max_length=200)]
Signal = Annotated[StrictStr, checked(_signal)]
Url = Annotated[StrictStr, checked(base_url)]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Host(_Table):
    """`[host.NAME]`."""

    folder: Absolute
    file: Annotated[StrictStr, _matching(FILE, "the name of a file without a folder")] | None = None
    repository: Annotated[StrictStr, Field(min_length=1, max_length=2000)] | None = None
    root: Absolute | None = None
    state: Absolute | None = None
    url: Url | None = None
    token_file: Absolute | None = None
    pid_file: Absolute | None = None
    unit: Annotated[StrictStr, _matching(UNIT, "the name of a systemd unit")] | None = None
    trigger: Signal | Command
    start: Command | None = None
    ready: Annotated[StrictStr, checked(_ready)] | None = None
    within: Annotated[StrictStr, seconds_between(0.5, 3600)] = Field(default="30s", validate_default=True)
    quiet: Annotated[StrictStr, seconds_between(0, 3600)] = Field(default="10s", validate_default=True)
    keep: Annotated[StrictInt, Field(ge=2, le=1000)] = 3
    owner: Annotated[StrictStr, _matching(OWNER, "USER or USER:GROUP")] | None = None
    mode: Annotated[StrictStr, checked(_mode)] = "0755"
    watch: Watch | None = None


class File(BaseModel):
    """The file; the rest of it is the policy."""

    model_config = ConfigDict(extra="ignore")
    host: dict[Annotated[str, _matching(NAME, "a name has letters, digits, '.', '_' and '-'")], Host] = {}


SHAPES: dict[str, type[BaseModel]] = {"watch": Watch, "rule": Rule}
