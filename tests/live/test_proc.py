"""`/proc` of real processes."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from probes.live.facts import LiveFacts
from probes.live.gathering import Asked, gather
from probes.live.proc import reading, topics
from probes.live.proc.folder import Folder
from probes.live.proc.reading import NoProcess, read_process
from probes.live.proc.timers import LOOK_SECONDS, Look, Watcher, used_for_certain
from probes.live.topics import ProfilerFacts

if TYPE_CHECKING:
    from collections.abc import Iterator

NOBODY = 4_194_303


@contextmanager
def child(code: str, **options) -> Iterator[subprocess.Popen[str]]:
    """A Python process that runs `code`, says `ready` and waits for a line."""
    script = (
        f"import os, signal, socket, sys, threading, time\n{code}\nprint('ready', flush=True)\nsys.stdin.readline()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, **options
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield process
    finally:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()


def test_descriptors_listeners_and_what_would_leak(tmp_path):
    code = f"""
tcp = socket.create_server(("127.0.0.1", 0))
six = socket.create_server(("::1", 0), family=socket.AF_INET6)
unix = socket.socket(socket.AF_UNIX); unix.bind({str(tmp_path / "s")!r}); unix.listen()
idle = socket.socket()
kept = os.open("/dev/null", os.O_RDONLY); os.set_inheritable(kept, True)
print(tcp.getsockname()[1], six.getsockname()[1], kept, flush=True)
"""
    script = code + "print('ready', flush=True)\nsys.stdin.readline()"
    with subprocess.Popen(
        [sys.executable, "-c", "import os, socket, sys\n" + script],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        four, six, kept = process.stdout.readline().split()
        process.stdout.readline()
        facts = topics.descriptors(read_process(process.pid), frozenset())
        process.kill()
    assert facts is not None
    assert {each.address for each in facts.listeners} == {
        f"tcp 127.0.0.1:{four}",
        f"tcp [::1]:{six}",
        f"unix {tmp_path / 's'}",
    }
    assert all(each.close_on_exec and not each.handed_over for each in facts.listeners)
    assert (int(kept), "/dev/null") in facts.leaking
    assert facts.complete


def test_a_listener_that_the_service_hands_over_is_told_by_its_inode():
    with socket.create_server(("127.0.0.1", 0)) as server:
        inode = os.fstat(server.fileno()).st_ino
        found = topics.descriptors(read_process(os.getpid()), frozenset([inode]))
    assert found is not None
    assert [each.handed_over for each in found.listeners] == [True]


def test_a_socket_with_a_descriptor_that_stays_open_is_handed_over():
    """Socket activation: Go listens on a copy of descriptor 3, which stays open itself."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        copy = os.dup(server.fileno())
        try:
            os.set_inheritable(copy, True)
            found = topics.descriptors(read_process(os.getpid()), frozenset())
        finally:
            os.close(copy)
    assert found is not None
    assert [(each.close_on_exec, each.handed_over) for each in found.listeners] == [(False, True)]


def test_threads_that_run_are_looked_at_together(monkeypatch):
    pauses: list[float] = []
    monkeypatch.setattr("probes.live.proc.reading.time.sleep", pauses.append)
    text = Folder.text
    runs = "running\n"
    monkeypatch.setattr(Folder, "text", lambda f, name: runs if name.endswith("/syscall") else text(f, name))
    code = "for _ in range(5): threading.Thread(target=time.sleep, args=(60,), daemon=True).start()"
    with child(code) as process:
        facts = read_process(process.pid)
    assert [thread.pc for thread in facts.threads] == [None] * 6
    assert pauses == [reading.LOOK_PAUSE] * (reading.LOOKS - 1)


@pytest.mark.parametrize(("running", "watched"), [(False, True), (True, False)])
def test_the_use_of_timers_is_watched_unless_the_service_says_that_a_profile_runs(monkeypatch, running, watched):
    asked: list[bool] = []

    async def said(_asked: Asked) -> LiveFacts:
        return LiveFacts(profiler=ProfilerFacts("goprobe", running, "heartbeat" if running else "none"))

    def look(pid: int, *, watch: bool, look: Look | None):
        asked.append(watch)
        return read_process(pid, watch=watch, look=look)

    monkeypatch.setattr("probes.live.gathering._ask", said)
    monkeypatch.setattr("probes.live.gathering.read_process", look)
    monkeypatch.setattr("probes.live.proc.reading.profile_timers", lambda *_: [1])
    monkeypatch.setattr("probes.live.proc.reading.used_for_certain", lambda *_: 1)
    with child("") as process:
        facts = asyncio.run(gather(Asked(url="http://127.0.0.1:1", pid=process.pid)))
    assert asked == [watched]
    assert facts.profiler == ProfilerFacts(
        "goprobe and /proc", running=True, owner="heartbeat" if running else "other", timers=1
    )


@pytest.mark.parametrize(
    ("tids", "ticks", "looks", "found"),
    [
        ([7, 8], {7: [5], 8: [0]}, 1, 0),  # neither ran since the look from before
        ([7, 8], {7: [8, 8, 8], 8: [0]}, 2, 0),  # one did, and no longer does
        ([7, 8], {7: [8, 8, 11], 8: [0]}, 2, 1),  # and still does
        ([7, 8, 9], {7: [5], 8: [0], 9: [3, 6]}, 2, 1),  # one has its timer from after that look
    ],
)
def test_a_look_from_before_is_enough_to_see_that_no_timer_is_used(monkeypatch, tids, ticks, looks, found):
    pauses: list[float] = []
    monkeypatch.setattr("probes.live.proc.timers.time.sleep", pauses.append)
    monkeypatch.setattr("probes.live.proc.timers.profile_timers", lambda *_: tids)
    monkeypatch.setattr(
        "probes.live.proc.timers._ticks", lambda _, tid: ticks[tid].pop(0) if ticks[tid][1:] else ticks[tid][0]
    )
    before = Look(time.monotonic() - LOOK_SECONDS, {7: 5, 8: 0})
    assert used_for_certain(Folder(-1, 1), tids, before) == found
    assert sum(pause > 0 for pause in pauses) == looks - 1


def test_a_watcher_has_a_look_that_is_old_enough_and_ends():
    with child("") as process:
        watcher = Watcher(process.pid)
        assert watcher.look() is None
        deadline = time.monotonic() + 120
        while (look := watcher.look()) is None:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        assert look.ticks == {}
        assert time.monotonic() - look.at >= LOOK_SECONDS
    watcher.close()
    assert not watcher._thread.is_alive()


def test_signals_that_are_ignored_and_blocked():
    code = """
signal.signal(signal.SIGHUP, signal.SIG_IGN)
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR2])
def other():
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1]); ready.release(); time.sleep(60)
def like_ensure_sig_m():
    signal.pthread_sigmask(signal.SIG_SETMASK, set(range(1, 65)) - {signal.SIGUSR2, 32, 33}); ready.release(); time.sleep(60)
ready = threading.Semaphore(0)
for target in other, like_ensure_sig_m:
    threading.Thread(target=target, daemon=True).start(); ready.acquire()
"""
    with child(code) as process:
        facts = topics.signals(read_process(process.pid))
    assert "SIGHUP" in facts.ignored
    assert facts.blocked == ("SIGUSR2",)


def test_a_file_that_was_replaced_is_still_the_one_that_runs(tmp_path):
    program = tmp_path / "sleeper"
    program.write_bytes(Path("/bin/sleep").read_bytes())
    program.chmod(0o755)
    with subprocess.Popen([program, "60"]) as process:
        while read_process(process.pid).exe != str(program):
            pass
        assert not read_process(process.pid).exe_deleted
        (tmp_path / "new").write_bytes(b"#!/bin/sh\n")
        (tmp_path / "new").rename(program)
        facts = read_process(process.pid)
        process.kill()
    assert facts.exe == str(program)
    assert facts.exe_deleted


def test_a_process_that_is_not_there():
    with pytest.raises(NoProcess, match="no such process: PID 4194303"):
        read_process(NOBODY)


def test_a_process_that_has_ended_and_was_not_waited_for():
    """A zombie has a status, and no files."""
    process = subprocess.Popen(["/bin/true"])
    try:
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        with pytest.raises(NoProcess, match="the process has ended"):
            read_process(process.pid)
    finally:
        process.wait()


def test_a_process_that_ends_while_it_is_looked_at():
    """Whatever the moment, the answer is facts or one error."""
    for _ in range(30):
        with subprocess.Popen(["/bin/true"]) as process:
            try:
                answer = read_process(process.pid).pid
            except NoProcess as exc:
                answer = str(exc)
        assert answer == process.pid or f"PID {process.pid}" in str(answer)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_what_may_not_be_read_is_a_gap():
    code = f"""
import sys
sys.path[:0] = {[str(Path.cwd()), *sys.path]!r}
import os
from probes.live.proc.reading import read_process
os.setgid(65534); os.setuid(65534)
facts = read_process({os.getpid()})
print(facts.descriptors, facts.code, facts.exe, len(facts.threads) > 0, facts.gaps, sep="|")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    descriptors, code_, exe, threads, gaps = done.stdout.strip().split("|")
    assert (descriptors, code_, exe, threads) == ("None", "None", "", "True")
    assert "cannot read fd" in gaps
    assert "cannot read maps" in gaps


def test_a_name_with_parentheses_does_not_shift_the_fields():
    code = "open('/proc/self/comm', 'w').write(') R 1 (x')"
    with child(code) as process:
        facts = read_process(process.pid)
    assert facts.parent == os.getpid()
    assert facts.threads[0].name == ") R 1 (x"


def test_only_a_process_and_no_url():
    with child("") as process:
        facts = asyncio.run(gather(Asked(pid=process.pid)))
    assert facts.profiler is not None
    assert facts.profiler.running is None  # no Go program: C can arm a timer that /proc does not show
    assert facts.process is not None
    assert facts.process.pid == process.pid
    assert facts.missing["pprof"] == "needs --live URL"
    assert signal.SIGKILL.name not in facts.missing
