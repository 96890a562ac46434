"""Who supervises a process: systemd's files, read from a folder that looks like a host's, and the process's environment."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from probes.live.proc.folder import Unreadable
from probes.live.proc.reading import read_process
from probes.live.proc.supervision import Supervision, read_supervision

if TYPE_CHECKING:
    from pathlib import Path

SLICE = "0::/system.slice/"


class Given:
    """A process's folder that has a control group and an environment."""

    def __init__(self, cgroup: str | None, environ: bytes | None = b"") -> None:
        self._cgroup, self._environ = cgroup, environ

    def text(self, name: str) -> str:
        assert name == "cgroup"
        if self._cgroup is None:
            raise Unreadable("cannot read cgroup", subject="PID 1")
        return self._cgroup

    def start_of(self, name: str, limit: int) -> bytes:
        assert name == "environ"
        if self._environ is None:
            raise Unreadable("cannot read environ", subject="PID 1")
        return self._environ[:limit]


def unit(root: Path, name: str, text: str, folder: str = "etc/systemd/system") -> None:
    path = root / folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")


def look(root: Path, cgroup: str | None, environ: bytes | None = b"") -> Supervision:
    return read_supervision(Given(cgroup, environ), root)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("cgroup", "expected"),
    [
        ("0::/system.slice/orders.service\n", "orders.service"),
        ("0::/system.slice/orders.service/main\n", "orders.service"),
        ("12:pids:/x\n1:name=systemd:/system.slice/orders.service\n0::/\n", "orders.service"),
        ("0::/system.slice/orders@eu-1.service\n", "orders@eu-1.service"),
        ("0::/user.slice/user-1000.slice/user@1000.service/app.slice/orders.service\n", "orders.service"),
        ("0::/user.slice/user-1000.slice/user@1000.service\n", ""),
        ("0::/user.slice/user-1000.slice/session-3.scope\n", ""),
        ("0::/system.slice/docker-0123456789abcdef.scope\n", ""),
        ("0::/system.slice/containerd.service/kubepods-burstable-pod1.slice:cri-containerd:0123\n", ""),
        ("0::/system.slice/containerd.service/kubepods.slice/kubepods-pod1.slice\n", ""),
        ("0::/\n", ""),
        ("", ""),
        ("garbage\n:::\n0::/../../etc/x.service/..\n", ""),
        (None, ""),
    ],
)
def test_the_unit_is_that_of_the_control_group(cgroup: str | None, expected: str, tmp_path: Path) -> None:
    assert look(tmp_path, cgroup).unit == expected


def test_settings_of_the_unit_s_section_and_of_drop_ins_in_order(tmp_path: Path) -> None:
    unit(
        tmp_path,
        "orders.service",
        "[Unit]\nType=no\n[Service]\nType = notify\nPIDFile=/run/o.pid\n",
        "lib/systemd/system",
    )
    assert look(tmp_path, SLICE + "orders.service") == Supervision("orders.service", "notify", pid_file=True)
    unit(tmp_path, "orders.service", "[Service]\nExecStart=/srv/orders\n")  # hides the one below lib
    assert look(tmp_path, SLICE + "orders.service") == Supervision("orders.service", "simple")
    unit(tmp_path, "orders.service.d/10-type.conf", "[Service]\nType=forking\n")
    unit(
        tmp_path,
        "orders.service.d/20-type.conf",
        "[Service]\nType=notify\nNotifyAccess=all\n",
        "usr/lib/systemd/system",
    )
    unit(tmp_path, "orders.service.d/readme", "[Service]\nType=dbus\n")
    found = look(tmp_path, SLICE + "orders.service", b"NOTIFY_SOCKET=/run/systemd/notify\0A=b\0")
    assert found == Supervision("orders.service", "notify", notify_access="all", notifies=True)


def test_an_instance_has_the_file_of_its_template(tmp_path: Path) -> None:
    unit(tmp_path, "orders@.service", "[Service]\nType=exec\n")
    assert look(tmp_path, SLICE + "orders@eu.service").unit_type == "exec"


def test_a_unit_without_a_file_has_no_type(tmp_path: Path) -> None:
    assert look(tmp_path, SLICE + "orders.service") == Supervision("orders.service")
    (tmp_path / "etc/systemd/system").mkdir(parents=True)
    os.mkfifo(tmp_path / "etc/systemd/system/orders.service")  # would be waited for
    assert look(tmp_path, SLICE + "orders.service") == Supervision("orders.service")


@pytest.mark.parametrize(
    ("environ", "sockets"),
    [
        (b"LISTEN_FDS=2\0LISTEN_PID=7\0", 2),
        (b"LISTEN_FDS=99999999\0", 0),
        (b"LISTEN_FDS=-1\0", 0),
        (b"LISTEN_FDS=\xff\0=\0\0x\0", 0),
        (b"", 0),
        (None, 0),
    ],
)
def test_sockets_that_the_service_manager_passed(environ: bytes | None, sockets: int, tmp_path: Path) -> None:
    assert look(tmp_path, "0::/", environ).sockets == sockets


def test_nothing_of_the_environment_is_kept_but_that_it_is_there() -> None:
    env = {"NOTIFY_SOCKET": "/run/secret-7f3a", "LISTEN_FDS": "1", "TOKEN": "secret-7f3a"}
    script = "import sys; print('ready', flush=True); sys.stdin.readline()"
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=env
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        facts = read_process(process.pid, watch=False)
        process.kill()
    assert facts.supervision.notifies
    assert facts.supervision.sockets == 1
    assert "7f3a" not in repr(facts)
