"""What a running process tells of how its service is started. Values may be secrets: those that look like one are left out."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path

from msgspec import Struct

from gate.rehearsal.problem import CannotRehearse
from gate.values import SECRET

MAX_BYTES = 1 << 20
ORDINARY = {
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "SHELL",
    "PWD",
    "OLDPWD",
    "TERM",
    "LANG",
    "SHLVL",
    "_",
    "TMPDIR",
    "HOSTNAME",
    "INVOCATION_ID",
}
LEFT_OUT = "FILL-IN"
_LISTEN = 10
_ROW = re.compile(rb"^ *\d+: [0-9A-F]{8,32}:([0-9A-F]{4}) \S+ ([0-9A-F]{2}) \S+ \S+ \S+ +\d+ +\d+ (\d+)", re.MULTILINE)
_USERINFO = re.compile(r"://[^/@\s]+@")


class Seen(Struct, frozen=True):
    """One process: its arguments without what looks like a secret, its listening ports, and the names of its variables."""

    arguments: tuple[str, ...]
    ports: tuple[int, ...]
    variables: tuple[str, ...]


def read_process(pid: int) -> Seen:
    """Look at a process.

    Raises:
        CannotRehearse: it is not there, or another user's.
    """
    folder = Path(f"/proc/{pid}")
    try:
        arguments = _texts(folder / "cmdline")
        names = [text.partition("=")[0] for text in _texts(folder / "environ")]
    except OSError as exc:
        raise CannotRehearse(
            f"cannot look at the process ({exc.strerror}): {pid}", hint="pass a PID of this user's"
        ) from exc
    variables = sorted({name for name in names if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,127}", name)} - ORDINARY)
    return Seen(tuple(_without_secrets(arguments[1:])), _ports(folder), tuple(variables))


def _texts(path: Path) -> list[str]:
    with path.open("rb") as file:
        return [text.decode("utf-8", "replace") for text in file.read(MAX_BYTES).split(b"\0") if text]


def _without_secrets(arguments: list[str]) -> list[str]:
    out: list[str] = []
    hidden = False
    for text in arguments:
        name, equals, value = text.partition("=")
        if hidden and not text.startswith("-"):
            out.append(LEFT_OUT)
        elif text.startswith("-") and equals and SECRET.search(name):
            out.append(f"{name}={LEFT_OUT}")
        else:
            out.append(_USERINFO.sub(f"://{LEFT_OUT}@", text))
        hidden = text.startswith("-") and not value and SECRET.search(text) is not None
    return out


def _ports(folder: Path) -> tuple[int, ...]:
    """The TCP ports that the process listens on, in its own network namespace."""
    inodes = set()
    with contextlib.suppress(OSError):
        for each in (folder / "fd").iterdir():
            with contextlib.suppress(OSError):
                target = str(each.readlink())
                if target.startswith("socket:["):
                    inodes.add(target[8:-1].encode())
    ports = set()
    for name in ("tcp", "tcp6"):
        with contextlib.suppress(OSError), (folder / "net" / name).open("rb") as file:
            for match in _ROW.finditer(file.read(64 << 20)):
                if int(match[2], 16) == _LISTEN and match[3] in inodes:
                    ports.add(int(match[1], 16))
    return tuple(sorted(ports))
