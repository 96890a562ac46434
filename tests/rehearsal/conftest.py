"""Services that are rehearsed, each built once, and the command as a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from scripts.programs import handoff_services, rehearsed_services
from scripts.programs.gobuild import BuildFailed
from tests.conftest import built_once, live_programs, missing

if TYPE_CHECKING:
    from collections.abc import Callable

    Build = Callable[..., Path]
    Rehearse = Callable[..., tuple[int, dict[str, Any], str]]

REPO = Path(__file__).parents[2]
PATIENCE = 500
PLAN = """[rehearsal]
command = ["{{binary}}", "-listen", "127.0.0.1:{{port}}"]
ready = "http://127.0.0.1:{{port}}{path}"
trigger = "{trigger}"
within = "20s"
updates = {updates}
pause = "60s"
{more}
[rehearsal.load]
rate = 60
requests = ["GET {path}", "POST {path}"]
expect = [200, 201, 400]
[rehearsal.drills]
crash = {drills}
hang = false
cut_off = false
twice = false
busy = false
kill = false
"""


@pytest.fixture(scope="session")
def program(go_toolchain: Path, tmp_path_factory: pytest.TempPathFactory) -> Build:
    """`program("good")`, `program("flag")` of the service with faults, `program("tableflip")`, `program("live", "better")`."""
    live = live_programs(go_toolchain, tmp_path_factory)

    def make(name: str, out: Path) -> None:
        if name in handoff_services.NAMES:
            handoff_services.build(out, name, go_toolchain)
        else:
            rehearsed_services.build(out, go_toolchain, "" if name == "good" else name)

    def build(name: str, variant: str | None = None) -> Path:
        try:
            if name == "live":
                return live(variant)
            return built_once(tmp_path_factory, f"rehearsed-{name}", lambda out: make(name, out))
        except BuildFailed as exc:
            missing(f"it cannot be built: {exc}")
            raise

    return build


def environment(tmp_path: Path) -> dict[str, str]:
    """Everything that a rehearsal leaves would be below `tmp_path`."""
    (tmp_path / "tmp").mkdir(exist_ok=True)
    return {**os.environ, "TMPDIR": str(tmp_path / "tmp"), "PYTHONPATH": str(REPO)}


def plan(  # noqa: PLR0913 - keywords, one a key
    tmp_path: Path, *, trigger: str = "SIGUSR2", path: str = "/", updates: int = 2, drills: bool = False, more: str = ""
) -> Path:
    file = tmp_path / "hotgate.toml"
    text = PLAN.format(trigger=trigger, path=path, updates=updates, drills=str(drills).lower(), more=more)
    file.write_text(text, "utf-8")
    return file


@pytest.fixture
def rehearse(tmp_path: Path) -> Rehearse:
    """Run the command in `tmp_path`, by `before` if that is given: its exit code, its report, and what it said on stderr."""

    def run(*arguments: object, before: tuple[str, ...] = ()) -> tuple[int, dict[str, Any], str]:
        command = [*before, sys.executable, "-m", "gate", "rehearse", *map(str, arguments), "--format", "json"]
        done = subprocess.run(
            command,
            cwd=tmp_path,
            env=environment(tmp_path),
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        report = json.loads(done.stdout) if done.stdout else {}
        assert not list((tmp_path / "tmp").glob("hotgate-rehearsal-*")), "a folder is left"
        return done.returncode, report, done.stderr

    return run
