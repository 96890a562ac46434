"""Ports that a service can be told to listen on, and that are free until it does."""

from __future__ import annotations

import contextlib
import errno
import random
import socket
from pathlib import Path

_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")
"""The first and the last port that the kernel gives to who asks for any (ip(7))."""
_FIRST, _LAST = 10_000, 65_535


def free_ports(names: tuple[str, ...]) -> dict[str, int]:
    """A port for each name that is free on all addresses.

    Below and above the kernel's range for connections and for port 0: one of that range is another program's soon, often before the
    service has begun. Where such a port cannot be found, it is one of the kernel's choice.
    """
    given = _given_by_the_kernel()
    others = [port for port in range(_FIRST, _LAST + 1) if port not in given]
    random.shuffle(others)
    found: list[int] = []
    while len(found) < len(names):
        port = others.pop() if others else _any()
        if port not in found and _is_free(port):
            found.append(port)
    return dict(zip(names, found, strict=True))


def _given_by_the_kernel() -> range:
    try:
        first, last = map(int, _RANGE.read_text("ascii").split())
    except (OSError, ValueError):  # not Linux
        first, last = 32_768, _LAST
    return range(first, last + 1)


def _is_free(port: int) -> bool:
    """Whether a service could listen there, on any address of either family."""
    for family, address in ((socket.AF_INET, ""), (socket.AF_INET6, "::")):
        with contextlib.ExitStack() as stack:
            try:
                probe = stack.enter_context(socket.socket(family, socket.SOCK_STREAM))
                if family == socket.AF_INET6:
                    probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            except OSError:  # a kernel without IPv6
                continue
            probe.setsockopt(
                socket.SOL_SOCKET, socket.SO_REUSEADDR, 1
            )  # as services do: a port of ended connections is free
            try:
                probe.bind((address, port))
            except OSError as exc:
                if exc.errno != errno.EADDRNOTAVAIL:  # no address of this family
                    return False
    return True


def _any() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port
