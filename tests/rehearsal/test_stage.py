"""The stage: images that fail, namespaces, and an end that leaves nothing whatever is killed."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from gate.rehearsal.stage import folder as folders
from gate.rehearsal.stage.images import Images, tiny_program
from gate.rehearsal.stage.isolation import best_level, bubblewrap_works
from gate.rehearsal.stage.processes import descendants, image_of
from scripts.programs.gobuild import host_arch
from tests.conftest import first, missing
from tests.processes import command_lines
from tests.rehearsal.conftest import environment, plan

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.rehearsal.conftest import Build

PATIENCE = 300.0
UNSHARE = "unshare or mount is missing: apt-get install util-linux mount"


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
    held, orphan, kept = (folders.new_folder() for _ in range(3))
    lock, other, third = map(folders.make_folder, (held, orphan, kept))
    folders.keep(kept)
    os.close(other)
    os.close(third)
    (orphan / "work" / "closed").mkdir(mode=0o000)
    folders.sweep(tmp_path)
    assert (held.exists(), orphan.exists(), kept.exists()) == (True, False, True)
    os.close(lock)


NO_MORE = 'echo 0 > /proc/sys/user/max_user_namespaces && exec "$@"'
"""In a user namespace of its own: from here on the kernel makes none, as in a container that allows none."""


def rehearsed(
    tmp_path: Path, program: Path, *options: str, before: tuple[str, ...] = (), **env: str
) -> subprocess.CompletedProcess[str]:
    command = [
        *before,
        sys.executable,
        "-m",
        "gate",
        "rehearse",
        str(program),
        str(program),
        "--format",
        "json",
        *options,
    ]
    return subprocess.run(
        command, cwd=tmp_path, env=environment(tmp_path) | env, capture_output=True, text=True, timeout=500, check=False
    )


@pytest.mark.skipif(best_level()[0] == "none", reason="takes namespaces to forbid them")
def test_where_the_kernel_allows_no_namespaces_it_does_without_or_refuses(program: Build, tmp_path: Path) -> None:
    if shutil.which("unshare") is None:
        missing(UNSHARE)
    plan(tmp_path, updates=1)
    before = ("unshare", "--user", "--map-root-user", "sh", "-c", NO_MORE, "sh")
    done = rehearsed(tmp_path, program("good"), "--isolate=require", before=before)
    assert (done.returncode, "allows no namespaces" in done.stderr) == (2, True), done.stderr
    done = rehearsed(tmp_path, program("good"), before=before)
    assert done.returncode == 0, done.stderr
    section = json.loads(done.stdout)["rehearsal"]
    assert section["isolation"].startswith("no namespaces")
    assert any(note.startswith("isolation: ") for note in section["notes"])
    (tmp_path / "hotgate.toml").unlink()
    done = rehearsed(tmp_path, program("good"), before=before)
    assert (done.returncode, "without a plan" in done.stderr) == (2, True), done.stderr


@pytest.mark.long
def test_bubblewrap_makes_them_where_the_own_calls_may_not(program: Build, tmp_path: Path) -> None:
    if shutil.which("bwrap") is None:
        missing("bubblewrap is missing: apt-get install bubblewrap")
    if not bubblewrap_works():
        pytest.skip("bubblewrap may not make namespaces here")
    plan(tmp_path, updates=1)
    code = "import gate.rehearsal.run as run; run.best_level = lambda: ('bubblewrap', 'x'); from gate.cli import main; main()"
    command = [sys.executable, "-c", code, "rehearse", program("good"), program("good"), "--format", "json"]
    done = subprocess.run(
        command, cwd=tmp_path, env=environment(tmp_path), capture_output=True, text=True, timeout=500, check=False
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["rehearsal"]["isolation"].endswith("by bubblewrap")


@pytest.mark.skipif(best_level()[0] != "full", reason="takes a mount namespace")
@pytest.mark.parametrize("size", ["4m", "26m"])
def test_a_full_disk_is_said_in_one_line_and_nothing_is_left(program: Build, tmp_path: Path, size: str) -> None:
    if shutil.which("unshare") is None or shutil.which("mount") is None:
        missing(UNSHARE)
    plan(tmp_path)
    (tmp_path / "full").mkdir()
    script = f'mount -t tmpfs -o size={size} none {tmp_path}/full && "$@"; code=$?; ls {tmp_path}/full; exit $code'
    before = ("unshare", "--user", "--mount", "--map-root-user", "sh", "-c", script, "sh")
    done = rehearsed(tmp_path, program("good"), before=before, TMPDIR=str(tmp_path / "full"))
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    assert "No space left on device" in done.stderr
    assert len(done.stderr.strip().splitlines()) <= 2


def test_a_plan_s_own_load_counts_by_its_exit_code(program: Build, tmp_path: Path) -> None:
    text = (
        plan(tmp_path)
        .read_text("utf-8")
        .replace("rate = 60", 'command = ["sh", "-c", "echo 12 requests, 3 failed; exit 9"]')
    )
    (tmp_path / "hotgate.toml").write_text(text, "utf-8")
    done = rehearsed(tmp_path, program("good"))
    report = json.loads(done.stdout)
    assert (done.returncode, [each["rule"] for each in report["findings"]]) == (10, ["HG801"])
    assert "sh, which exited with 9: 12 requests, 3 failed" in report["findings"][0]["message"]


@pytest.mark.long
def test_a_load_of_several_processes_ends_as_one(program: Build, tmp_path: Path) -> None:
    load = """trap 'echo 7 sent' INT; (trap 'exit 0' INT; while true; do echo x; sleep 0.05; done) | wc -l; wait"""
    text = plan(tmp_path).read_text("utf-8").replace("rate = 60", f'command = ["sh", "-c", {json.dumps(load)}]')
    (tmp_path / "hotgate.toml").write_text(text, "utf-8")
    done = rehearsed(tmp_path, program("good"))
    report = json.loads(done.stdout)
    assert (done.returncode, report["findings"]) == (0, []), done.stderr
    assert report["rehearsal"]["load"]["external"].startswith("sh, which ended when it was told to:")
    assert "7 sent" in report["rehearsal"]["load"]["external"]


def test_a_control_run_changes_no_image_and_passes_nothing(program: Build, tmp_path: Path) -> None:
    plan(tmp_path, updates=3)
    done = rehearsed(tmp_path, program("good"), "--updates", "0")
    report = json.loads(done.stdout)
    assert (done.returncode, report["verdict"], [each["rule"] for each in report["findings"]]) == (
        11,
        "inconclusive",
        ["HG802"],
    )
    section = report["rehearsal"]
    assert (section["updates"], section["drills"], section["planned"]) == ([], [], 0)
    assert section["load"]["control"] > 100
    assert section["load"]["control_lost"] == []


def test_the_folder_is_left_for_a_look_when_asked_for(program: Build, tmp_path: Path) -> None:
    plan(tmp_path, updates=1)
    done = rehearsed(tmp_path, program("good"), "--keep")
    assert done.returncode == 0, done.stderr
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("kept: ")]
    folder = Path(line.removeprefix("kept: "))
    assert (folder / "service.log").is_file()
    assert not [each for each in Path("/proc").glob("[0-9]*") if _runs_below(each, folder)]
    shutil.rmtree(folder)


def test_a_port_that_is_taken_is_said_in_one_line(program: Build, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        text = plan(tmp_path).read_text("utf-8").replace("{port}", str(port))
        (tmp_path / "hotgate.toml").write_text(text, "utf-8")
        done = rehearsed(tmp_path, program("good"), "--isolate=no")
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    assert "address already in use" in done.stderr
    assert len(done.stderr.strip().splitlines()) <= 2
    assert not list((tmp_path / "tmp").glob("hotgate-rehearsal-*"))


def test_a_service_beyond_its_limits_ends_the_rehearsal(program: Build, tmp_path: Path) -> None:
    with plan(tmp_path).open("a", encoding="utf-8") as file:
        file.write('[rehearsal.limits]\nmemory = "1MB"\n')
    done = rehearsed(tmp_path, program("good"))
    assert (done.returncode, "rehearsal.limits.memory is 1 MB" in done.stderr) == (2, True), done.stderr


@pytest.mark.parametrize("isolate", first(1, ["auto", "no"]))
@pytest.mark.parametrize("victim", ["command", "keeper", "performer", "interrupt", "terminate"])
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
        return command_lines(descendants(process.pid))

    def running() -> bool:
        return any(f"/bin/{service}" in line for line in everybody().values())

    until(running, "the service never started")
    seen = everybody()
    keepers = sorted(pid for pid, line in seen.items() if "gate.rehearsal.keeper" in line)
    # The performer is the second; a third is what it is about to start, which has not executed its program yet.
    performer = keepers[:2][-1]
    chosen = {"keeper": keepers[0], "performer": performer}.get(victim, process.pid)
    gently = {"interrupt": signal.SIGINT, "terminate": signal.SIGTERM}
    os.kill(chosen, gently.get(victim, signal.SIGKILL))
    _, said = process.communicate(timeout=PATIENCE)
    until(lambda: not [pid for pid in seen if _is_alive(pid)], "processes are left")
    until(lambda: not list((tmp_path / "tmp").glob("hotgate-rehearsal-*")), "a folder is left")
    assert "Traceback" not in said
    if victim in gently:
        assert process.returncode == 128 + gently[victim]
        assert "interrupted: everything that the rehearsal started has been ended" in said
    elif victim != "command":
        assert process.returncode == 2
        assert "the rehearsal was ended from outside" in said


def _runs_below(process: Path, folder: Path) -> bool:
    try:
        return (process / "cwd").readlink().is_relative_to(folder)
    except OSError:
        return False


def _is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[0] not in b"ZX"
    except OSError:
        return False
