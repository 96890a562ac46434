"""A process that executes programs over and over from a thread of its own, as Go does: it is never taken for one that has ended."""

from __future__ import annotations

import os
import shutil
import subprocess
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from gate.apply.service.process import look
from gate.rehearsal.plan.seen import read_process as seen_by_plans
from gate.rehearsal.problem import CannotRehearse
from gate.rehearsal.stage.processes import descendants, image_of
from probes.live.proc.folder import NoProcess
from probes.live.proc.reading import read_process
from probes.live.proc.stat import Stat, parse_stat, read_stat
from tests.conftest import built_once, missing

if TYPE_CHECKING:
    from collections.abc import Iterator

SOURCE = """
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
static int left;
static char *rest;
static void *waits(void *unused) { for (;;) pause(); }
static void *executes(void *unused) {
    char next[20];
    usleep(atoi(rest));
    if (left == 0) _exit(0);
    snprintf(next, sizeof next, "%d", left - 1);
    execl("/proc/self/exe", "a) Z b", next, rest, (char *)0);
    abort();
}
int main(int argc, char **argv) {
    pthread_t thread;
    left = atoi(argv[1]);
    rest = argv[2];
    for (int i = 0; i < 6; i++) pthread_create(&thread, 0, waits, 0);
    pthread_create(&thread, 0, executes, 0);
    for (;;) pause();
}
"""
IMAGES = 500


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    compiler = shutil.which("gcc") or missing("no C compiler: apt-get install gcc libc6-dev")

    def build(out: Path) -> None:
        argv = [str(compiler), "-pthread", "-x", "c", "-", "-o", str(out)]
        subprocess.run(argv, input=SOURCE, text=True, check=True)

    return built_once(tmp_path_factory, "executes", build)


@contextmanager
def running(program: Path, images: int = IMAGES, seconds: float = 0.0) -> Iterator[int]:
    """The PID of one that runs so many images after each other, each for so long."""
    with subprocess.Popen([program, str(images), f"{seconds * 1e6:.0f}"]) as process:
        try:
            yield process.pid
        finally:
            process.kill()


def on_its_way(pid: int) -> bool:
    """Whether it is between two images at this moment; False once it has ended, too."""
    try:
        stat = parse_stat(Path("/proc", str(pid), "stat").read_bytes())
    except OSError:
        return False
    return stat.state == "Z" and not stat.ended


def is_over(pid: int) -> bool:
    """Whether it has ended, by waiting for it, and leaving that to be done again."""
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def test_a_process_that_executes_another_image_is_alive(program: Path) -> None:
    seen = 0
    with running(program) as pid:
        while True:
            seen += on_its_way(pid)
            alive = descendants(os.getpid())[pid].alive
            if is_over(pid):
                break
            assert alive
        assert not descendants(os.getpid())[pid].alive
    assert seen


def test_a_process_that_executes_another_image_is_waited_for(program: Path) -> None:
    seen = 0
    with running(program) as pid:
        file = program.stat()
        images = {(file.st_dev, file.st_ino), image_of(os.getpid())}  # ours: it was only just begun
        while True:
            seen += on_its_way(pid)
            found = look(pid, 60.0)
            if is_over(pid):
                break
            assert found is not None
            assert found.image in images
        assert look(pid) is None
    assert seen


def test_what_is_read_of_a_process_is_of_one_image(program: Path) -> None:
    seen = set()
    with running(program, 100, 0.02) as pid:
        while True:
            try:
                found = read_process(pid, watch=False)
            except NoProcess:
                assert is_over(pid)
                break
            seen.add(found.argv)
            assert {each.fd for each in found.descriptors or ()} >= {0, 1, 2}
            assert found.threads
        with pytest.raises(NoProcess):
            read_process(pid)
    assert len(seen) > 1


def test_a_plan_is_proposed_from_one_image(program: Path, monkeypatch) -> None:
    """While an image begins, its command line and environment are empty for a moment, though its file and descriptors are there."""
    monkeypatch.setenv("SEEN", "1")
    seen = set()
    with running(program, 400, 0.005) as pid:
        while True:
            try:
                found = seen_by_plans(pid)
            except CannotRehearse:
                assert is_over(pid)
                break
            seen.add(found.arguments)
            assert len(found.arguments) == 2
            assert "SEEN" in found.variables
    assert len(seen) > 1


def test_a_thread_of_the_kernel_runs_no_file() -> None:
    if Path("/proc/2/comm").exists() and Path("/proc/2/comm").read_bytes() == b"kthreadd\n":  # not in a PID namespace
        assert look(2) is None
        with pytest.raises(NoProcess):
            read_process(2)


@pytest.mark.parametrize(
    ("state", "threads", "ended"),
    [("R", 1, False), ("S", 8, False), ("Z", 1, True), ("Z", 2, False), ("X", 1, True), ("X", 0, True)],
)
def test_what_a_state_says(state: str, threads: int, *, ended: bool) -> None:
    assert Stat(state, 1, threads, 5).ended is ended


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (Stat("S", 1, 4, 9, stack=77), Stat("R", 1, 5, 9, stack=77), True),
        (Stat("S", 1, 4, 9, stack=77), Stat("R", 1, 5, 9, stack=78), False),
        (Stat("S", 1, 1, 9, stack=77), Stat("R", 1, 1, 9, stack=77), True),
        (Stat("S", 1, 4, 9, stack=77), Stat("R", 1, 1, 9, stack=77), False),
        (Stat("S", 1, 4, 9), Stat("R", 1, 5, 9), True),
        (Stat("Z", 1, 4, 9), Stat("Z", 1, 4, 9), False),
        (Stat("S", 1, 4, 9), Stat("Z", 1, 2, 9), False),
        (Stat("R", 1, 4, 9, flags=4), Stat("R", 1, 4, 9), False),
        (Stat("R", 1, 1, 9, stack=77, code=5), Stat("R", 1, 1, 9, stack=77, code=5), True),
        (Stat("R", 1, 1, 9, stack=77, code=0), Stat("R", 1, 1, 9, stack=77, code=5), False),
        (Stat("R", 1, 1, 9, code=0), Stat("R", 1, 1, 9, code=0), False),
    ],
)
def test_whether_an_image_ran_on(one: Stat, other: Stat, *, same: bool) -> None:
    assert one.runs_on(other) is same


def test_a_kernel_that_never_tells_where_code_begins_has_images_all_the_same(monkeypatch) -> None:
    monkeypatch.setattr("probes.live.proc.stat._code_is_told", lambda: False)
    assert Stat("R", 1, 1, 9, code=0).runs_on(Stat("R", 1, 1, 9, code=0))


LINE = b"7 (a) Z b) %s 3 7 7 0 -1 4194304 0 0 0 0 0 0 0 0 20 0 %d 0 99 0 0 0\n"


def test_a_name_may_hold_anything() -> None:
    assert parse_stat(LINE % (b"S", 4)) == Stat("S", 3, 4, 99, 4194304)


@pytest.mark.parametrize("text", [b"", b"7 (a) S 3", b"7 (a) S x" + b" 1" * 20, b"\0" * 100])
def test_what_is_no_stat_is_refused(text: bytes) -> None:
    with pytest.raises(ValueError, match=r"not a stat|invalid literal"):
        parse_stat(text)


def test_what_a_thread_is_about_to_replace_is_read_again() -> None:
    looks = iter([LINE % (b"X", 0), LINE % (b"Z", 0), LINE % (b"R", 1), LINE % (b"S", 1)])
    assert read_stat(lambda: next(looks)) == Stat("R", 3, 1, 99, 4194304)


def test_what_is_gone_stays_gone() -> None:
    assert read_stat(lambda: LINE % (b"X", 0)).ended
