"""The drill: every component of a plan is really rehearsed, in its order, and recorded."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from scripts.programs import rehearsed_services
from scripts.programs.gobuild import BuildFailed
from tests.conftest import missing
from tests.fleet.plans import hotgate, write

REPO = Path(__file__).parents[2]
PLAN = """[rehearsal]
command = ["{binary}", "-listen", "127.0.0.1:{port}"]
ready = "http://127.0.0.1:{port}/"
updates = 1
[rehearsal.load]
rate = 20
requests = ["GET /"]
[rehearsal.drills]
crash = false
hang = false
cut_off = false
twice = false
busy = false
kill = false
"""
RELEASE = "name: shop\ncomponents:\n  - {name: api, version: v2, depends_on: [cache]}\n  - {name: cache, version: v2}\n"


def test_a_program_that_is_missing_is_said_before_anything_is_run(tmp_path: Path) -> None:
    done = hotgate("fleet", "drill", write(tmp_path, RELEASE), "--binaries", str(tmp_path / "programs"))
    assert done.exit_code == 2
    assert f"no program of cache: {tmp_path}/programs/cache/old" in done.stderr


@pytest.mark.long
@pytest.mark.patient
def test_the_whole_plan_is_rehearsed_and_recorded(go_toolchain: Path, tmp_path: Path) -> None:
    for name in ("cache", "api"):
        folder = tmp_path / "programs" / name
        folder.mkdir(parents=True)
        try:
            rehearsed_services.build(folder / "old", go_toolchain)
        except BuildFailed as exc:
            missing(str(exc))
        shutil.copy2(folder / "old", folder / "new")
        write(folder, PLAN, "hotgate.toml")
    rehearsed_services.build(tmp_path / "programs" / "api" / "new", go_toolchain, "flag")
    argv = [
        sys.executable,
        "-m",
        "gate",
        "fleet",
        "drill",
        write(tmp_path, RELEASE),
        "--binaries",
        str(tmp_path / "programs"),
    ]
    argv += ["--isolate", "no", "--audit", "--store", str(tmp_path / "store.db"), "--format", "json"]
    done = subprocess.run(argv, cwd=REPO, capture_output=True, text=True, check=False, timeout=500)
    found = json.loads(done.stdout)
    assert (done.returncode, found["verdict"]) == (10, "block"), done.stderr
    assert [(row["component"], row["verdict"]) for row in found["components"]] == [("cache", "pass"), ("api", "block")]
    listed = subprocess.run(
        [sys.executable, "-m", "gate", "rehearse", "list", "--store", str(tmp_path / "store.db")],
        cwd=REPO,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert "drill of shop: cache" in listed
    assert "drill of shop: api" in listed
