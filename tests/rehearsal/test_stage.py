"""The stage: images that fail, namespaces, and an end that leaves nothing whatever is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from gate.rehearsal.stage import folder as folders
from gate.rehearsal.stage.images import Images, tiny_program
from gate.rehearsal.stage.isolation import best_level
from gate.rehearsal.stage.processes import descendants, image_of
from scripts.programs.gobuild import host_arch
from tests.rehearsal.conftest import environment, plan

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.rehearsal.conftest import Build

PATIENCE = 120.0


def until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


def test_tiny_programs_do_what_they_are_named_for(tmp_path: Path) -> None:
    for kind in ("crash", "spin", "hang"):
        data = tiny_program(host_arch(), kind)
        assert data is not None
        (tmp_path / kind).write_bytes(data)
        (tmp_path / kind).chmod(0o755)
    assert subprocess.run([tmp_path / "crash", "-listen", "x"], check=False).returncode == 3
    assert subprocess.run([tmp_path / "spin"], check=False).returncode == 0
    hanging = subprocess.Popen([tmp_path / "hang"])
    try:
        until(lambda: image_of(hanging.pid) == ((s := (tmp_path / "hang").stat()).st_dev, s.st_ino), "it never started")
        with pytest.raises(subprocess.TimeoutExpired):
            hanging.wait(0.3)
    finally:
        hanging.kill()
        hanging.wait()


def test_an_image_is_known_by_its_file_also_when_its_name_is_gone(tmp_path: Path) -> None:
    for name in ("bin", "images"):
        (tmp_path / name).mkdir()
    hang = tiny_program(host_arch(), "hang")
    assert hang is not None
    for name in ("old", "new"):
        (tmp_path / "images" / name).write_bytes(hang)
    images = Images(tmp_path, "shop")
    first = images.place("old")
    running = subprocess.Popen([images.path])
    try:
        until(lambda: image_of(running.pid) == first, "it never started")
        second = images.place("new")
        assert first != second
        assert (images.name_of(image_of(running.pid)), images.name_of(second)) == ("old", "new")
    finally:
        running.kill()
        running.wait()


def test_folders_that_nobody_holds_are_swept_and_others_are_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folders.tempfile, "gettempdir", lambda: str(tmp_path))
    monkeypatch.setattr(folders.tempfile, "tempdir", str(tmp_path))
    held, lock = folders.make_folder()
    orphan, other = folders.make_folder()
    kept, third = folders.make_folder()
    folders.keep(kept)
    os.close(other)
    os.close(third)
    (orphan / "work" / "closed").mkdir(mode=0o000)
    folders.sweep(tmp_path)
    assert (held.exists(), orphan.exists(), kept.exists()) == (True, False, True)
    os.close(lock)


def test_require_refuses_where_there_are_no_namespaces(program: Build, tmp_path: Path) -> None:
    code = (
        "import gate.rehearsal.run as run; run.best_level = lambda: ('none', 'Operation not permitted'); "
        "from gate.cli import main; main()"
    )
    plan(tmp_path)
    done = subprocess.run(
        [sys.executable, "-c", code, "rehearse", program("good"), program("good"), "--isolate=require"],
        cwd=tmp_path, env=environment(tmp_path), capture_output=True, text=True, timeout=PATIENCE, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "allows no namespaces" in done.stderr


@pytest.mark.parametrize("isolate", ["auto", "no"])
@pytest.mark.parametrize("victim", ["command", "keeper", "performer", "interrupt"])
def test_killed_half_way_it_leaves_nothing(program: Build, tmp_path: Path, victim: str, isolate: str) -> None:
    if isolate == "auto" and best_level()[0] != "full" and victim == "performer":
        pytest.skip("no PID namespace")
    plan(tmp_path)
    command = [sys.executable, "-m", "gate", "rehearse", program("good"), program("good"), f"--isolate={isolate}"]
    process = subprocess.Popen(
        command, cwd=tmp_path, env=environment(tmp_path), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    service = str(program("good").name)

    def everybody() -> dict[int, str]:
        found = {}
        for pid in descendants(process.pid):
            try:
                found[pid] = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
            except OSError:
                continue
        return found

    def running() -> bool:
        return any(f"/bin/{service}" in line for line in everybody().values())

    until(running, "the service never started")
    seen = everybody()
    keepers = sorted(pid for pid, line in seen.items() if "gate.rehearsal.keeper" in line)
    chosen = {"command": process.pid, "interrupt": process.pid, "keeper": keepers[0], "performer": keepers[-1]}[victim]
    os.kill(chosen, signal.SIGINT if victim == "interrupt" else signal.SIGKILL)
    _, said = process.communicate(timeout=PATIENCE)
    until(lambda: not [pid for pid in seen if _is_alive(pid)], "processes are left")
    until(lambda: not list((tmp_path / "tmp").glob("hotgate-rehearsal-*")), "a folder is left")
    assert "Traceback" not in said
    if victim == "interrupt":
        assert process.returncode == 130
        assert "interrupted: everything that the rehearsal started has been ended" in said
    elif victim != "command":
        assert process.returncode == 2
        assert "the rehearsal was ended from outside" in said


def _is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[0] not in b"ZX"
    except OSError:
        return False
