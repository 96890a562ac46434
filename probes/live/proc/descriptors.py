"""The open descriptors of a process: `/proc/PID/fd` and `fdinfo`, and what its sockets are by `/proc/PID/net`.

A process may hold tens of thousands of connections: each costs two system calls to see what it is and four to see its flags.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from probes.live.proc.facts import OUTGOING, Descriptor
from probes.live.proc.folder import Unreadable, opened
from probes.live.proc.sockets import Sockets, read_sockets

if TYPE_CHECKING:
    from probes.live.proc.folder import Folder

MAX_DESCRIPTORS = 65536
O_CLOEXEC = 0o2000000

_SOCKET = re.compile(r"socket:\[(\d{1,20})\]")
_FLAGS = re.compile(rb"^flags:\s*([0-7]{1,12})$", re.MULTILINE)
_LOCKED = re.compile(rb"^lock:\s+\d+: (?:FLOCK|POSIX|OFDLCK)\s+\w+\s+WRITE\b", re.MULTILINE)
_MAX_FDINFO = 4096


def read_descriptors(folder: Folder, gaps: list[str]) -> tuple[tuple[Descriptor, ...] | None, int]:
    """The descriptors of a process, and how many there are beyond `MAX_DESCRIPTORS`.

    None for those that may not be looked at; `gaps` gets what could not be read, in words.

    Raises:
        NoProcess: it has ended.
    """
    try:
        fds = sorted(int(name) for name in folder.names("fd") if name.isdecimal())
    except Unreadable as exc:
        gaps.append(exc.what)
        return None, 0
    targets, unread = _targets(folder.fd, fds[:MAX_DESCRIPTORS])
    inodes = {int(match[1]) for target in targets.values() if (match := _SOCKET.fullmatch(target))}
    sockets = read_sockets(folder, inodes) if inodes else Sockets()
    gaps += sockets.gaps
    found = []
    for fd, target in targets.items():
        try:
            flags, locked = _info(folder.fd, fd)
        except (FileNotFoundError, ProcessLookupError):
            continue  # closed since it was listed
        except (OSError, ValueError):
            unread += 1
            continue
        match = _SOCKET.fullmatch(target)
        inode = int(match[1]) if match else -1
        found.append(
            Descriptor(
                fd,
                target,
                bool(flags & O_CLOEXEC),
                sockets.listening.get(inode, ""),
                locked,
                sockets.connected.get(inode, ""),
            )
        )
    if unread:
        gaps.append(f"{unread} descriptors cannot be read")
    return tuple(found), max(len(fds) - MAX_DESCRIPTORS, 0)


def established(pid: int, *, root: str = "/proc") -> int:
    """How many connections the process `pid` has that came in by a listener.

    Raises:
        NoProcess: there is none.
        Unreadable: it may not be looked at.
    """
    gaps: list[str] = []
    with opened(pid, root) as folder:
        descriptors, _ = read_descriptors(folder, gaps)
    if descriptors is None:
        raise Unreadable(gaps[0], subject=f"PID {pid}")
    return len({each.inode for each in descriptors if each.connection not in ("", OUTGOING)})


def socket_inodes(folder: Folder) -> frozenset[int]:
    """The inodes of the sockets that a process has open; those beyond `MAX_DESCRIPTORS` are left out.

    Raises:
        NoProcess, Unreadable: it has ended, or may not be looked at.
    """
    targets, _ = _targets(folder.fd, [int(name) for name in folder.names("fd")[:MAX_DESCRIPTORS] if name.isdecimal()])
    return frozenset(int(match[1]) for target in targets.values() if (match := _SOCKET.fullmatch(target)))


def _targets(folder: int, fds: list[int]) -> tuple[dict[int, str], int]:
    """What each descriptor links to, and how many may not be read; those that were closed since they were listed are left out."""
    found, unread = {}, 0
    for fd in fds:
        try:
            found[fd] = os.readlink(f"fd/{fd}", dir_fd=folder)
        except (FileNotFoundError, ProcessLookupError):
            continue
        except OSError:
            unread += 1
    return found, unread


def _info(folder: int, fd: int) -> tuple[int, bool]:
    """The flags of a descriptor, which `fdinfo` has in octal, and whether the file is locked for writing by it.

    OSError or ValueError where they cannot be read.
    """
    file = os.open(f"fdinfo/{fd}", os.O_RDONLY | os.O_CLOEXEC, dir_fd=folder)
    try:
        text = os.read(file, _MAX_FDINFO)
    finally:
        os.close(file)
    match = _FLAGS.search(text)
    if match is None:
        raise ValueError
    return int(match[1], 8), _LOCKED.search(text) is not None
