"""Which process is the service, and which file it runs."""

from __future__ import annotations

import os
import subprocess
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from msgspec import Struct

from gate.apply.errors import ApplyError
from gate.processes import run
from probes.errors import ProbeError
from probes.live.proc.folder import NoProcess, opened
from probes.live.proc.pid_file import read_pid
from probes.live.proc.stat import MAX_STAT, read_stat

if TYPE_CHECKING:
    from gate.apply.host.config import Host
    from gate.apply.host.releases import Identity

SYSTEMCTL_SECONDS = 10.0
MAX_SAID = 4096
IN_EXEC = 5.0
"""Seconds for which a process may be on its way from one image to the next: microseconds, but on a host that has no time for it."""
STEP = 0.002


class Running(Struct, frozen=True):
    """The service's process at one moment. `started`: clock ticks from boot, with which its number names no other process.

    `image`: device and inode of the file that it runs, also when the file's name is gone; `path`: that name.
    """

    pid: int
    started: int
    image: Identity
    path: str

    @property
    def same(self) -> tuple[int, int]:
        """What stays as long as the process does, whatever it executes."""
        return self.pid, self.started


def find(host: Host) -> Running | None:
    """The process of the service; None where none runs.

    Raises:
        ApplyError: it cannot be told, such as without permission to look at it.
    """
    pid = _main_pid(host.unit) if host.unit else _pid_of(host.pid_file)
    return None if pid is None else look(pid)


def look(pid: int, patience: float = IN_EXEC) -> Running | None:
    """What the process `pid` runs; None where there is none, or only what is left of one.

    A process that is about to execute another program is waited for, `patience` seconds at the most: it runs nothing that could be told.

    Raises:
        ApplyError: it may not be looked at, or stays between two images: it holds what it had, so nothing may be started beside it.
    """
    deadline = time.monotonic() + patience
    try:
        while True:
            with opened(pid, "/proc") as folder:
                stat = read_stat(lambda: folder.start_of("stat", MAX_STAT))
                if stat.ended or stat.of_kernel:
                    return None
                with suppress(NoProcess, FileNotFoundError):
                    path = folder.link("exe")
                    status = os.stat("exe", dir_fd=folder.fd)
                    return Running(pid, stat.started, (status.st_dev, status.st_ino), path)
            if time.monotonic() >= deadline:
                raise ApplyError(
                    f"PID {pid} has been executing another image for {patience:g} s",
                    hint="a thread of it does not end, as one that waits for a disk; begin again once the service is through with it",
                )
            time.sleep(STEP)
    except (NoProcess, ProcessLookupError, ValueError):
        return None
    except (ProbeError, OSError) as exc:
        said = getattr(exc, "what", None) or getattr(exc, "strerror", None) or exc
        hint = "run as root, or as the user that the service runs as"
        raise ApplyError(f"cannot look at PID {pid}: {said}", hint=hint) from exc


def _pid_of(path: str) -> int | None:
    try:
        return read_pid(path)
    except FileNotFoundError:
        return None
    except OSError as exc:
        raise ApplyError(f"cannot read the PID file ({exc.strerror}): {path}") from exc
    except ValueError:
        return None  # the service is writing it


def _main_pid(unit: str) -> int | None:
    said = systemctl("show", "--property=MainPID", "--value", unit).strip()
    return int(said) if said.isascii() and said.isdecimal() and said != "0" else None


def systemctl(*words: str) -> str:
    """What systemctl prints.

    Raises:
        ApplyError: it cannot be run, or fails.
    """
    try:
        done = run(
            ["systemctl", *words],
            seconds=SYSTEMCTL_SECONDS,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
    except (OSError, subprocess.TimeoutExpired) as exc:
        raise ApplyError(f"cannot run systemctl ({getattr(exc, 'strerror', None) or 'no answer in time'})") from exc
    if done.returncode:
        lines = done.stderr[:MAX_SAID].decode("utf-8", "replace").strip().splitlines() or [
            f"exit code {done.returncode}"
        ]
        raise ApplyError(f"systemctl {words[0]} fails: {lines[0]}", hint="is the unit of the host's table right?")
    return done.stdout[:MAX_SAID].decode("utf-8", "replace")


def others_with(image: Identity, without: int) -> list[int]:
    """Other processes that run the file with that identity, such as a trial of it, as far as they may be looked at."""
    found = []
    for name in os.listdir("/proc"):  # noqa: PTH208 - names are enough
        if name.isdecimal() and int(name) != without:
            with suppress(OSError, ApplyError):
                running = look(int(name), 0.0)
                if running is not None and running.image == image:
                    found.append(int(name))
    return found
