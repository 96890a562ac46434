"""A service without goprobe, which executes what it is told to without a trial: a bad release is it for a while, and is taken back all the same."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
import urllib.request
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from gate.release.repository.making import make_repository
from scripts.programs.gobuild import ROOT, GoBuild, host_arch
from scripts.truth.release_proof._site import NAME, Site, add

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.patient

VERSIONS = {"1.0.0": "", "1.2.0": "crash", "1.3.0": "hang"}
POLICY = '\n[live]\nneeded = []\nhanded_over = ["tcp 127.0.0.1:*"]\n'
START = """#!/bin/sh
grep SigIgn /proc/self/status > {folder}/ignored
nohup {path} -listen 127.0.0.1:{port} -next {path} >> {folder}/service.log 2>&1 &
echo $! > {folder}/pid
"""


@pytest.fixture(scope="module")
def plain(go_toolchain: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The repository."""
    folder = tmp_path_factory.mktemp("plain")
    make_repository(folder / "repository", folder / "keys", b"a proof's own", {}, {})
    (folder / "images").mkdir()
    for version, fault in VERSIONS.items():
        out = folder / "images" / version
        flags = ("-trimpath", f"-ldflags=-X main.fault={fault}")
        source = ROOT / "testdata" / "services" / "plain"
        GoBuild(goroot=go_toolchain, source=source, goarch=host_arch(), flags=flags).run(out)
        add(folder / "repository", folder / "keys", out, version)
    return folder / "repository"


@pytest.fixture
def bare(plain: Path, tmp_path: Path) -> Iterator[Site]:
    """A host whose service was started by its start command."""
    folder = tmp_path / "host"
    folder.mkdir()
    found = Site(folder, plain)
    start = folder / "start"
    table = f"""store = "{folder}/store.db"
[host.orders]
folder = "{found.srv}"
repository = "{plain}"
root = "{plain}/metadata/1.root.json"
pid_file = "{folder}/pid"
trigger = "SIGHUP"
start = ["{start}"]
ready = "http://127.0.0.1:{found.port}/"
within = "3s"
quiet = "1s"
"""
    found.config.write_text(table + POLICY, "utf-8")
    found.install("1.0.0", plain.parent / "images")
    path = found.srv / "current" / NAME
    start.write_text(START.format(path=path, port=found.port, folder=folder), "ascii")
    start.chmod(0o755)
    subprocess.run([start], check=True)
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline:
        with suppress(OSError):
            urllib.request.urlopen(f"http://127.0.0.1:{found.port}/", timeout=5).close()
            break
        time.sleep(0.02)
    try:
        yield found
    finally:
        with suppress(OSError, ValueError):
            os.kill(int((folder / "pid").read_text("ascii")), signal.SIGKILL)


def _deaf() -> None:
    """Started by something that ignores this signal."""
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)


@pytest.mark.parametrize(
    ("version", "reason"), [("1.2.0", "crashed"), pytest.param("1.3.0", "hangs", marks=pytest.mark.long)]
)
def test_a_release_that_took_the_process_is_taken_back_by_a_start(
    bare: Site, plain: Path, version: str, reason: str
) -> None:
    found = bare.outcome("apply", NAME, "--version", version, preexec_fn=_deaf)
    assert (found["exit_code"], found.get("reason")) == (12, reason), found
    assert found["said"].endswith("orders runs 1.0.0 again")
    ignored = int((bare.folder / "ignored").read_text("ascii").split()[1], 16)
    assert not ignored >> (signal.SIGUSR1 - 1) & 1, "the command that starts the service inherits it"
    assert bare.links() == ("1.0.0", "")
    assert bare.wrong(plain.parent / "images") == []
    with urllib.request.urlopen(f"http://127.0.0.1:{bare.port}/", timeout=300) as answer:
        assert answer.status == 200


@pytest.mark.long
def test_without_a_start_command_it_is_said_that_nothing_runs(bare: Site) -> None:
    text = bare.config.read_text("utf-8")
    bare.config.write_text("\n".join(line for line in text.splitlines() if not line.startswith("start = ")), "utf-8")
    found = bare.outcome("apply", NAME, "--version", "1.2.0")
    assert (found["exit_code"], found["reason"]) == (12, "crashed"), found
    assert "`current` names 1.0.0 again, and no process of orders runs" in found["said"]
    assert "start the service" in found["hint"]
    assert bare.links() == ("1.0.0", "")


def test_nobody_but_the_service_gets_the_signal(bare: Site, tmp_path: Path) -> None:
    """The PID file names another process by now, which a signal would end."""
    program = tmp_path / "sleep"
    shutil.copy2(shutil.which("sleep") or "/bin/sleep", program)
    pid_file = bare.folder / "pid"
    own = pid_file.read_text("ascii")
    with subprocess.Popen([program, "600"]) as other:
        pid_file.write_text(f"{other.pid}\n", "ascii")
        code, _, err = bare.run("apply", NAME, "--version", "1.2.0")
        assert code == 2
        assert f"PID {other.pid} runs {program}, which is none of its releases" in err
        assert other.poll() is None
        other.kill()
    pid_file.write_text(own, "ascii")
