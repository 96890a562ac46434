"""Every live rule on a real process: the service as it should be, and with the fault that the rule is for."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from gate.cli import cli
from probes.live.proc.privileges import ATTRIBUTE
from tests.conftest import first
from tests.goprobe.service import Service

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Build = Callable[[str | None], Path]

TOKEN = "0123456789abcdef" * 2
QUIET = ("-interval", "1h", "-window", "100ms")
ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root can do this")
WAITS = ("--wait", "5s")
"""The first window of the heartbeat is open when the service starts."""


def hotgate(*arguments: str | Path | int) -> tuple[dict[str, Any], str]:
    """The JSON report of a command, and what it said beside it."""
    done = CliRunner().invoke(cli, [*map(str, arguments), "--format", "json"])
    assert done.stdout, done.stderr
    report = json.loads(done.stdout)
    assert done.exit_code == report["exit_code"]
    return report, done.stderr


def fired(report: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The live findings by rule; the last of each."""
    return {f["rule"]: f for f in report["findings"] if f["rule"] >= "HG5"}


@contextmanager
def running(program: Path, log: Path, *options: str, fault: str = "") -> Iterator[tuple[Service, str]]:
    """The service with one of its faults, and its URL. Descriptors and signals of whoever runs the tests stay out."""
    with Service(program, log, *(options or QUIET), fault=fault) as service:
        yield service, f"http://{service.address()}"


def test_a_good_update_of_a_service_that_is_ready_passes(service_program: Build, tmp_path: Path) -> None:
    old, new = service_program(None), service_program("better")
    with running(old, tmp_path / "log") as (service, url):
        report, _ = hotgate("check", old, new, "--live", url, "--pid", service.process.pid, *WAITS)
        alone, _ = hotgate("check", "--pid", service.process.pid, new, "--live", url)
        probed, _ = hotgate("probe", url, "--pid", service.process.pid)
    assert (report["verdict"], alone["verdict"], probed["verdict"]) == ("pass", "pass", "pass")
    assert set(fired(report)) <= {"HG507"}, fired(report)  # whoever runs the tests may ignore a signal
    assert alone["old"]["path"] == f"/proc/{service.process.pid}/exe"
    assert "old" not in probed
    topics = {item["topic"] for item in report["live"]["topics"]}
    assert {"profiler", "calls", "canary", "descriptors", "image", "privileges", "heartbeat"} <= topics
    assert {state["name"] for state in report["evidence"] if state["status"] != "ok"} <= {
        "health",
        "continuity",
        "heat",
        "addresses",
    }


FAULTS = {
    "profile": ("HG501", "block", "A CPU profile is running"),
    "park": ("HG502", "block", "1 thread is in C: live_park called by"),
    "canary": ("HG503", "block", "5a5a5a5a5a5a5a5a"),
    "table": ("HG504", "block", "price tables would be lost"),
    "listener": ("HG505", "block", "would be closed"),
    "leak": ("HG506", "warn", "/dev/null"),
    "signal": ("HG507", "warn", "SIGHUP"),
    "foreign": ("HG511", "warn", "SIGUSR1"),
    "deaf": ("HG513", "warn", "SIGUSR2 asks for the update, and is not handled"),
}


@pytest.mark.parametrize("fault", first(4, FAULTS))
def test_a_fault_fires_its_rule(service_program: Build, tmp_path: Path, fault: str) -> None:
    rule, severity, said = FAULTS[fault]
    old = service_program(None)
    with running(old, tmp_path / "log", fault=fault) as (service, url):
        wait = () if fault in ("profile", "park") else WAITS
        report, _ = hotgate("check", old, old, "--live", url, "--pid", service.process.pid, *wait)
    messages = [f["message"] for f in report["findings"] if f["rule"] == rule]
    assert any(said in message for message in messages), (messages, sorted(fired(report)))
    assert fired(report)[rule]["severity"] == severity
    assert report["verdict"] == ("block" if severity == "block" else "pass"), report["findings"]


def test_a_leak_and_ignored_signals_are_seen_from_outside_alone(service_program: Build, tmp_path: Path) -> None:
    for fault, rule in (("leak", "HG506"), ("signal", "HG507"), ("listener", "HG505"), ("park", "HG502")):
        with running(service_program(None), tmp_path / fault, fault=fault) as (service, _):
            report, _ = hotgate("probe", "--pid", service.process.pid)
        assert rule in fired(report), fault
    assert "thread" in fired(report)["HG502"]["message"]


def test_a_process_alone_that_is_ready_is_quiet(service_program: Build, tmp_path: Path) -> None:
    with running(service_program(None), tmp_path / "log") as (service, url):
        hotgate("probe", url, *WAITS)
        report, _ = hotgate("probe", "--pid", service.process.pid)
    assert {"HG502", "HG506"}.isdisjoint(fired(report))


def test_another_image_runs_than_the_one_compared(service_program: Build, tmp_path: Path) -> None:
    old, new = service_program(None), service_program("better")
    with running(old, tmp_path / "log") as (service, url):
        for where in (("--live", url), ("--pid", service.process.pid)):
            report, _ = hotgate("check", new, old, *where, "--wait", "3s")
            assert fired(report)["HG508"]["severity"] == "block"
            assert "does not run OLD" in fired(report)["HG508"]["message"]


def test_a_request_that_goprobe_drains_by_itself_is_a_warning(service_program: Build, tmp_path: Path) -> None:
    with running(service_program(None), tmp_path / "log") as (service, url):
        host, port = service.address().rsplit(":", 1)
        with socket.create_connection((host, int(port))) as client:
            client.sendall(b"POST /orders HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n[")
            service.eventually(lambda: service.status()["in_flight"]["over"])
            report, _ = hotgate("probe", url, *WAITS)
            assert report["verdict"] == "pass"
            assert fired(report)["HG510"]["severity"] == "warn"
            assert "goprobe's Upgrade waits for them" in fired(report)["HG510"]["message"]
            client.sendall(b"]")
            client.recv(1000)
        report, _ = hotgate("probe", url)
    assert "HG510" not in fired(report)


def test_waiting_says_for_what_and_ends_with_it(service_program: Build, tmp_path: Path) -> None:
    with running(service_program(None), tmp_path / "log") as (service, url):
        hotgate("probe", url, *WAITS)
        host, port = service.address().rsplit(":", 1)
        with socket.create_connection((host, int(port))) as taking:
            taking.sendall(b"GET /debug/pprof/profile?seconds=60 HTTP/1.1\r\nHost: localhost\r\n\r\n")
            service.eventually(lambda: service.status()["profiler"]["owner"] == "endpoint")
            argv = [sys.executable, "-m", "gate", "probe", url, "--wait", "120s", "--format", "json"]
            with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as waiting:
                assert waiting.stdout is not None and waiting.stderr is not None  # noqa: PT018 - both are pipes
                assert "waiting for the end of a CPU profile" in waiting.stderr.readline()
                taking.close()  # whoever takes it went away, and so it ends
                waited = json.loads(waiting.stdout.read())
    assert waited["verdict"] == "pass"


def test_health_below_its_threshold_blocks(service_program: Build, tmp_path: Path) -> None:
    fast = ("-interval", "1s", "-window", "100ms")
    with running(service_program(None), tmp_path / "log", *fast, fault="grow") as (service, url):

        def known() -> bool:
            answer = service.get("/debug/hotgate/healthz")
            return any(p["name"] == "goroutine_growth" and p["state"] == "ok" for p in answer["parts"])

        service.eventually(known)
        report, _ = hotgate("probe", url)
    assert fired(report)["HG604"]["severity"] == "block"
    assert "goroutine_growth" in fired(report)["HG604"]["message"]


def test_another_length_of_windows_after_an_update_is_told(service_program: Build, tmp_path: Path) -> None:
    program, kept = service_program(None), tmp_path / "windows"
    kept.mkdir()
    for interval, length in (("1s", "100ms"), ("5s", "4s")):
        options = ("-interval", interval, "-window", length, "-windows", str(kept))
        with running(program, tmp_path / length, *options) as (service, url):
            epoch = service.status()["image"]["epoch"]

            def windows(epoch: str = epoch) -> list[Any]:
                found = [json.loads(path.read_text("utf-8")) for path in kept.glob("*.json")]
                return [w for w in found if w["epoch"] == epoch and w["state"] == "ok"]

            service.eventually(windows)  # in the folder: asking every moment would use up what goprobe answers
            report, _ = hotgate("probe", url)
    # A window takes longer where the machine has other work.
    lengths = re.search(r"([\d.]+) s → ([\d.]+) s", fired(report)["HG605"]["message"])
    assert lengths is not None
    assert 0.1 <= float(lengths[1]) < 4 <= float(lengths[2])


def test_a_wrong_or_missing_token_is_an_error_of_one_line(service_program: Build, tmp_path: Path) -> None:
    env = {**os.environ, "LIVE_TOKEN": TOKEN}
    log = tmp_path / "log"
    with log.open("wb") as out:
        process = subprocess.Popen([service_program(None), "-listen", "127.0.0.1:0"], stderr=out, env=env)
    service = Service.of(process, log)
    with service:
        url = f"http://{service.address()}"
        for content, code in ((None, 2), ("wrong" * 8 + "\n", 2), (TOKEN + "\n", 0)):
            argv = [sys.executable, "-m", "gate", "probe", url, "--wait", "8s"]
            if content is not None:
                (tmp_path / "token").write_text(content, encoding="ascii")
                argv += ["--token-file", str(tmp_path / "token")]
            done = subprocess.run(argv, capture_output=True, text=True, check=False)
            assert done.returncode == code, done.stderr
            assert (content or "none").strip() not in done.stderr.replace("--token-file", "")
            if code:
                first, hint = done.stderr.splitlines()
                assert first.startswith("error: the token is missing or wrong")
                assert "--token-file" in hint


@ROOT
def test_pid_1_of_a_container(service_program: Build, tmp_path: Path) -> None:
    if shutil.which("unshare") is None:
        pytest.skip("unshare is missing: apt-get install util-linux")
    log = tmp_path / "log"
    argv = ["unshare", "--pid", "--fork", "--kill-child", str(service_program(None)), "-listen", "127.0.0.1:0", *QUIET]
    with log.open("wb") as out:
        process = subprocess.Popen(argv, stderr=out)
    with Service.of(process, log) as service:
        url = f"http://{service.address()}"
        inner = int(Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()[0])
        report, _ = hotgate("probe", url, "--pid", inner, *WAITS)
        os.kill(inner, signal.SIGKILL)
    assert fired(report)["HG509"]["severity"] == "warn"


@ROOT
def test_a_capability_that_the_new_file_does_not_have(service_program: Build) -> None:
    bind = struct.pack("<5I", 0x02000001, 1 << 10, 0, 0, 0)
    folder = Path("/tmp") / f"hotgate-capabilities-{os.getpid()}"  # noqa: S108 - other users must reach it
    folder.mkdir()
    try:
        old, bare, equal = (folder / name for name in ("old", "bare", "equal"))
        for path in (old, bare, equal):
            shutil.copyfile(service_program(None), path)
            path.chmod(0o755)
        for path in (old, equal):
            os.setxattr(path, ATTRIBUTE, bind)
        with (folder / "log").open("wb") as out:
            process = subprocess.Popen([old, "-listen", "127.0.0.1:0", *QUIET], stderr=out, user=65534, group=65534)
        with Service.of(process, folder / "log") as service:
            service.address()
            lost, _ = hotgate("check", old, bare, "--pid", process.pid)
            kept, _ = hotgate("check", old, equal, "--pid", process.pid)
    except OSError as exc:
        pytest.skip(f"this file system has no capabilities: {exc}")
    finally:
        shutil.rmtree(folder)
    assert "lose CAP_NET_BIND_SERVICE" in fired(lost)["HG512"]["message"]
    assert "HG512" not in fired(kept)
