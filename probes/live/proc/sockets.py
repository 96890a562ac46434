"""Which sockets of a process listen and which are connected: `/proc/PID/net/{tcp,tcp6,udp,udp6,unix}` by inode.

These tables are those of the process's network namespace, whoever reads them. Source of the formats: proc(5), and
`get_tcp4_sock`, `get_tcp6_sock` and `unix_seq_show` in the kernel.
"""

from __future__ import annotations

import ipaddress
import struct
from contextlib import suppress
from typing import TYPE_CHECKING

from msgspec import Struct, field

from probes.errors import ProbeError
from probes.live.proc.facts import OUTGOING

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from probes.live.proc.folder import Folder

UDP = "udp"
MAX_TABLE = 64 << 20
"""Bytes of one table: 150 a TCP socket, so 400,000 sockets of the namespace."""

_TCP_ESTABLISHED = b"01"
_TCP_CLOSE_WAIT = b"08"
"""The peer has sent all that it will; it may still wait for the answer."""
_TCP_LISTEN = b"0A"
_UDP_UNCONNECTED = b"07"
_ACCEPTS = 0x10000
"""`__SO_ACCEPTCON` of linux/net.h, in the flags of a unix socket that listens."""
_UNIX_CONNECTED = b"03"
_MAPPED = b"0000000000000000FFFF0000"
"""The first three words of an IPv4 address in IPv6, ::ffff:0:0/96, as the kernel prints them."""


class Sockets(Struct, frozen=True):
    """Sockets by inode.

    Attributes:
        listening: their addresses: `tcp 127.0.0.1:8080`, `unix /run/app.sock`.
        connected: the address of the listener that a connection came in by, `OUTGOING` where nobody listens there.
        gaps: what of it could not be read, in words.
    """

    listening: dict[int, str] = field(default_factory=dict)
    connected: dict[int, str] = field(default_factory=dict)
    gaps: tuple[str, ...] = ()


class _Rows(Struct, frozen=True):
    """Rows of one table: (local address as the kernel prints it, inode); `listening` of the whole namespace."""

    listening: list[tuple[bytes, int]] = field(default_factory=list)
    connected: list[tuple[bytes, int]] = field(default_factory=list)


def read_sockets(folder: Folder, wanted: Collection[int]) -> Sockets:
    """What the sockets with the inodes `wanted` are; a table that the kernel does not have is left out."""
    found, gaps = Sockets(), []
    tables: dict[str, _Rows] = {}
    for name, rows_of in _TABLES.items():
        try:
            text = folder.start_of(f"net/{name}", MAX_TABLE)
        except ProbeError:
            continue
        if len(text) == MAX_TABLE:
            gaps.append(f"net/{name} is longer than {MAX_TABLE >> 20} MB: not all connections are known")
        tables[name] = rows_of(text.splitlines()[1:])
    for network in ("tcp", UDP):
        own = [tables[name] for name in (network, f"{network}6") if name in tables]
        bound = [address for rows in own for address, _ in rows.listening]
        origin = _Origin(network, bound)
        for rows in own:
            found.listening.update((inode, _named(network, at)) for at, inode in rows.listening if inode in wanted)
            found.connected.update((inode, origin.of(at)) for at, inode in rows.connected if inode in wanted)
    unix = tables.get("unix", _Rows())
    paths = {path for path, _ in unix.listening if path}
    found.listening.update((inode, _unix_named(path)) for path, inode in unix.listening if inode in wanted)
    found.connected.update(
        (inode, _unix_named(path)) for path, inode in unix.connected if inode in wanted and path in paths
    )
    return Sockets(found.listening, found.connected, tuple(gaps))


class _Origin:
    """By which listener a connection came in: one at its own address before one at any address, as the kernel looks them up."""

    def __init__(self, network: str, bound: Iterable[bytes]) -> None:
        self._exact: dict[bytes, bytes] = {}
        self._any: dict[bytes, bytes] = {}
        for address in bound:
            host, _, port = address.partition(b":")
            if host.strip(b"0"):
                self._exact.setdefault(_plain(host) + b":" + port, address)
            else:
                self._any.setdefault(port, address)
        self._network = network
        self._known: dict[bytes, str] = {}

    def of(self, local: bytes) -> str:
        """The listener's address, or `OUTGOING`."""
        name = self._known.get(local)
        if name is None:
            host, _, port = local.partition(b":")
            address = self._exact.get(_plain(host) + b":" + port) or self._any.get(port)
            name = self._known[local] = OUTGOING if address is None else _named(self._network, address)
        return name


def _plain(host: bytes) -> bytes:
    """An IPv4 address in IPv6 as the IPv4 address that it is."""
    return host[24:] if len(host) == 32 and host.startswith(_MAPPED) else host


def _tcp(lines: Iterable[bytes]) -> _Rows:
    """`sl local_address rem_address st tx_queue:rx_queue tr:tm->when retrnsmt uid timeout inode …`.

    What has no inode is nobody's: a connection that was not accepted yet, or that its process has closed.
    """
    rows = _Rows()
    for line in lines:
        fields = line.split(None, 10)
        if len(fields) < 10:
            continue
        state = fields[3]
        with suppress(ValueError):  # a line of another kind
            if state == _TCP_LISTEN:
                rows.listening.append((_checked(fields[1]), int(fields[9])))
            elif state in (_TCP_ESTABLISHED, _TCP_CLOSE_WAIT) and fields[9] != b"0":
                rows.connected.append((fields[1], int(fields[9])))
    return rows


def _udp(lines: Iterable[bytes]) -> _Rows:
    """As for TCP. A socket that is bound and not connected takes datagrams from anybody, as a listener does."""
    rows = _Rows()
    for line in lines:
        fields = line.split(None, 10)
        if len(fields) < 10 or fields[3] != _UDP_UNCONNECTED:
            continue
        with suppress(ValueError):
            port = int(fields[1].partition(b":")[2], 16)
            if port and not int(fields[2].replace(b":", b""), 16):
                rows.listening.append((_checked(fields[1]), int(fields[9])))
    return rows


def _unix(lines: Iterable[bytes]) -> _Rows:
    """`Num RefCount Protocol Flags Type St Inode Path`; the socket that accept(2) gives has the path of the listener."""
    rows = _Rows()
    for line in lines:
        fields = line.split(None, 7)
        with suppress(ValueError, IndexError):
            path = fields[7].rstrip(b"\n") if len(fields) > 7 else b""
            if int(fields[3], 16) & _ACCEPTS:
                rows.listening.append((path, int(fields[6])))
            elif fields[5] == _UNIX_CONNECTED and path:
                rows.connected.append((path, int(fields[6])))
    return rows


def _checked(address: bytes) -> bytes:
    """`address`, if it is one. ValueError otherwise."""
    host, _, port = address.partition(b":")
    if len(host) not in (8, 32):
        raise ValueError
    int(host, 16)
    int(port, 16)
    return address


def _named(network: str, address: bytes) -> str:
    """An address as people write it.

    The kernel prints 32-bit words in the host's order, which is little-endian on what we run on.
    """
    host, _, port = address.partition(b":")
    words = [int(host[at : at + 8], 16) for at in range(0, len(host), 8)]
    ip = ipaddress.ip_address(struct.pack(f"<{len(words)}I", *words))
    return f"{network} {f'[{ip}]' if ip.version == 6 else ip}:{int(port, 16)}"


def _unix_named(path: bytes) -> str:
    return f"unix {path.decode('utf-8', 'replace') or '(unnamed)'}"


_TABLES: dict[str, Callable[[Iterable[bytes]], _Rows]] = {
    "tcp": _tcp,
    "tcp6": _tcp,
    "udp": _udp,
    "udp6": _udp,
    "unix": _unix,
}
