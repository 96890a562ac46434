"""What a running process tells of how its service is started. Values may be secrets: those that look like one are left out."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from msgspec import Struct

from gate.rehearsal.problem import CannotRehearse
from gate.values import SECRET
from probes.errors import ProbeError
from probes.live.proc.descriptors import read_descriptors
from probes.live.proc.folder import opened
from probes.live.proc.reading import command_line, of_one_image

if TYPE_CHECKING:
    from collections.abc import Iterable

    from probes.live.proc.folder import Folder

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
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
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
    try:
        with opened(pid, "/proc") as folder:
            return of_one_image(folder, lambda _: _look(folder))
    except ProbeError as exc:
        raise CannotRehearse(
            f"cannot look at the process ({exc.what}): {pid}", hint="pass the PID of a process of this user's that runs"
        ) from exc


def _look(folder: Folder) -> Seen:
    names = {text.partition("=")[0] for text in folder.text("environ").split("\0")}
    variables = sorted({name for name in names if _VARIABLE.fullmatch(name)} - ORDINARY)
    descriptors, _ = read_descriptors(folder, [])
    ports = {int(each.listens.rpartition(":")[2]) for each in descriptors or () if each.listens.startswith("tcp")}
    return Seen(tuple(_without_secrets(command_line(folder)[1:])), tuple(sorted(ports)), tuple(variables))


def _without_secrets(arguments: Iterable[str]) -> list[str]:
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
