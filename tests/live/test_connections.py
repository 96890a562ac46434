"""Who is connected to a process: by the kernel's tables, netlink and real processes."""

from __future__ import annotations

import asyncio
import os
import socket
import struct
import subprocess
import sys
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import pytest

from gate.policy.model import LivePolicy, Policy
from gate.runs.service import probe
from probes.live.facts import LiveFacts
from probes.live.gathering import Asked, gather
from probes.live.merge import merge
from probes.live.proc import inet_diag, sock_diag, sockets, topics
from probes.live.proc.facts import OUTGOING
from probes.live.proc.reading import read_process
from probes.live.proc.sockets import read_sockets
from probes.live.topics import Accepted, ConnectionFacts
from tests.conftest import missing
from tests.live.test_proc import child

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from probes.live.proc.facts import ProcessFacts

HEAD = b"  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
UNIX = b"Num       RefCount Protocol Flags    Type St Inode Path\n"
REST = b" 00000000:00000000 00:00000000 00000000     0        0 "


class Tables:
    """A process's folder that has tables of sockets and nothing else."""

    def __init__(self, **tables: bytes) -> None:
        self._tables = {f"net/{name}": text for name, text in tables.items()}

    def start_of(self, name: str, limit: int) -> bytes:
        return self._tables.get(name, HEAD)[:limit]


def row(local: bytes, remote: bytes, state: bytes, inode: int) -> bytes:
    return b"   0: " + local + b" " + remote + b" " + state + REST + str(inode).encode() + b" 1 0000 100 0 0 10 0\n"


def six(host: bytes, port: bytes) -> bytes:
    return host.rjust(32, b"0") + b":" + port


NOBODY = b"00000000:0000"
PEER = b"0100007F:9999"


@pytest.mark.parametrize(
    "text", [b"", b"head\n", b"head\n0: zz\n", b"head\n" + b"x " * 20 + b"\n", b"\xff\n\x00\x01 " * 9]
)
def test_tables_that_are_cut_off_or_of_another_kind(text):
    found = read_sockets(Tables(tcp=text, tcp6=text, udp=text, unix=text), {0, 1, 7})  # type: ignore[arg-type]
    assert not found.listening
    assert not found.connected


def test_addresses_of_listening_sockets():
    tables = Tables(
        tcp=HEAD + row(b"0100007F:1F90", NOBODY, b"0A", 51234) + row(b"0100007F:1F90", PEER, b"01", 51235),
        tcp6=HEAD + row(six(b"01000000", b"0050"), six(b"", b"0000"), b"0A", 7),
        udp=HEAD + row(b"00000000:01BB", NOBODY, b"07", 9) + row(b"0100007F:9999", b"0100007F:0035", b"01", 10),
        unix=UNIX + b"0000: 00000002 00000000 00010000 0001 01 12 /run/a b.sock\n",
    )
    found = read_sockets(tables, {51234, 51235, 7, 9, 10, 12})  # type: ignore[arg-type]
    assert found.listening == {
        51234: "tcp 127.0.0.1:8080",
        7: "tcp [::1]:80",
        9: "udp 0.0.0.0:443",
        12: "unix /run/a b.sock",
    }
    assert found.connected == {51235: "tcp 127.0.0.1:8080"}


def test_a_connection_belongs_to_the_listener_that_the_kernel_would_give_it_to():
    mapped = six(b"FFFF0000" + b"0100007F", b"1F90")
    tables = Tables(
        tcp=HEAD
        + row(b"0100007F:1F91", NOBODY, b"0A", 1)
        + row(b"00000000:1F91", NOBODY, b"0A", 2)
        + row(b"0100007F:1F91", PEER, b"01", 11)
        + row(b"0200007F:1F91", PEER, b"08", 12)
        + row(b"0100007F:8001", PEER, b"01", 13)
        + row(b"0100007F:1F91", PEER, b"01", 0)  # not accepted yet: nobody's descriptor
        + row(b"0100007F:1F91", PEER, b"06", 14),  # TIME_WAIT
        tcp6=HEAD + row(six(b"", b"1F90"), six(b"", b"0000"), b"0A", 3) + row(mapped, mapped, b"01", 15),
    )
    found = read_sockets(tables, {0, 1, 2, 3, 11, 12, 13, 14, 15})  # type: ignore[arg-type]
    assert found.connected == {
        11: "tcp 127.0.0.1:8081",
        12: "tcp 0.0.0.0:8081",
        13: OUTGOING,
        15: "tcp [::]:8080",
    }


def test_a_connection_of_a_unix_socket_and_none_of_a_pair():
    tables = Tables(
        unix=UNIX
        + b"0: 00000002 00000000 00010000 0001 01 20 /run/app.sock\n"
        + b"0: 00000003 00000000 00000000 0001 03 21 /run/app.sock\n"
        + b"0: 00000003 00000000 00000000 0001 03 22\n"
        + b"0: 00000003 00000000 00000000 0001 03 23 /run/gone.sock\n"
        + b"0: 00000003 00000000 00000000 0001 03 24 @abstract\n"
        + b"0: 00000002 00000000 00010000 0001 01 25 @abstract\n"
    )
    found = read_sockets(tables, {20, 21, 22, 23, 24, 25})  # type: ignore[arg-type]
    assert found.connected == {21: "unix /run/app.sock", 24: "unix @abstract"}


def test_a_table_that_is_too_long_is_said(monkeypatch):
    monkeypatch.setattr(sockets, "MAX_TABLE", 300)
    found = read_sockets(Tables(tcp=HEAD + row(PEER, PEER, b"01", 5) * 9), {5})  # type: ignore[arg-type]
    assert found.gaps == ("net/tcp is longer than 0 MB: not all connections are known",)


def message(kind: int, body: bytes) -> bytes:
    return struct.pack("=IHHII", 16 + len(body), kind, 2, 1, 0) + body


def told(inode: int, sent: int, received: int, length: int = 200) -> bytes:
    info = bytearray(length)
    if length >= 56:
        struct.pack_into("=I", info, 44, sent)
        struct.pack_into("=I", info, 52, received)
    return message(
        20, bytes(68) + struct.pack("=I", inode) + struct.pack("=HH", 4 + length, 2) + bytes(info) + bytes(-length % 4)
    )


@pytest.mark.parametrize(
    ("buffer", "answer", "found"),
    [
        (told(5, 9000, 70) + told(6, 1, 1), True, {5: 70}),
        (told(5, 80, 9000) + message(3, bytes(4)), True, {5: 80}),
        (told(5, 1, 1, length=8), True, {}),  # an old kernel's, or none
        (message(20, bytes(10)), True, {}),
        (message(2, struct.pack("=i", -1)), False, {}),  # EPERM
        (struct.pack("=IHHII", 0, 20, 0, 0, 0), False, {}),  # would be read for ever
        (told(5, 1, 1)[:90], True, {}),
        (message(20, bytes(68) + struct.pack("=I", 5) + struct.pack("=HH", 0, 2)), True, {}),
        (message(20, bytes(68) + struct.pack("=I", 5) + struct.pack("=HH", 65535, 2)), True, {}),
    ],
)
def test_answers_of_netlink(buffer, answer, found):
    seen: dict[int, int] = {}
    assert sock_diag._read(buffer, frozenset({5}), seen) is answer
    assert seen == found


def test_netlink_refused_leaves_the_rest(monkeypatch):
    monkeypatch.setattr(inet_diag, "_SOCK_DIAG", 4000)  # no such protocol
    with connected(3) as facts:
        assert facts.idle is None
        found = topics.connections(facts)
    assert found is not None
    assert [(each.count, each.idle) for each in found.accepted] == [(3, None)]


SERVER = """
listener = socket.create_server(("127.0.0.1", 0), backlog=200)
print(listener.getsockname()[1], flush=True)
kept = [listener.accept()[0] for _ in range(int(sys.stdin.readline()))]
"""


@contextmanager
def served(code: str, clients: int) -> Iterator[tuple[int, list[socket.socket]]]:
    """The PID of a process that has accepted `clients`, and the clients."""
    script = f"import os, socket, sys\n{code}\nprint('ready', flush=True)\nsys.stdin.readline()"
    with (
        ExitStack() as stack,
        subprocess.Popen(
            [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as process,
    ):
        assert process.stdin is not None
        assert process.stdout is not None
        port = int(process.stdout.readline())
        process.stdin.write(f"{clients}\n")
        process.stdin.flush()
        open_ = [stack.enter_context(socket.create_connection(("127.0.0.1", port))) for _ in range(clients)]
        assert process.stdout.readline() == "ready\n"
        yield process.pid, open_
        process.kill()


@contextmanager
def connected(clients: int, code: str = SERVER) -> Iterator[ProcessFacts]:
    with served(code, clients) as (pid, _):
        yield read_process(pid, watch=False)


def test_clients_of_a_real_process():
    with connected(200) as facts:
        found = topics.connections(facts)
    assert found is not None
    assert found.accepted[0].listener.startswith("tcp 127.0.0.1:")
    assert (found.accepted[0].count, found.accepted[0].idle, found.outgoing, found.cut) == (200, 0, 0, 200)
    assert found.summary().startswith("200 established, 200 by tcp 127.0.0.1:")


def test_what_a_process_opened_itself_is_no_client_of_it():
    with child("s = socket.create_server(('127.0.0.1', 0)); c = socket.create_connection(s.getsockname())") as process:
        found = topics.connections(read_process(process.pid, watch=False))
    assert found is not None
    assert (found.total, found.outgoing, found.cut) == (0, 1, 0)  # the other end was not accepted
    assert found.summary() == "no client is connected; 1 connection to others"


def test_a_duplicate_that_is_inherited_keeps_a_connection_and_counts_once():
    code = SERVER + "two = [os.dup(each.fileno()) for each in kept]\nos.set_inheritable(two[0], True)"
    with connected(2, code) as facts:
        found = topics.connections(facts)
    assert found is not None
    assert (found.accepted[0].count, found.accepted[0].inheritable, found.cut) == (2, 1, 1)


def test_a_unix_socket_and_its_clients(tmp_path: Path):
    code = f"""
listener = socket.socket(socket.AF_UNIX); listener.bind({str(tmp_path / "s")!r}); listener.listen()
ours = [socket.socket(socket.AF_UNIX) for _ in range(2)]
[each.connect({str(tmp_path / "s")!r}) for each in ours]
kept = [listener.accept()[0] for _ in range(2)]
"""
    with child(code) as process:
        found = topics.connections(read_process(process.pid, watch=False))
    assert found is not None
    assert found.accepted == (Accepted(f"unix {tmp_path / 's'}", 2),)


def test_idle_connections_are_told_from_busy_ones():
    with served(SERVER, 2) as (pid, clients):
        clients[0].sendall(b"x")
        facts = read_process(pid, watch=False)
    assert facts.idle is not None
    assert len(facts.idle) == 2
    first = topics._idle(facts.idle, dict.fromkeys(facts.idle, topics.IDLE_MILLISECONDS))
    assert first == 2


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can enter a network namespace")
def test_a_process_in_a_network_namespace_of_its_own():
    code = "import fcntl, struct\n" + SERVER.replace("listener =", "raise_lo()\nlistener =").replace(
        "kept = [", "ours = [socket.create_connection(listener.getsockname()) for _ in range(4)]\nkept = ["
    ).replace("int(sys.stdin.readline())", "4")
    up = """
def raise_lo():
    with socket.socket() as s:
        name = struct.pack("16sh22x", b"lo", 0x1 | 0x40)  # SIOCSIFFLAGS: IFF_UP | IFF_RUNNING
        fcntl.ioctl(s, 0x8914, name)
"""
    script = f"import os, socket, sys\n{up}{code}\nprint('ready', flush=True)\nsys.stdin.readline()"
    try:
        process = subprocess.Popen(
            ["unshare", "--net", sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
    except FileNotFoundError:
        missing("no unshare: apt-get install util-linux")
    with process:
        assert process.stdout is not None
        process.stdout.readline()
        assert process.stdout.readline() == "ready\n"
        facts = read_process(process.pid, watch=False)
        process.kill()
    found = topics.connections(facts)
    assert found is not None
    assert found.total + found.outgoing == 8
    assert found.total == 4
    assert facts.idle is not None, "its namespace was entered"
    assert len(facts.idle) == 4


def test_the_verdict_on_connected_clients():
    with served(SERVER, 5) as (pid, _):
        plain = ask(pid, Policy())
        strict = ask(pid, Policy(live=LivePolicy(connections_limit=4)))
        bearable = ask(pid, Policy(live=LivePolicy(connections_limit=5)))
    assert plain[0] == strict[0].replace(", where the policy allows 4", "") == bearable[0]
    assert plain[0].startswith("5 established connections would be cut by exec: they came in by tcp 127.0.0.1:")
    assert (plain[1], strict[1], bearable[1]) == ("warn", "block", "warn")


def ask(pid: int, policy: Policy) -> tuple[str, str]:
    report = probe(policy, lambda: asyncio.run(gather(Asked(pid=pid))))
    found = [each for each in report.findings if each.rule == "HG514"]
    assert len(found) == 1
    return found[0].message, found[0].severity


def test_what_goprobe_hands_over_is_not_cut():
    facts = ConnectionFacts("goprobe and /proc", (Accepted("tcp 127.0.0.1:80", 10, 1, 4),), kept=6, drained=2)
    assert facts.cut == 1
    assert facts.summary() == (
        "10 established, 10 by tcp 127.0.0.1:80 (4 idle for a minute); 6 kept, 2 drained by goprobe"
    )


def test_a_connection_that_goprobe_counted_and_that_has_gone_stands_for_no_other():
    http, chat, other = "tcp 127.0.0.1:80", "tcp 127.0.0.1:90", "tcp 127.0.0.1:99"
    said = ConnectionFacts("goprobe", (Accepted(http, 3), Accepted(chat, 5)), kept=5, drained=3, complete=False)

    def both(*seen: Accepted) -> ConnectionFacts:
        found = merge(LiveFacts(connections=said), LiveFacts(connections=ConnectionFacts("/proc", seen))).connections
        assert found is not None
        return found

    # The one that asked goprobe has gone by the time that /proc is looked at.
    assert both(Accepted(http, 2), Accepted(chat, 5)).cut == 0
    assert both(Accepted(http, 2), Accepted(chat, 5)).summary().endswith("5 kept, 2 drained by goprobe")
    assert both(Accepted(http, 2), Accepted(chat, 5), Accepted(other, 1)).cut == 1
