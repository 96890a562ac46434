"""Services that start NEW as their child: by restart libraries, by hand, and with sockets of the service manager."""

from __future__ import annotations

import http.client
import os
import re
import shutil
import signal
import socket
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from probes.code.openers import openers
from probes.elf.source import read_source
from probes.go.loading import load
from probes.go.restarts import entries_called, library_of
from scripts.programs import handoff_services
from scripts.programs.gobuild import BuildFailed
from scripts.truth.hazards import free_port
from tests.conftest import first, missing
from tests.live.test_service import ROOT, hotgate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from probes.go.facts import BinaryFacts

    Build = Callable[[str], Path]

ENTRIES = {
    "tableflip": "github.com/cloudflare/tableflip.New",
    "grace": "github.com/facebookgo/grace/gracenet.(*Net).StartProcess",
    "endless": "github.com/fvbock/endless.ListenAndServe",
    "overseer": "github.com/jpillora/overseer.Run",
}
PATIENCE = 300.0


@pytest.fixture(scope="session")
def handoff_program(go_toolchain: Path, tmp_path_factory: pytest.TempPathFactory) -> Build:
    """Builds a service once."""
    folder = tmp_path_factory.mktemp("handoff")

    def build(name: str) -> Path:
        out: Path = folder / name
        if not out.exists():
            try:
                handoff_services.build(out, name, go_toolchain)
            except BuildFailed as exc:
                missing(f"a module cannot be had: {exc}")
        return out

    return build


class Running:
    """A service that says `ready ADDRESS PID` on its standard output, and so do those that come after it."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self.process, self._log = process, log

    def renewed(self, sent: int) -> list[tuple[str, int]]:
        """Both processes, once the signal `sent` has had its effect; tableflip takes none for a moment after it is ready."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            refused = self._log.read_text("utf-8").count("not ready yet")
            self.process.send_signal(sent)
            while self._log.read_text("utf-8").count("not ready yet") == refused and time.monotonic() < deadline:
                if self._log.read_text("utf-8").count("\nready") + 1 == 2:
                    return self.said(2)
                time.sleep(0.05)
        raise AssertionError(f"waited in vain: {self._log.read_text('utf-8')}")

    def said(self, number: int = 1) -> list[tuple[str, int]]:
        """The addresses and PIDs of the first `number` processes that are ready."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            found = re.findall(r"^ready (\S+) (\d+)", self._log.read_text("utf-8"), re.MULTILINE)
            if len(found) >= number:
                return [(address, int(pid)) for address, pid in found]
            time.sleep(0.05)
        raise AssertionError(f"waited in vain: {self._log.read_text('utf-8')}")


@contextmanager
def started(program: Path, log: Path, *arguments: str, **options: Any) -> Iterator[Running]:
    with log.open("wb") as out:
        process = subprocess.Popen([program, *arguments], stdout=out, stderr=out, start_new_session=True, **options)
    try:
        yield Running(process, log)
    finally:
        os.killpg(process.pid, signal.SIGKILL)  # and its children
        process.wait()


def free_address() -> str:
    return f"127.0.0.1:{free_port()}"


def answers(address: str) -> int:
    """The PID of the process that answers there."""
    host, port = address.rsplit(":", 1)
    deadline = time.monotonic() + PATIENCE
    while True:
        connection = http.client.HTTPConnection(host, int(port), timeout=300)
        try:
            connection.request("GET", "/")
            return int(connection.getresponse().read())
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        finally:
            connection.close()


def checked(program: Path, pid: int, *options: str) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """The report on replacing a running service by itself, and its findings by rule."""
    report, _ = hotgate("check", program, program, "--pid", pid, *options)
    return report, {each["rule"]: each for each in report["findings"]}


def facts(path: Path) -> BinaryFacts:
    return load(str(path), read_source(str(path)), examine=False, foreign=False)


@pytest.mark.parametrize("name", first(2, ENTRIES))
def test_a_quiet_service_of_each_library_is_no_block(name: str, handoff_program: Build, tmp_path: Path) -> None:
    program, address = handoff_program(name), free_address()
    with started(program, tmp_path / "log", "-listen", address) as service:
        service.said()
        answers(address)
        report, found = checked(program, service.process.pid)
    assert (report["mode"], report["mode_by"]) == ("handoff", f"OLD calls {ENTRIES[name]}")
    assert report["verdict"] == "pass", report["findings"]
    assert not {"HG501", "HG502", "HG505", "HG509", "HG514", "HG516"} & set(found)
    assert "HG412" in found


@pytest.mark.parametrize(("name", "sent"), [("tableflip", signal.SIGHUP), ("grace", signal.SIGUSR2)])
def test_so_is_the_one_that_came_by_an_update(name: str, sent: int, handoff_program: Build, tmp_path: Path) -> None:
    program, address = handoff_program(name), free_address()
    with started(program, tmp_path / "log", "-listen", address) as service:
        service.said()
        (_, first), (_, second) = service.renewed(sent)
        service.process.wait(PATIENCE)
        assert answers(address) == second != first
        report, found = checked(program, second)
    assert report["verdict"] == "pass", report["findings"]
    assert "HG505" not in found


def test_the_child_of_overseer_has_its_parent_s_listener(handoff_program: Build, tmp_path: Path) -> None:
    program, address = handoff_program("overseer"), free_address()
    with started(program, tmp_path / "log", "-listen", address) as service:
        ((_, child),) = service.said()
        assert child != service.process.pid
        assert answers(address) == child
        report, found = checked(program, child)
    assert "HG505" not in found, report["findings"]


def test_a_listener_that_tableflip_does_not_know_of_blocks(handoff_program: Build, tmp_path: Path) -> None:
    program, own, extra = handoff_program("tableflip"), free_address(), free_address()
    with started(program, tmp_path / "log", "-listen", own, "-extra", extra) as service:
        service.said()
        report, found = checked(program, service.process.pid)
        declared, _ = checked(program, service.process.pid, "--policy", str(policy(tmp_path, f"tcp {extra}")))
        # What the rule says is so: NEW cannot listen there, and OLD serves on.
        service.process.send_signal(signal.SIGHUP)
        log = tmp_path / "log"
        deadline = time.monotonic() + PATIENCE
        while "upgrade failed" not in log.read_text("utf-8") and time.monotonic() < deadline:
            time.sleep(0.05)
        assert "address already in use" in log.read_text("utf-8")
        assert answers(own) == service.process.pid
    assert report["verdict"] == "block"
    assert found["HG505"]["subject"] == f"tcp {extra}"
    assert [each["subject"] for each in report["findings"] if each["rule"] == "HG505"] == [f"tcp {extra}"]
    assert declared["verdict"] == "pass"


def policy(folder: Path, handed_over: str) -> Path:
    path = folder / "hotgate.toml"
    path.write_text(f'[live]\nhanded_over = ["{handed_over}"]\n', "utf-8")
    return path


def test_a_listener_that_grace_may_not_know_of_warns(handoff_program: Build, tmp_path: Path) -> None:
    program = handoff_program("grace+extra")
    with started(program, tmp_path / "log", "-listen", free_address()) as service:
        service.said()
        report, _ = checked(program, service.process.pid)
    assert report["verdict"] == "pass"
    # Which of the two is grace's cannot be seen; who opens the other is named.
    doubts = [each for each in report["findings"] if each["rule"] == "HG505"]
    assert [each["severity"] for each in doubts] == ["warn", "warn"]
    assert all("main.init.0.func1 opens sockets too" in each["message"] for each in doubts)


def test_a_file_that_only_one_process_can_lock(handoff_program: Build, tmp_path: Path) -> None:
    program, lock = handoff_program("tableflip"), tmp_path / "sessions.db"
    with started(program, tmp_path / "log", "-listen", free_address(), "-lock", str(lock)) as service:
        service.said()
        _, found = checked(program, service.process.pid)
        _, in_place = checked(program, service.process.pid, "--mode", "exec")
    assert str(lock) in found["HG516"]["message"]
    assert "HG516" not in in_place


def test_connections_are_the_old_process_s_to_end(handoff_program: Build, tmp_path: Path) -> None:
    program, address = handoff_program("tableflip"), free_address()
    host, port = address.rsplit(":", 1)
    with started(program, tmp_path / "log", "-listen", address) as service:
        service.said()
        answers(address)
        with socket.create_connection((host, int(port))) as client:
            client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            client.recv(1000)
            _, found = checked(program, service.process.pid)
            _, in_place = checked(program, service.process.pid, "--mode", "exec")
    assert found["HG514"]["severity"] == "info"
    assert in_place["HG514"]["severity"] == "warn"


@ROOT
@pytest.mark.parametrize(("name", "fires"), [("tableflip", True), ("overseer", False)])
def test_as_pid_1_of_a_container(name: str, fires: bool, handoff_program: Build, tmp_path: Path) -> None:
    if shutil.which("unshare") is None:
        missing("unshare is missing: apt-get install util-linux")
    program, address = handoff_program(name), free_address()
    command = ("--pid", "--fork", "--kill-child", str(program), "-listen", address)
    with started(Path("unshare"), tmp_path / "log", *command) as service:
        service.said()
        outer = service.process.pid
        inner = int(Path(f"/proc/{outer}/task/{outer}/children").read_text("ascii").split()[0])
        _, found = checked(program, inner)
    assert ("HG509" in found) == fires
    assert not fires or found["HG509"]["severity"] == "block"


def test_by_hand_nothing_tells_and_the_mode_has_to_be_said(handoff_program: Build, tmp_path: Path) -> None:
    program = handoff_program("selfmade")
    with started(program, tmp_path / "log") as service:
        ((address, pid),) = service.said()
        untold, closed = checked(program, pid)
        told, doubt = checked(program, pid, "--mode", "handoff")
        service.process.send_signal(signal.SIGHUP)
        _, (_, second) = service.said(2)
        service.process.wait(PATIENCE)
        assert answers(address) == second
    assert (untold["mode"], closed["HG505"]["severity"]) == ("exec", "block")
    assert untold["mode_by"] == "the default: OLD calls no restart library"
    assert (told["verdict"], told["mode_by"], doubt["HG505"]["severity"]) == ("pass", "--mode", "warn")
    with started(program, tmp_path / "log2", "-keep") as service:
        ((_, pid),) = service.said()
        _, kept = checked(program, pid, "--mode", "handoff")
    assert "HG505" not in kept


def test_a_library_that_is_linked_and_not_called_tells_nothing(handoff_program: Build, tmp_path: Path) -> None:
    program = handoff_program("linked")
    with started(program, tmp_path / "log") as service:
        ((_, pid),) = service.said()
        report, found = checked(program, pid)
    assert report["mode"] == "exec"
    assert found["HG505"]["severity"] == "block"
    modules = [each.path for each in facts(program).build.deps]  # type: ignore[union-attr]
    assert "github.com/cloudflare/tableflip" in modules


def test_a_socket_of_the_service_manager_stays_with_it(handoff_program: Build, tmp_path: Path) -> None:
    program = handoff_program("activated")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        number = listener.fileno()
        script = f'exec 3<&{number} {number}<&-; export LISTEN_FDS=1; exec "$0"'
        with (
            open(tmp_path / "log", "wb") as out,  # noqa: PTH123
            subprocess.Popen(["bash", "-c", script, program], stdout=out, stderr=out, pass_fds=(number,)) as process,
        ):
            service = Running(process, tmp_path / "log")
            ((_, pid),) = service.said()
            listener.close()  # no process but the service has it: only the environment tells
            _, handed = checked(program, pid, "--mode", "handoff")
            _, in_place = checked(program, pid)
            process.kill()
    assert "HG505" not in handed
    assert in_place["HG505"]["severity"] == "block"


def test_the_probe_tells_the_mode_too(handoff_program: Build, tmp_path: Path) -> None:
    with started(handoff_program("endless"), tmp_path / "log", "-listen", free_address()) as service:
        service.said()
        report, _ = hotgate("probe", "--pid", service.process.pid)
    assert (report["mode"], report["mode_by"]) == ("handoff", f"the program calls {ENTRIES['endless']}")


@pytest.mark.parametrize("arch", ["amd64", "arm64"])
def test_who_opens_sockets_on_both_architectures(arch: str, go_toolchain: Path, tmp_path: Path) -> None:
    out = tmp_path / arch
    handoff_services.build(out, "selfmade", go_toolchain, goarch=arch)
    assert openers(facts(out), ()) == ("main.main",)


def test_names_of_entries() -> None:
    names = b"\0".join(
        [
            b"",
            b"github.com/cloudflare/tableflip.NewThing",
            b"github.com/cloudflare/tableflip.(*Upgrader).Upgrade",
            b"example.com/x/vendor/github.com/jpillora/overseer.Run",
            b"github.com/fvbock/endless/v2.ListenAndServe",
            b"github.com/facebookgo/grace/gracehttp.Serve",
            b"github.com/facebookgo/grace/gracehttp.Serve.func1",
            b"xgithub.com/rcrowley/goagain.Wait",
            b"",
        ]
    )
    found = entries_called(names)
    assert found == (
        "github.com/facebookgo/grace/gracehttp.Serve",
        "github.com/fvbock/endless/v2.ListenAndServe",
        "example.com/x/vendor/github.com/jpillora/overseer.Run",
    )
    assert [library_of(each) for each in found] == [
        "github.com/facebookgo/grace",
        "github.com/fvbock/endless",
        "github.com/jpillora/overseer",
    ]


def test_who_opens_sockets_beside_the_library(handoff_program: Build) -> None:
    for name, expected in (
        ("grace", ()),
        ("grace+extra", ("main.init.0.func1",)),
        ("endless", ()),
        ("tableflip", ("main.main",)),
    ):
        program = facts(handoff_program(name))
        assert program.functions is not None
        assert openers(program, entries_called(program.functions.name_bytes)) == expected
