"""Which sockets of a network namespace listen: `/proc/PID/net/{tcp,tcp6,unix}` -> inode and address."""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Callable, Iterator
from contextlib import suppress

from probes.errors import ProbeError

UDP = "udp"
_TCP_LISTEN = "0A"
_UDP_UNCONNECTED = "07"
_ACCEPTS = 0x10000
"""`__SO_ACCEPTCON` of linux/net.h, in the flags of a unix socket that listens."""


def listening(read: Callable[[str], str]) -> dict[int, str]:
    """The listening sockets by inode, each with its address: `tcp 127.0.0.1:8080`, `unix /run/app.sock`.

    `read` gives the text of a file of `/proc/PID`; tables that cannot be read are left out.
    """
    found: dict[int, str] = {}
    for table, parse in TABLES:
        try:
            text = read(table)
        except ProbeError:
            continue
        for line in text.splitlines()[1:]:
            with suppress(ValueError):  # a line of another kind
                found.update(parse(line.split()))
    return found


def _tcp(fields: list[str]) -> Iterator[tuple[int, str]]:
    """`sl local_address rem_address st tx_queue:rx_queue tr:tm->when retrnsmt uid timeout inode …`."""
    if len(fields) < 10 or fields[3] != _TCP_LISTEN:
        return
    address, _, port = fields[1].partition(":")
    yield int(fields[9]), f"tcp {_host(address)}:{int(port, 16)}"


def _udp(fields: list[str]) -> Iterator[tuple[int, str]]:
    """As for TCP. A socket that is bound and not connected takes datagrams from anybody, as a listener does."""
    if len(fields) < 10 or fields[3] != _UDP_UNCONNECTED:
        return
    address, _, port = fields[1].partition(":")
    if int(port, 16) and not int(fields[2].replace(":", ""), 16):
        yield int(fields[9]), f"{UDP} {_host(address)}:{int(port, 16)}"


def _unix(fields: list[str]) -> Iterator[tuple[int, str]]:
    """`Num RefCount Protocol Flags Type St Inode Path`."""
    if len(fields) >= 7 and int(fields[3], 16) & _ACCEPTS:
        yield int(fields[6]), f"unix {fields[7] if len(fields) > 7 else '(unnamed)'}"


def _host(digits: str) -> str:
    """An address as the kernel prints it: 32-bit words in the host's order, which is little-endian on what we run on."""
    words = [int(digits[at : at + 8], 16) for at in range(0, len(digits), 8)]
    address = ipaddress.ip_address(struct.pack(f"<{len(words)}I", *words))
    return f"[{address}]" if address.version == 6 else str(address)


TABLES = (
    ("net/tcp", _tcp),
    ("net/tcp6", _tcp),
    ("net/udp", _udp),
    ("net/udp6", _udp),
    ("net/unix", _unix),
)
