"""The commands, as a person types them; and the walk-through of docs/release.md, which is run as it is written."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from gate.cli import cli
from gate.release.repository.store import Repository
from scripts.truth.release_proof._scene import PASSPHRASE, SERVICE, images, tree
from tests.processes import command_lines

REPO = Path(__file__).parents[3]
PAGE = REPO / "docs" / "release.md"


def run(*arguments, env=None):
    variables = {"HOTGATE_DEBUG": "1", "PASSPHRASE": PASSPHRASE.decode(), **(env or {})}
    return CliRunner(catch_exceptions=False).invoke(cli, ["release", *map(str, arguments)], env=variables)


@pytest.mark.long
def test_the_walk_through_is_true(tmp_path):
    """Every `sh` block of the page, one after the other, by a shell that stops at the first command that fails."""
    blocks = re.findall(r"^( *)```sh\n(.*?)^ *```$", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    assert len(blocks) >= 7
    (tmp_path / "build").mkdir()
    for path, version in zip(images(2), ("1.4.0", "1.4.1"), strict=True):
        shutil.copy(path, tmp_path / "build" / f"orders-{version}")
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "PYTHONPATH": str(REPO)}
    done = subprocess.run(
        ["bash", "-eu", "-c", "\n".join(block for _, block in blocks)],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "orders 1.4.1" in done.stdout
    assert done.stdout.count("releases: whole; 2 releases of 1 service, 5 files, 1 delta applied") == 3
    assert "a passphrase for the build machine" not in done.stdout + done.stderr
    assert Repository(tmp_path / "releases").root.signed.version == 3
    assert re.search(r"^audit: 1:[0-9a-f]{64}$", done.stderr, re.MULTILINE)


def test_a_list_in_json(scene):
    done = run("list", scene.repo, "--root", scene.root, "--format", "json")
    assert done.exit_code == 0, done.stderr
    found = json.loads(done.stdout)["services"]["orders"]
    assert [each["version"] for each in found] == ["1.0", "1.1"]
    assert done.stderr == ""


def test_a_repository_that_is_not_whole_exits_with_10(scene):
    assert run("verify", scene.repo, "--root", scene.root).exit_code == 0
    place = next((scene.repo / "targets").rglob("*.delta"))
    place.write_bytes(place.read_bytes()[:-1])
    done = run("verify", scene.repo)
    assert done.exit_code == 10
    assert "delta" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["verify", "nowhere"], "no repository there: nowhere"),
        (["init", "repo", "--threshold", "root=3/2", "--passphrase-env", "PASSPHRASE"], "3 of 2 keys cannot sign"),
        (["init", "repo", "--threshold", "leaf=1/2", "--passphrase-env", "PASSPHRASE"], "not ROLE=K/N: leaf=1/2"),
        (["init", "repo", "--expires", "root=1s", "--passphrase-env", "PASSPHRASE"], "cannot hold for 1s"),
        (["init", "repo", "--passphrase-env", "hunter2"], "the environment variable that was named is not set"),
        (["init", "repo", "--passphrase-env", "NOT_THERE"], "the environment variable NOT_THERE is not set"),
        (["init", "repo", "--passphrase-file", "none"], "cannot read the passphrase file"),
        (["init", "repo"], "no passphrase for the keys"),
        (["list", "https://127.0.0.1:1/x"], "a URL needs a root of trust"),
        (["renew", "nowhere"], "no repository there: nowhere"),
    ],
)
def test_what_is_wrong_is_one_line(tmp_path, monkeypatch, arguments, error):
    monkeypatch.chdir(tmp_path)
    done = run(*arguments)
    assert done.exit_code == 2
    lines = done.stderr.splitlines()
    assert lines[0].startswith("error: ")
    assert error in lines[0]
    assert len(lines) <= 2
    assert done.stdout == ""
    assert "hunter2" not in done.stderr
    assert not (tmp_path / "hotgate-keys").exists()


def test_a_program_that_is_none_is_not_added(scene):
    done = run(
        "add",
        scene.repo,
        "/bin/sh",
        "--name",
        "orders",
        "--version",
        "2",
        "--keys",
        scene.keys,
        "--passphrase-env",
        "PASSPHRASE",
    )
    assert done.exit_code == 2
    assert "not a Go binary" in done.stderr


def test_the_group_is_listed_without_its_libraries():
    code = "import sys; from gate.cli.release import command; import click; command.list_commands(click.Context(command)); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=REPO, capture_output=True, text=True, check=True)
    assert not {"tuf", "cryptography", "zstandard", "numpy"} & set(done.stdout.split())


def test_an_addition_that_a_pipeline_ends_cleans_up(scene, tmp_path):
    """SIGTERM while a delta is made by a process of its own: neither that nor a folder is left, and the repository is the one before."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    before = tree(scene.repo / "metadata")
    argv = [sys.executable, "-m", "gate", "release", "add", str(scene.repo), str(scene.images[2]), "--name", SERVICE]
    argv += ["--version", "1.2", "--keys", str(scene.keys), "--passphrase-env", "PASSPHRASE"]
    environment = {**os.environ, "PASSPHRASE": PASSPHRASE.decode(), "TMPDIR": str(scratch), "PYTHONPATH": str(REPO)}
    process = subprocess.Popen(argv, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 300
    while not (makers := _makers(scratch)) and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=300)
    assert makers, said
    assert process.returncode == 128 + signal.SIGTERM, said
    assert "Traceback" not in said
    assert list(scratch.iterdir()) == []
    assert _makers(scratch) == []
    assert tree(scene.repo / "metadata") == before


def _makers(scratch: Path) -> list[str]:
    """Processes that make a delta in a folder below `scratch`."""
    return [line for line in command_lines().values() if "gate.release.delta.making" in line and str(scratch) in line]
