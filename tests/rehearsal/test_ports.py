"""A port that a rehearsal gives to a service is nobody else's before the service has it."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from gate.rehearsal.stage import ports
from gate.rehearsal.stage.ports import free_ports


def test_the_kernel_gives_none_of_them_to_anybody() -> None:
    first, last = map(int, Path("/proc/sys/net/ipv4/ip_local_port_range").read_text("ascii").split())
    found = free_ports(tuple(str(number) for number in range(200)))
    assert len(set(found.values())) == 200
    assert all(1024 < port < first or port > last for port in found.values())


@pytest.mark.parametrize(
    ("family", "address"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET, ""), (socket.AF_INET6, "::1")]
)
def test_one_that_somebody_listens_on_is_not_free(family: socket.AddressFamily, address: str) -> None:
    free = free_ports(("port",))["port"]
    with socket.create_server((address, free), family=family):
        assert not ports._is_free(free)
    assert ports._is_free(free)


def test_where_the_kernel_has_all_of_them_it_chooses(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    everything = tmp_path / "range"
    everything.write_text("1024\t65535\n", "ascii")
    monkeypatch.setattr(ports, "_RANGE", everything)
    assert len(set(free_ports(("port", "admin")).values())) == 2
