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
from gate.rehearsal.stage.processes import descendants, image_of
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
static void *waits(void *unused) { for (;;) pause(); }
static void *executes(void *unused) {
    char next[20];
    if (left == 0) _exit(0);
    snprintf(next, sizeof next, "%d", left - 1);
    execl("/proc/self/exe", "a) Z b", next, (char *)0);
    abort();
}
int main(int argc, char **argv) {
    pthread_t thread;
    left = atoi(argv[1]);
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
def running(program: Path) -> Iterator[int]:
    with subprocess.Popen([program, str(IMAGES)]) as process:
        try:
            yield process.pid
        finally:
            process.kill()


def on_its_way(pid: int) -> bool:
    """Whether it is between two images at this moment; False once it has ended, too."""
    try:
        return parse_stat(Path("/proc", str(pid), "stat").read_bytes()).executing
    except OSError:
        return False


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


def test_a_thread_of_the_kernel_runs_no_file() -> None:
    for name in os.listdir("/proc"):  # noqa: PTH208 - names are enough
        if name.isdecimal() and Path("/proc", name, "comm").read_bytes() == b"kthreadd\n":
            assert look(int(name)) is None


@pytest.mark.parametrize(
    ("state", "threads", "executing", "ended"),
    [
        ("R", 1, False, False),
        ("S", 8, False, False),
        ("Z", 1, False, True),
        ("Z", 2, True, False),
        ("X", 1, False, True),
        ("X", 0, False, True),
    ],
)
def test_what_a_state_says(state: str, threads: int, *, executing: bool, ended: bool) -> None:
    stat = Stat(state, 1, threads, 5)
    assert (stat.executing, stat.ended) == (executing, ended)


LINE = b"7 (a) Z b) %s 3 7 7 0 -1 4194304 0 0 0 0 0 0 0 0 20 0 %d 0 99 0 0 0\n"


def test_a_name_may_hold_anything() -> None:
    assert parse_stat(LINE % (b"S", 4)) == Stat("S", 3, 4, 99)


@pytest.mark.parametrize("text", [b"", b"7 (a) S 3", b"7 (a) S x" + b" 1" * 20, b"\0" * 100])
def test_what_is_no_stat_is_refused(text: bytes) -> None:
    with pytest.raises(ValueError, match=r"not a stat|invalid literal"):
        parse_stat(text)


def test_what_a_thread_is_about_to_replace_is_read_again() -> None:
    looks = iter([LINE % (b"X", 0), LINE % (b"Z", 0), LINE % (b"R", 1), LINE % (b"S", 1)])
    assert read_stat(lambda: next(looks)) == Stat("R", 3, 1, 99)


def test_what_is_gone_stays_gone() -> None:
    assert read_stat(lambda: LINE % (b"X", 0)).ended
