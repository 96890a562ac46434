"""The kernel's table of TCP sockets by netlink's sock_diag, as raw messages, for the network namespace of the calling thread.

Source of the formats: sock_diag(7) and linux/inet_diag.h. `pyroute2` reads the same at a third of a millisecond a socket, which is
seven seconds for 20,000; only a few numbers of each are wanted here.
"""

from __future__ import annotations

import ipaddress
import socket
import struct
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_SOCK_DIAG = 4
"""NETLINK_SOCK_DIAG"""
_REQUEST, _DUMP = 0x1, 0x300
"""NLM_F_REQUEST, NLM_F_DUMP"""
_DONE = 3
BY_FAMILY, ERROR = 20, 2
"""SOCK_DIAG_BY_FAMILY and NLMSG_ERROR: kinds of messages."""
HEADER = struct.Struct("=IHHII")
"""Of a message: length, kind, flags, sequence, port. The next message begins at a multiple of 4."""
BODY = 72
"""Bytes of `inet_diag_msg`; attributes follow."""
INODE = HEADER.size + 68
"""Of `inet_diag_msg.idiag_inode`, from the start of the message."""
_NO_COOKIE = 0xFFFFFFFF
"""INET_DIAG_NOCOOKIE"""
_RECEIVE = 1 << 18
MAX_BYTES = 256 << 20
SECONDS = 2.0
"""What is not told by then is not known: the table of a busy host may have a million sockets."""


def dump(family: int, states: int, extensions: int = 0) -> Iterator[bytes]:
    """Buffers of messages: all TCP sockets of `family` in one of `states`, a bit each, with the attributes of `extensions`.

    Raises:
        OSError: the kernel refuses, or is not done in time.
        AttributeError: there is no netlink on this platform.
    """
    request = struct.pack("=BBBBI48x", family, socket.IPPROTO_TCP, extensions, 0, states)
    deadline, taken = time.monotonic() + SECONDS, 0
    with _asked(request, _REQUEST | _DUMP) as netlink:
        while True:
            buffer = netlink.recv(_RECEIVE)
            taken += len(buffer)
            if not buffer or taken > MAX_BYTES or time.monotonic() > deadline:
                raise OSError
            kind = struct.unpack_from("=H", buffer, 4)[0] if len(buffer) >= HEADER.size else ERROR
            if kind == _DONE:
                return
            yield buffer
            if _ends(buffer):
                return


def inode_of(local: tuple[str, int], remote: tuple[str, int]) -> int:
    """The inode of the socket with these two ends, which is looked up and not looked for; 0 while nobody has accepted it.

    Raises:
        OSError: the kernel refuses, or has no such socket.
        ValueError: an address is none.
        AttributeError: there is no netlink on this platform.
    """
    here, there = ipaddress.ip_address(local[0]), ipaddress.ip_address(remote[0])
    family = socket.AF_INET if here.version == 4 else socket.AF_INET6
    request = struct.pack("=BBBBI", family, socket.IPPROTO_TCP, 0, 0, 0xFFFFFFFF)
    request += struct.pack(">HH16s16s", local[1], remote[1], here.packed, there.packed)
    request += struct.pack("=III", 0, _NO_COOKIE, _NO_COOKIE)
    with _asked(request, _REQUEST) as netlink:
        answer = netlink.recv(_RECEIVE)
    if len(answer) < HEADER.size + BODY or struct.unpack_from("=H", answer, 4)[0] != BY_FAMILY:
        raise OSError
    return int(struct.unpack_from("=I", answer, INODE)[0])


def _asked(request: bytes, flags: int) -> socket.socket:
    netlink = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, _SOCK_DIAG)
    try:
        netlink.settimeout(SECONDS)
        netlink.send(HEADER.pack(HEADER.size + len(request), BY_FAMILY, flags, 1, 0) + request)
    except BaseException:
        netlink.close()
        raise
    return netlink


def _ends(buffer: bytes) -> bool:
    """Whether the last message of a buffer is the one that ends a dump: an empty one of 20 bytes."""
    return len(buffer) >= 20 and struct.unpack_from("=IH", buffer, len(buffer) - 20) == (20, _DONE)
