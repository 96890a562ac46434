"""For how long TCP connections have been idle: netlink's sock_diag, which has the `tcp_info` of every socket of a namespace.

Source of the formats: sock_diag(7), linux/inet_diag.h, linux/tcp.h. `pyroute2` reads the same at a third of a millisecond a
socket, which is seven seconds for 20,000; only three numbers of each are wanted here.
"""

from __future__ import annotations

import ctypes
import os
import socket
import struct
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from probes.live.proc.folder import Folder

_SOCK_DIAG = 4
"""NETLINK_SOCK_DIAG"""
_BY_FAMILY = 20
"""SOCK_DIAG_BY_FAMILY"""
_REQUEST_DUMP = 0x301
"""NLM_F_REQUEST | NLM_F_DUMP"""
_ERROR, _DONE = 2, 3
_INFO = 2
"""INET_DIAG_INFO"""
_STATES = 1 << 1 | 1 << 8
"""TCP_ESTABLISHED, TCP_CLOSE_WAIT"""
_HEADER = struct.Struct("=IHHII")
_INODE = 16 + 68
"""Of `inet_diag_msg.idiag_inode`, behind the header."""
_ATTRIBUTES = 16 + 72
_LAST_SENT = 44
_LAST_RECEIVED = 52
"""Of `tcpi_last_data_sent` and `tcpi_last_data_recv`, milliseconds, in `tcp_info`: 8 bytes and 9, or 11, numbers before them."""
_NEW_NET = 0x40000000
"""CLONE_NEWNET"""
_RECEIVE = 1 << 18
MAX_BYTES = 256 << 20
SECONDS = 2.0
"""What is not told by then is not known: the table of a busy host may have a million sockets."""


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
            for buffer in _answers(family):
                if not _read(buffer, inodes, found):
                    return None
    except (OSError, struct.error, AttributeError):  # AttributeError: no netlink on this platform
        return None
    return found


def _answers(family: int) -> Iterator[bytes]:
    """What the kernel sends for one family, up to the message that ends it. OSError when it refuses, or is not done in time."""
    request = struct.pack("=BBBBI48x", family, socket.IPPROTO_TCP, 1 << (_INFO - 1), 0, _STATES)
    deadline, taken = time.monotonic() + SECONDS, 0
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, _SOCK_DIAG) as netlink:
        netlink.settimeout(SECONDS)
        netlink.send(_HEADER.pack(_HEADER.size + len(request), _BY_FAMILY, _REQUEST_DUMP, 1, 0) + request)
        while True:
            buffer = netlink.recv(_RECEIVE)
            taken += len(buffer)
            if not buffer or taken > MAX_BYTES or time.monotonic() > deadline:
                raise OSError
            kind = struct.unpack_from("=H", buffer, 4)[0] if len(buffer) >= _HEADER.size else _ERROR
            if kind == _DONE:
                return
            yield buffer
            if _ends(buffer):
                return


def _ends(buffer: bytes) -> bool:
    """Whether the last message of a buffer is the one that ends a dump: an empty one of 20 bytes."""
    return len(buffer) >= 20 and struct.unpack_from("=IH", buffer, len(buffer) - 20) == (20, _DONE)


def _read(buffer: bytes, inodes: frozenset[int], found: dict[int, int]) -> bool:
    """Put the idle times of `inodes` into `found`; False for an answer that says that the kernel refuses."""
    at = 0
    while at + _HEADER.size <= len(buffer):
        length, kind = struct.unpack_from("=IH", buffer, at)
        if kind == _ERROR or length < _HEADER.size:
            return False
        if kind == _BY_FAMILY and length >= _ATTRIBUTES:
            inode = struct.unpack_from("=I", buffer, at + _INODE)[0]
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
