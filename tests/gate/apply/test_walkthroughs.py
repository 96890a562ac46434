"""The commands of both walk-throughs, run as the documentation has them, on a host below a temporary folder."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from scripts.truth.hazards import free_port, image
from scripts.truth.release_proof._site import orders

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.long, pytest.mark.patient]

REPO = Path(__file__).parents[3]
BLOCKS = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PREFIXES = ("/srv/", "/etc/", "/var/lib/hotgate", "/media/")
PATIENCE = 600


class Walk:
    """A page, and the folder that stands for the root of the host."""

    def __init__(self, page: str, root: Path, images: Path) -> None:
        self.root, self.work = root, root / "work"
        self.port = free_port()
        self.blocks = BLOCKS.findall((REPO / "docs" / page).read_text("utf-8"))
        (self.work / "build").mkdir(parents=True)
        for version in ("1.0.0", "1.1.0"):
            shutil.copy2(images / version, self.work / "build" / f"orders-{version}")
        examples = self.work / "docs" / "examples"
        examples.mkdir(parents=True)
        for each in (REPO / "docs" / "examples").glob("orders*"):
            text = self.here(each.read_text("utf-8"))
            (examples / each.name).write_text(text.replace('within = "5m"', 'within = "6s"'), "utf-8")
        programs = root / "bin"
        programs.mkdir()
        (programs / "systemctl").write_text(
            f'#!/bin/sh\nexec "{sys.executable}" "{Path(__file__).with_name("systemd.py")}" ctl "{root}" "$@"\n',
            "utf-8",
        )
        (programs / "hotgate").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m gate "$@"\n', "utf-8")
        for each in programs.iterdir():
            each.chmod(0o755)
        own = {name: value for name, value in os.environ.items() if not name.startswith("HOTGATE_")}
        self.environment = {**own, "PATH": f"{programs}:{own['PATH']}", "PYTHONPATH": str(REPO), "HOME": str(root)}

    def here(self, text: str) -> str:
        """`text` with the host's folders below the temporary one, its port a free one, and nobody else's files owned."""
        for prefix in PREFIXES:
            text = text.replace(prefix, f"{self.root}{prefix}")
        text = text.replace("127.0.0.1:8080", f"127.0.0.1:{self.port}")
        return re.sub(r"^(owner = |User=).*\n", "", text, flags=re.MULTILINE)

    def run(self, number: int) -> list[str]:
        """What each command of a block prints; all of them have to succeed."""
        said = []
        for line in self.here(self.blocks[number]).splitlines():
            done = subprocess.run(
                ["sh", "-c", line],
                cwd=self.work,
                env=self.environment,
                capture_output=True,
                text=True,
                check=False,
                timeout=PATIENCE,
            )
            assert done.returncode == 0, f"{line}: {done.returncode}\n{done.stdout}{done.stderr}"
            said.append(done.stdout)
        return said

    def fails(self, line: str) -> str:
        done = subprocess.run(
            ["sh", "-c", self.here(line)],
            cwd=self.work,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE,
        )
        assert done.returncode == 2, done
        return done.stderr


@contextmanager
def manager(walk: Walk) -> Iterator[subprocess.Popen[bytes]]:
    """The stand-in for systemd; it and the services that it started are ended with the block."""
    program = Path(__file__).with_name("systemd.py")
    with subprocess.Popen(
        [sys.executable, str(program), "serve", str(walk.root)], env=walk.environment, start_new_session=True
    ) as process:
        try:
            deadline = time.monotonic() + 300
            while not (walk.root / "control").exists() and time.monotonic() < deadline:
                time.sleep(0.05)
            yield process
        finally:
            os.killpg(process.pid, 9)
            process.wait()


@pytest.fixture
def short() -> Iterator[Path]:
    """A folder with a short name: sockets have paths of at most 108 bytes."""
    import tempfile  # noqa: PLC0415 - here only

    with tempfile.TemporaryDirectory(prefix="hg-") as name:
        yield Path(name)


def test_a_systemd_host(short: Path, images: Path) -> None:
    walk = Walk("walkthrough-systemd.md", short, images)
    with manager(walk):
        walk.run(0)
        walk.run(1)
        first, pid = walk.run(2)
        assert "orders runs 1.0.0" in first
        assert image(walk.port)["pid"] == int(pid)
        with orders(walk.port) as statuses:
            while len(statuses) < 50:
                time.sleep(0.05)
            added, dry, applied = walk.run(3)
            assert "1.1.0" in added
            assert "1.1.0 may replace 1.0.0" in dry
            assert "orders runs 1.1.0" in applied
            assert "1 rule found nothing" in applied
        assert image(walk.port)["pid"] == int(pid), "in place"
        assert image(walk.port)["generation"] == 2
        assert set(statuses) == {201}
        (listed,) = walk.run(4)
        assert re.search(r"1\.1\.0\s+current, runs", listed)
        back, audited = walk.run(5)
        assert "orders runs 1.0.0" in back
        assert "whole" in audited
        assert image(walk.port)["generation"] == 3


def test_a_host_without_a_network(short: Path, images: Path) -> None:
    walk = Walk("walkthrough-air-gapped.md", short, images)
    (walk.root / "media/stick").mkdir(parents=True)
    walk.run(0)
    walk.run(1)
    walk.run(2)
    *_, first = walk.run(3)
    assert "`current` names 1.0.0, and no process of orders runs" in first
    program = walk.root / "srv/orders/current/orders"
    with (walk.root / "log").open("wb") as log:
        command = [program, "-listen", f"127.0.0.1:{walk.port}", "-next", program]
        with subprocess.Popen(command, stderr=log, cwd="/") as process:
            try:
                (walk.root / "srv/orders/pid").write_text(f"{process.pid}\n", "ascii")
                deadline = time.monotonic() + 300
                while b"listening" not in (walk.root / "log").read_bytes() and time.monotonic() < deadline:
                    time.sleep(0.05)
                old = walk.root / "old-stick"
                shutil.copytree(walk.root / "media/stick/repository", old)
                *_, applied, listed = walk.run(4)
                assert "orders runs 1.1.0" in applied
                assert re.search(r"1\.1\.0\s+current, runs", listed)
                assert image(walk.port)["generation"] == 2

                journal = (walk.root / "srv/orders/.hotgate/journal.jsonl").read_text("utf-8")
                assert '"way": "delta"' in journal
                said = walk.fails(f"hotgate apply orders --config /etc/hotgate/hotgate.toml --repo {old}")
                assert "older than what this host has seen" in said
            finally:
                process.kill()


def test_they_are_walked_from_the_first_block_to_the_last() -> None:
    pages = {
        page: len(BLOCKS.findall((REPO / "docs" / page).read_text("utf-8")))
        for page in ("walkthrough-systemd.md", "walkthrough-air-gapped.md")
    }
    assert pages == {"walkthrough-systemd.md": 6, "walkthrough-air-gapped.md": 5}
