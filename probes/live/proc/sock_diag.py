"""For how long TCP connections have been idle: netlink's sock_diag has the `tcp_info` of every socket of a namespace.

Source of the formats: linux/inet_diag.h, linux/tcp.h.
"""

from __future__ import annotations

import ctypes
import os
import socket
import struct
import threading
from typing import TYPE_CHECKING

from probes.live.proc.inet_diag import BODY, BY_FAMILY, ERROR, HEADER, INODE, dump

if TYPE_CHECKING:
    from collections.abc import Collection

    from probes.live.proc.folder import Folder

_INFO = 2
"""INET_DIAG_INFO"""
_STATES = 1 << 1 | 1 << 8
"""TCP_ESTABLISHED, TCP_CLOSE_WAIT"""
_ATTRIBUTES = HEADER.size + BODY
_LAST_SENT = 44
_LAST_RECEIVED = 52
"""Of `tcpi_last_data_sent` and `tcpi_last_data_recv`, milliseconds, in `tcp_info`: 8 bytes and 9, or 11, numbers before them."""
_NEW_NET = 0x40000000
"""CLONE_NEWNET"""


def idle_milliseconds(folder: Folder, inodes: Collection[int]) -> dict[int, int] | None:
    """Milliseconds since each of the connections with `inodes` last carried data, in the process's network namespace.

    None where the kernel does not tell: netlink is refused, or the namespace is another one, which needs CAP_SYS_ADMIN.
    """
    try:
        foreign = os.stat("ns/net", dir_fd=folder.fd).st_ino != os.stat("/proc/self/ns/net").st_ino  # noqa: PTH116 - a descriptor
    except OSError:
        return None
    found: list[dict[int, int] | None] = [None]

    def ask() -> None:
        if not foreign or _entered(folder):
            found[0] = _dump(frozenset(inodes))

    if not foreign:
        ask()
        return found[0]
    # setns moves the thread that calls it, which then ends.
    thread = threading.Thread(target=ask, name="namespace")
    thread.start()
    thread.join()
    return found[0]


def _entered(folder: Folder) -> bool:
    """Whether this thread is in the process's network namespace now."""
    try:
        fd = os.open("ns/net", os.O_RDONLY | os.O_CLOEXEC, dir_fd=folder.fd)
    except OSError:
        return False
    try:
        return bool(ctypes.CDLL(None, use_errno=True).setns(fd, _NEW_NET) == 0)
    except AttributeError:
        return False
    finally:
        os.close(fd)


def _dump(inodes: frozenset[int]) -> dict[int, int] | None:
    """The idle times of both families; None when the kernel refuses, or takes too long."""
    found: dict[int, int] = {}
    try:
        for family in (socket.AF_INET, socket.AF_INET6):
            for buffer in dump(family, _STATES, 1 << (_INFO - 1)):
                if not _read(buffer, inodes, found):
                    return None
    except (OSError, struct.error, AttributeError):  # AttributeError: no netlink on this platform
        return None
    return found


def _read(buffer: bytes, inodes: frozenset[int], found: dict[int, int]) -> bool:
    """Put the idle times of `inodes` into `found`; False for an answer that says that the kernel refuses."""
    at = 0
    while at + HEADER.size <= len(buffer):
        length, kind = struct.unpack_from("=IH", buffer, at)
        if kind == ERROR or length < HEADER.size:
            return False
        if kind == BY_FAMILY and length >= _ATTRIBUTES:
            inode = struct.unpack_from("=I", buffer, at + INODE)[0]
            if inode in inodes:
                idle = _idle(buffer, at + _ATTRIBUTES, min(at + length, len(buffer)))
                if idle is not None:
                    found[inode] = idle
        at += length + 3 & ~3
    return True


def _idle(buffer: bytes, at: int, end: int) -> int | None:
    """The smaller of the times since data was sent and since data came, of the attributes from `at` to `end`."""
    while at + 4 <= end:
        length, kind = struct.unpack_from("=HH", buffer, at)
        if length < 4:
            return None
        if kind == _INFO and length >= 4 + _LAST_RECEIVED + 4 and at + length <= end:
            sent = struct.unpack_from("=I", buffer, at + 4 + _LAST_SENT)[0]
            received = struct.unpack_from("=I", buffer, at + 4 + _LAST_RECEIVED)[0]
            return int(min(sent, received))
        at += length + 3 & ~3
    return None
