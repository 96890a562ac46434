"""The TCP sockets of a namespace, told by netlink and by /proc/net/tcp: both say the same of real connections."""

from __future__ import annotations

import os
import socket
import struct
from typing import TYPE_CHECKING

import pytest

from gate.rehearsal.stage import tcp
from gate.rehearsal.stage.tcp import ESTABLISHED, LISTEN, TcpSocket, inode_of_peer, tcp_sockets
from probes.live.proc import inet_diag

if TYPE_CHECKING:
    from collections.abc import Iterator

KINDS = {
    "IPv4": (socket.AF_INET, "127.0.0.1", "127.0.0.1"),
    "IPv6": (socket.AF_INET6, "::1", "::1"),
    "both, asked by IPv4": (socket.AF_INET6, "::", "127.0.0.1"),
}


@pytest.fixture(params=["netlink", "/proc/net/tcp"])
def told_by(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param != "netlink":
        monkeypatch.setattr(inet_diag, "_SOCK_DIAG", 4000)  # no such protocol


@pytest.fixture(params=KINDS)
def pair(request: pytest.FixtureRequest) -> Iterator[tuple[socket.socket, socket.socket]]:
    """A listener, and a connection that it has not accepted yet."""
    family, bound, asked = KINDS[request.param]
    with (
        socket.create_server((bound, 0), family=family, dualstack_ipv6=bound == "::") as listener,
        socket.create_connection((asked, listener.getsockname()[1])) as connection,
    ):
        yield listener, connection


def inode(end: socket.socket) -> int:
    return os.fstat(end.fileno()).st_ino


@pytest.mark.usefixtures("told_by")
def test_whoever_has_accepted_a_connection_is_known_and_before_that_nobody(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    listener, connection = pair
    assert inode_of_peer(connection) == 0
    accepted, _ = listener.accept()
    with accepted:
        assert inode_of_peer(connection) == inode(accepted)
        assert inode_of_peer(accepted) == inode(connection)
    assert inode_of_peer(connection) == 0  # it has gone


@pytest.mark.usefixtures("told_by")
def test_a_connection_that_was_reset_has_no_other_end(pair: tuple[socket.socket, socket.socket]) -> None:
    listener, connection = pair
    accepted, _ = listener.accept()
    accepted.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    accepted.close()
    with pytest.raises(ConnectionResetError):
        connection.recv(1)
    assert inode_of_peer(connection) == 0


@pytest.mark.usefixtures("told_by")
def test_listeners_and_connections_are_told_with_their_ports(pair: tuple[socket.socket, socket.socket]) -> None:
    listener, connection = pair
    accepted, _ = listener.accept()
    with accepted:
        port, ours = listener.getsockname()[1], connection.getsockname()[1]
        # Not by the port alone: another program of this machine may have the same one on another address.
        assert [each.port for each in tcp_sockets(LISTEN) if each.inode == inode(listener)] == [port]
        found = {each.inode: (each.port, each.remote) for each in tcp_sockets(ESTABLISHED)}
        assert found[inode(accepted)] == (port, ours)
        assert found[inode(connection)] == (ours, port)


def test_both_ways_tell_the_same(monkeypatch: pytest.MonkeyPatch, pair: tuple[socket.socket, socket.socket]) -> None:
    listener, connection = pair
    accepted, _ = listener.accept()
    with accepted:
        inodes = {inode(listener), inode(connection), inode(accepted)}

        def ours() -> set[TcpSocket]:
            found = tcp_sockets(LISTEN) + tcp_sockets(ESTABLISHED)
            return {each for each in found if each.inode in inodes}

        by_netlink = ours()
        monkeypatch.setattr(inet_diag, "_SOCK_DIAG", 4000)
        assert len(by_netlink) == 3
        assert ours() == by_netlink


@pytest.mark.parametrize(
    ("local", "alone"),
    [
        (bytes([127, 0, 0, 1]), True),
        (bytes([127, 9, 0, 1]), True),
        (bytes(4), False),
        (bytes([10, 0, 0, 1]), False),
        (bytes(15) + b"\1", True),
        (bytes(16), False),
        (bytes(10) + b"\xff\xff\x7f\0\0\1", True),
        (bytes(10) + b"\xff\xff\x0a\0\0\1", False),
    ],
)
def test_what_others_can_reach_is_told_from_loopback(local: bytes, *, alone: bool) -> None:
    assert TcpSocket(local, 80, 0, 1).on_loopback is alone


@pytest.mark.parametrize("buffer", [struct.pack("=IHHIIi", 20, 2, 0, 1, 0, -1), struct.pack("=IHHII", 0, 20, 0, 0, 0)])
def test_an_answer_that_is_none_is_asked_of_the_table_instead(buffer: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tcp, "dump", lambda *_: iter([buffer]))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        assert inode(listener) in {each.inode for each in tcp_sockets(LISTEN)}
