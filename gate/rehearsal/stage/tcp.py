"""The TCP sockets of the stage's network namespace: by netlink's sock_diag, or from /proc/net/tcp where the kernel refuses that.

/proc/net/tcp walks all of the kernel's hash table each time that it is read, whatever is in it, and who accepts is asked thirty times a second:
of 262,144 buckets, both families take 10 ms, sock_diag 0.6 ms, and one connection whose two ends are known 0.02 ms.
"""

from __future__ import annotations

import ipaddress
import re
import socket
import struct

from msgspec import Struct

from probes.live.proc.inet_diag import BODY, BY_FAMILY, ERROR, HEADER, INODE, dump, inode_of

ESTABLISHED, LISTEN = 1, 10

_ROW = re.compile(
    rb"^ *\d+: ([0-9A-F]{8}|[0-9A-F]{32}):([0-9A-F]{4}) (?:[0-9A-F]{8}|[0-9A-F]{32}):([0-9A-F]{4}) ([0-9A-F]{2}) \S+ \S+ \S+ +\d+ +\d+ (\d+)",
    re.MULTILINE,
)
_ENDS = struct.Struct(">HH16s")
"""`inet_diag_sockid` behind the first four bytes of `inet_diag_msg`: the ports, and the local address."""
_MAX_TABLE = 64 << 20


class TcpSocket(Struct, frozen=True):
    """One socket. `local` is its address as packed bytes, 4 or 16 of them; `inode` is 0 while nobody has accepted it."""

    local: bytes
    port: int
    remote: int
    inode: int

    @property
    def on_loopback(self) -> bool:
        """Whether nobody else can reach it."""
        address = ipaddress.ip_address(self.local)
        mapped = address.ipv4_mapped if address.version == 6 else None
        return (mapped or address).is_loopback


def tcp_sockets(state: int) -> list[TcpSocket]:
    """Those that are in `state`, of both families."""
    try:
        return [each for family in (socket.AF_INET, socket.AF_INET6) for each in _dumped(family, state)]
    except (OSError, struct.error):
        return _tabled(state)


def inode_of_peer(connection: socket.socket) -> int:
    """The inode of the other end of a TCP connection within this namespace; 0 while nobody has accepted it, and when it has gone."""
    try:
        ours, theirs = connection.getsockname(), connection.getpeername()
    except OSError:  # the other end has reset it
        return 0
    try:
        return inode_of(theirs[:2], ours[:2])
    except (OSError, ValueError, struct.error):
        rows = tcp_sockets(ESTABLISHED)
        return next((each.inode for each in rows if (each.port, each.remote) == (theirs[1], ours[1])), 0)


def _dumped(family: int, state: int) -> list[TcpSocket]:
    found = []
    length = 4 if family == socket.AF_INET else 16
    for buffer in dump(family, 1 << state):
        at = 0
        while at + HEADER.size <= len(buffer):
            size, kind = struct.unpack_from("=IH", buffer, at)
            if kind == ERROR or size < HEADER.size:
                raise OSError
            if kind == BY_FAMILY and size >= HEADER.size + BODY:
                port, remote, local = _ENDS.unpack_from(buffer, at + HEADER.size + 4)
                inode = struct.unpack_from("=I", buffer, at + INODE)[0]
                found.append(TcpSocket(local[:length], port, remote, inode))
            at += size + 3 & ~3
    return found


def _tabled(state: int) -> list[TcpSocket]:
    """The same from `/proc/self/net/{tcp,tcp6}`; a table that the kernel does not have is left out."""
    found = []
    for name in ("tcp", "tcp6"):
        try:
            with open(f"/proc/self/net/{name}", "rb") as file:  # noqa: PTH123
                text = file.read(_MAX_TABLE)
        except OSError:
            continue
        for match in _ROW.finditer(text):
            if int(match[4], 16) == state:
                # Each word of four bytes in the order of this machine.
                words = struct.unpack(f">{len(match[1]) // 8}I", bytes.fromhex(match[1].decode()))
                local = struct.pack(f"={len(words)}I", *words)
                found.append(TcpSocket(local, int(match[2], 16), int(match[3], 16), int(match[5])))
    return found
