"""Namespaces of the rehearsal's own, by the calls of unshare(2); and what else ends it with the process that asked for it."""

from __future__ import annotations

import ctypes
import fcntl
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
from typing import Literal

Level = Literal["full", "network", "bubblewrap", "none"]
"""`full`: user, mount, PID and network namespace; `network`: user and network; `bubblewrap`: as `full`, by that program; `none`:
loopback alone keeps it in."""

WORDS: dict[Level, str] = {
    "full": "own user, mount, PID and network namespaces",
    "network": "own user and network namespaces",
    "bubblewrap": "own user, mount, PID and network namespaces by bubblewrap",
    "none": "no namespaces: loopback and free ports of this machine",
}

_CLONE_NEWNS = 0x00020000  # linux/sched.h
_CLONE_NEWUSER = 0x10000000
_CLONE_NEWPID = 0x20000000
_CLONE_NEWNET = 0x40000000
_MS_REC_PRIVATE = 0x4000 | 0x40000  # linux/mount.h
_MS_PROC = 0x2 | 0x4 | 0x8  # nosuid, nodev, noexec
_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_PR_SET_CHILD_SUBREAPER = 36
_PR_SET_DUMPABLE = 4
_SIOCGIFFLAGS = 0x8913  # linux/sockios.h
_SIOCSIFFLAGS = 0x8914
_IFF_UP = 0x1

_libc = ctypes.CDLL(None, use_errno=True)


def _call(name: str, *arguments: object) -> None:
    if getattr(_libc, name)(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")


def adopt_orphans() -> None:
    """Children of this process whose parents end become its own."""
    _call("prctl", _PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def die_with_parent(sent: int = signal.SIGKILL) -> None:
    """Have the kernel send `sent` to this process when its parent ends."""
    _call("prctl", _PR_SET_PDEATHSIG, sent, 0, 0, 0)


def unshare(level: Level) -> None:
    """Take this process, which has one thread, into namespaces of its own; its next child is PID 1 of `full`.

    Raises:
        OSError: the kernel does not let it.
    """
    if level not in ("full", "network"):
        return
    uid, gid = os.geteuid(), os.getegid()
    flags = _CLONE_NEWUSER | _CLONE_NEWNET
    if level == "full":
        flags |= _CLONE_NEWNS | _CLONE_NEWPID
    _call("unshare", flags)
    for name, text in (("setgroups", "deny"), ("uid_map", f"{uid} {uid} 1"), ("gid_map", f"{gid} {gid} 1")):
        with open(f"/proc/self/{name}", "w", encoding="ascii") as file:  # noqa: PTH123 - no path to build
            file.write(text)


def settle(level: Level) -> None:
    """In the first child of a process that has called `unshare`: its own /proc, and loopback up.

    Raises:
        OSError: the kernel does not let it, as in a container whose /proc is masked.
    """
    if level == "full":
        _call("unshare", _CLONE_NEWNS)
        _call("mount", b"none", b"/", None, ctypes.c_ulong(_MS_REC_PRIVATE), None)
        _call("mount", b"proc", b"/proc", b"proc", ctypes.c_ulong(_MS_PROC), None)
    if level in ("full", "network"):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
            request = struct.pack("16sh14x", b"lo", 0)
            flags = struct.unpack("16sh14x", fcntl.ioctl(any_socket, _SIOCGIFFLAGS, request))[1]
            fcntl.ioctl(any_socket, _SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", flags | _IFF_UP))


def best_level() -> tuple[Level, str]:
    """What the kernel allows, by trying it in a child; and why it is not `full`, "" when it is."""
    reason = ""
    levels: tuple[Level, ...] = ("full", "network")
    for level in levels:
        problem = _tried(level)
        if not problem:
            return level, reason
        reason = reason or problem
    if bubblewrap_works():
        return "bubblewrap", reason
    return "none", reason


def _tried(level: Level) -> str:
    """Why `level` cannot be had; "" when it can."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        os._exit(_try(level, writing))
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        said = pipe.read(1000).decode("utf-8", "replace")
    _, status = os.waitpid(child, 0)
    return "" if status == 0 else said or "it was killed"


def _try(level: Level, writing: int) -> int:
    try:
        unshare(level)
        inner = os.fork()
        if inner == 0:
            os._exit(_settled(level, writing))
        return 0 if os.waitpid(inner, 0)[1] == 0 else 1
    except OSError as exc:
        os.write(writing, str(exc).encode()[:500])
        return 1


def _settled(level: Level, writing: int) -> int:
    try:
        settle(level)
    except OSError as exc:
        os.write(writing, str(exc).encode()[:500])
        return 1
    return 0


def bubblewrap_works() -> bool:
    """Whether bubblewrap(1) is installed and makes namespaces: where it is set-id it may where nobody else is let."""
    if shutil.which("bwrap") is None:
        return False
    try:
        return subprocess.run(in_bubblewrap(["true"]), capture_output=True, timeout=30, check=False).returncode == 0  # noqa: S603
    except (OSError, subprocess.TimeoutExpired):
        return False


def in_bubblewrap(command: list[str]) -> list[str]:
    """How to run `command` in the namespaces of `full`, as their first process."""
    options = ["--dev-bind", "/", "/", "--unshare-user", "--unshare-pid", "--unshare-net", "--proc", "/proc"]
    return ["bwrap", *options, "--die-with-parent", "--as-pid-1", "--", *command]


def interpreter() -> list[str]:
    """This Python, without the working directory and the user's packages in its path."""
    return [sys.executable, "-P"]


def main() -> int:
    """Say what `best_level` finds, as two lines."""
    level, reason = best_level()
    sys.stdout.write(f"{level}\n{reason}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
