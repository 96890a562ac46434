"""Paths as another process sees them: through `/proc/PID/root`, with its user, its groups and its mounts."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator

from msgspec import Struct

from probes.live.proc.facts import Credentials

MAX_LINKS = 40
"""As many symbolic links as the kernel follows (MAXSYMLINKS of linux/namei.h)."""
MAX_STEPS = 1024
MAX_PATH = 4096
_OVERRIDE, _SEARCH = 1 << 1, 1 << 2
"""CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH of linux/capability.h."""
_ACL = "system.posix_acl_access"
_ESCAPED = re.compile(r"\\([0-7]{3})")


class Found(Struct, frozen=True):
    """Where a path leads. `path` has no symbolic link in it; `folders`: the directories on the way, with their state.

    `error`: why it leads nowhere, in words; `info` is then None.
    """

    path: str
    folders: tuple[tuple[str, os.stat_result], ...]
    info: os.stat_result | None
    error: str = ""


def follow(root: str, path: str) -> Found:
    """Follow the absolute `path` within the directory `root`, which absolute links are taken to lead to as well."""
    left = [part for part in path[: MAX_PATH + 1].split("/") if part not in {"", "."}][::-1]
    at = ""
    info: os.stat_result | None = None
    folders: list[tuple[str, os.stat_result]] = []
    links = 0
    try:
        info = os.lstat(root + "/")
        for _ in range(MAX_STEPS):
            if not left:
                return Found(at or "/", tuple(folders), info)
            if not stat.S_ISDIR(info.st_mode):
                return Found(at, tuple(folders), None, f"{at} is not a directory")
            folders.append((at or "/", info))
            part = left.pop()
            if part == "..":
                at = at.rpartition("/")[0]
                info = os.lstat(root + (at or "/"))
                continue
            here = f"{at}/{part}"
            info = os.lstat(root + here)
            if stat.S_ISLNK(info.st_mode):
                links += 1
                if links > MAX_LINKS:
                    return Found(here, tuple(folders), None, f"{here}: too many symbolic links")
                target = os.readlink(root + here)[:MAX_PATH]  # noqa: PTH115 - a plain call
                left += [each for each in target.split("/") if each not in {"", "."}][::-1]
                at = "" if target.startswith("/") else at
                info = os.lstat(root + (at or "/"))
                continue
            at = here
    except OSError as exc:
        return Found(at or "/", tuple(folders), None, f"{exc.strerror or exc}")
    return Found(at, tuple(folders), None, "the path is too long")


class Access(Struct, frozen=True):
    """Whether a user may do something; `unsure` where more decides than owner and mode."""

    allowed: bool
    unsure: bool = False


def may_execute(root: str, path: str, info: os.stat_result, who: Credentials) -> Access:
    """Whether `who` may execute the file at `path`, or search it where it is a directory (path_resolution(7))."""
    folder = stat.S_ISDIR(info.st_mode)
    if _privileged(info, who, _OVERRIDE | _SEARCH if folder else _OVERRIDE):
        return Access(folder or bool(info.st_mode & 0o111))
    if who.uid[3] == info.st_uid:
        return Access(bool(info.st_mode & stat.S_IXUSR))
    try:
        if os.getxattr(root + path, _ACL, follow_symlinks=False):
            return Access(allowed=True, unsure=True)
    except OSError:
        pass  # none, or a file system without
    if info.st_gid in {who.gid[3], *who.groups}:
        return Access(bool(info.st_mode & stat.S_IXGRP))
    return Access(bool(info.st_mode & stat.S_IXOTH))


def _privileged(info: os.stat_result, who: Credentials, wanted: int) -> bool:
    """Whether a capability makes up for the mode: only over files of users that its user namespace has."""
    mapped = any(outside <= info.st_uid < outside + number for _, outside, number in who.mapped_uids)
    return mapped and bool(who.capabilities.effective & wanted)


class Mount(Struct, frozen=True):
    """One line of mountinfo: where it is mounted, and its options."""

    point: str
    options: tuple[str, ...]


def mount_of(mountinfo: str, path: str) -> Mount | None:
    """The mount that holds `path`, from the text of `/proc/PID/mountinfo`; None without one.

    Of several at one place, the last is on top.
    """
    best: Mount | None = None
    for point, options in _mounts(mountinfo):
        inside = point in {"/", path} or path.startswith(point + "/")
        if inside and (best is None or len(point) >= len(best.point)):
            best = Mount(point, tuple(options.split(",")))
    return best


def _mounts(text: str) -> Iterator[tuple[str, str]]:
    """Fields 5 and 6 of each line: `36 35 98:0 /mnt1 /mnt2 rw,noexec …` (proc_pid_mountinfo(5))."""
    for line in text.splitlines():
        fields = line.split(" ", 6)
        if len(fields) == 7:
            yield _ESCAPED.sub(lambda match: chr(int(match[1], 8)), fields[4]), fields[5]
