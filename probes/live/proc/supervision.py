"""Who supervises a process: its systemd unit, and what the service manager has given it.

Source of the formats: systemd.unit(5), systemd.service(5), sd_listen_fds(3), sd_notify(3). Of the environment, only whether
a variable is set and how many sockets were passed is kept: values can be secrets.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from probes.errors import ProbeError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from probes.live.proc.folder import Folder

UNIT_FOLDERS = (
    "etc/systemd/system",
    "run/systemd/system",
    "usr/local/lib/systemd/system",
    "usr/lib/systemd/system",
    "lib/systemd/system",
)
"""In the order in which one unit file hides another."""
MAX_UNIT = 1 << 20
MAX_DROP_INS = 64
_UNIT = re.compile(r"(?P<name>[A-Za-z0-9:_.\\-]{1,240})(?P<instance>@[A-Za-z0-9:_.\\-]{0,240})?\.service")
_PART = re.compile(r"[a-z][a-z0-9_-]{0,31}")
_SETTING = re.compile(r"\s*(Type|PIDFile|NotifyAccess)\s*=\s*(.*?)\s*")
_SECTION = re.compile(r"\s*\[(.*)\]\s*")


class Supervision(Struct, frozen=True):
    """Who supervises a process.

    Attributes:
        unit: its systemd service, "" for none.
        unit_type: `Type=` of it, such as `notify`; "" where its file could not be read.
        pid_file: whether it names a PID file.
        notify_access: `NotifyAccess=` of it.
        notifies: whether the process was told where to send notifications (NOTIFY_SOCKET).
        sockets: how many listening sockets the service manager passed to it (LISTEN_FDS), from descriptor 3 on.
    """

    unit: str = ""
    unit_type: str = ""
    pid_file: bool = False
    notify_access: str = ""
    notifies: bool = False
    sockets: int = 0


def read_supervision(folder: Folder, root: Path = Path("/")) -> Supervision:
    """What is known of it; nothing where the process may not be looked at. `root` is where the host's files are."""
    try:
        environment = dict(
            name.partition(b"=")[::2] for name in folder.start_of("environ", MAX_UNIT).split(b"\0") if b"=" in name
        )
    except ProbeError:
        environment = {}
    given = environment.get(b"LISTEN_FDS", b"")
    sockets = int(given) if given.isdigit() and len(given) < 5 else 0
    unit = _unit(folder)
    settings = _settings(unit, root) if unit else {}
    known = settings is not None and bool(unit)
    settings = settings or {}
    return Supervision(
        unit,
        settings.get("Type", "simple") if known else "",
        bool(settings.get("PIDFile")),
        settings.get("NotifyAccess", ""),
        b"NOTIFY_SOCKET" in environment,
        sockets,
    )


def _unit(folder: Folder) -> str:
    """The service that the process's cgroup is of; "" for none.

    Its own group may have one below it (Delegate=). A container runtime is a service too, and what runs in its groups is not.
    """
    try:
        text = folder.text("cgroup")
    except ProbeError:
        return ""
    for line in text.splitlines():
        controllers, _, path = line.partition(":")[2].partition(":")
        if controllers not in ("", "name=systemd"):
            continue
        *above, last = path.split("/")
        unit = above[-1] if above and _PART.fullmatch(last) and not last.endswith(".service") else last
        if _UNIT.fullmatch(unit) and not unit.startswith("user@"):
            return unit
    return ""


def _settings(unit: str, root: Path) -> dict[str, str] | None:
    """The settings of a unit's file and its drop-ins that say how it is supervised; None without such a file."""
    match = _UNIT.fullmatch(unit)
    names = [unit]
    if match is not None and match["instance"] is not None:
        names.append(f"{match['name']}@.service")
    texts = [text for name in names for folder in UNIT_FOLDERS if (text := _read(root / folder / name)) is not None]
    if not texts:
        return None
    found = dict(_lines(texts[0]))
    drop_ins: dict[str, Path] = {}
    for folder in reversed(UNIT_FOLDERS):
        for name in reversed(names):
            for path in _listed(root / folder / f"{name}.d"):
                drop_ins[path.name] = path
    for name in sorted(drop_ins)[:MAX_DROP_INS]:
        found.update(_lines(_read(drop_ins[name]) or ""))
    return found


def _lines(text: str) -> Iterator[tuple[str, str]]:
    section = ""
    for line in text.splitlines():
        if match := _SECTION.fullmatch(line):
            section = match[1]
        elif section == "Service" and (match := _SETTING.fullmatch(line)):
            yield match[1], match[2]


def _read(path: Path) -> str | None:
    try:
        if not path.is_file():
            return None
        with path.open("rb") as file:
            return file.read(MAX_UNIT).decode("utf-8", "replace")
    except OSError:
        return None


def _listed(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if path.suffix == ".conf")[:MAX_DROP_INS]
    except OSError:
        return []
