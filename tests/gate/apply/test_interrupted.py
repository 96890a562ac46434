"""An operation that is killed, two at once, and hands that change things in the middle: one clear line each, and nothing half."""

from __future__ import annotations

import json
import os
import pty
import re
import resource
import shutil
import signal
import subprocess
from contextlib import suppress
from types import SimpleNamespace
from typing import TYPE_CHECKING, Self

import pytest

from gate.apply import update
from gate.apply.errors import ApplyError
from gate.apply.service import process, trigger
from gate.apply.service.process import Running
from probes.live.proc.folder import NoProcess
from scripts.truth.release_proof._site import Site, killed_at
from tests.conftest import first

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.patient


def test_what_the_new_image_says_is_never_taken_for_the_word_of_the_old_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """An update that was told before may come to its end between the look at the process and the question."""
    wanted = (1, 2)
    old, new = Running(7, 100, (1, 1), "/old"), Running(7, 100, wanted, "/new")
    where = SimpleNamespace(url="http://127.0.0.1:1")
    now = old

    def goes_over(*_: str) -> str:
        nonlocal now
        now = new
        return "of the new image"

    monkeypatch.setattr(update, "find", lambda _: now)
    monkeypatch.setattr(update, "ask", goes_over)
    one = update.Update(where, "", None, None, None)  # type: ignore[arg-type]
    assert one._heard(wanted) == (new, None)
    now = old
    monkeypatch.setattr(update, "ask", lambda *_: "of the old image")
    assert one._heard(wanted) == (old, "of the old image")


def stopped_at(host: Site, stage: str, *words: str):
    """A command that is stopped by SIGSTOP at the beginning of `stage`."""
    process = host.begin(*words, "--log", "json")
    assert process.stdout is not None
    for line in process.stdout:
        said = json.loads(line)
        if (said.get("stage"), said.get("event")) == (stage, "begin"):
            process.send_signal(signal.SIGSTOP)
            return process
    raise AssertionError(process.communicate())


def goes_on(process) -> dict[str, object]:
    process.send_signal(signal.SIGCONT)
    out, err = process.communicate(timeout=300)
    lines = out.splitlines()
    return (
        json.loads(lines[-1]) if lines and '"outcome"' in lines[-1] else {"exit_code": process.returncode, "error": err}
    )


@pytest.mark.parametrize("stage", first(1, ("switch", "take-over", "assemble", "gate", "trigger")))
def test_one_that_was_killed_is_ended_by_resume(host: Site, images: Path, stage: str) -> None:
    assert killed_at(host, stage, "begin", "apply", "orders", "--version", "1.1.0")
    _code, out, _ = host.run("releases", "orders")
    assert "was killed: `hotgate apply orders --resume`" in out
    found = host.outcome("apply", "orders", "--resume")
    assert found["exit_code"] == 0, found
    if found["ending"] == "abandoned":  # killed between the journal's line and the first link
        assert host.links() == ("1.0.0", "")
    else:
        assert host.links() == ("1.1.0", "1.0.0")
    assert host.wrong(images) == []
    assert host.audit() == ""
    assert host.outcome("apply", "orders", "--resume")["ending"] == "as-it-was"


@pytest.mark.long
def test_two_at_once_and_a_service_that_is_restarted_meanwhile(host: Site, images: Path) -> None:
    process = stopped_at(host, "gate", "apply", "orders", "--version", "1.1.0")
    code, _, err = host.run("apply", "orders")
    assert code == 2
    assert f"another operation is under way: hotgate apply orders (PID {process.pid})" in err
    host.stop()
    host.start()
    found = goes_on(process)
    assert found["exit_code"] == 11, found
    assert "nothing has changed" in str(found["said"])
    assert "the service was restarted meanwhile" in str(found["said"])
    assert host.links() == ("1.0.0", "")
    assert host.wrong(images) == []


@pytest.mark.long
def test_links_that_are_changed_by_hand_and_a_release_that_is_deleted(host: Site) -> None:
    assert host.outcome("apply", "orders", "--version", "1.1.0")["exit_code"] == 0
    current = host.srv / "current"

    _link(host.srv / "by-hand", "releases/1.0.0").replace(current)
    code, _, err = host.run("apply", "orders", "--version", "1.0.0")
    assert code == 2
    assert "runs 1.1.0, and `current` names 1.0.0" in err
    _link(host.srv / "by-hand", "releases/1.1.0").replace(current)

    shutil.rmtree(host.srv / "releases" / "1.1.0")
    code, _, err = host.run("apply", "orders")
    assert code == 2
    assert "the release that `current` names is gone" in err
    assert "hotgate apply orders --version 1.1.0" in err
    found = host.outcome("apply", "orders", "--version", "1.1.0")
    assert (found["exit_code"], found["ending"]) == (0, "as-it-was")
    assert "is on this host again" in found["said"]

    shutil.rmtree(host.srv / "releases" / "1.0.0")
    code, _, err = host.run("rollback", "orders")
    assert code == 2
    assert "the release that `previous` names is gone" in err

    current.unlink()
    current.mkdir()
    code, _, err = host.run("rollback", "orders")
    assert code == 2
    assert "is no symbolic link" in err


def _link(path: Path, target: str) -> Path:
    path.symlink_to(target)
    return path


@pytest.mark.long
def test_a_disk_without_room_leaves_nothing_half(host: Site, images: Path) -> None:
    def small() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, resource.RLIM_INFINITY))

    code, _, err = host.run("apply", "orders", "--version", "1.1.0", preexec_fn=small)
    assert code == 2
    assert "File too large" in err
    assert err.count("\n") <= 2
    assert host.wrong(images) == []

    ours, theirs = pty.openpty()  # on a terminal the stages pass by
    with subprocess.Popen(
        host.command("apply", "orders", "--version", "1.1.0", "--dry-run"),
        cwd=host.folder,
        env={**host.environment(), "TERM": "xterm"},
        stdout=subprocess.PIPE,
        stderr=theirs,
    ) as process:
        os.close(theirs)
        shown = b""
        with suppress(OSError):  # EIO at its end
            while piece := os.read(ours, 65536):
                shown += piece
        os.close(ours)
        said = process.communicate()[0].decode()
    assert process.returncode == 0
    assert said.startswith("1.1.0 may replace 1.0.0")
    for stage in ("fetch", "assemble", "prewarm", "gate"):
        assert re.search(rf"{stage} +\d+\.\d\d s".encode(), shown), shown
    assert host.links() == ("1.0.0", "")


def test_a_service_that_does_not_run_is_said(host: Site) -> None:
    host.stop()
    code, _, err = host.run("apply", "orders")
    assert code == 2
    assert "no process of orders runs" in err
    assert host.links() == ("1.0.0", "")


class _BetweenImages:
    """`/proc/PID` of a process whose first thread has ended for another one that executes a program, and which has another that does not end."""

    fd = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def start_of(self, _name: str, _size: int) -> bytes:
        return b"7 (orders) Z 1 7 7 0 -1 4 " + b"0 " * 10 + b"2 0 100 " + b"0 " * 30

    def link(self, _name: str) -> str:
        raise NoProcess("no file", subject="PID 7")


def test_a_process_that_stays_between_two_images_is_not_taken_for_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second one would be started beside it, which still has the first one's sockets."""
    monkeypatch.setattr(process, "opened", lambda *_: _BetweenImages())
    with pytest.raises(ApplyError, match="PID 7 has been executing another image for"):
        process.look(7, 0.01)
    assert process.others_with((1, 1), os.getpid()) == []


def test_nothing_is_started_beside_a_process_that_does_not_end(monkeypatch: pytest.MonkeyPatch) -> None:
    running = Running(7, 100, (1, 1), "/old")
    started: list[object] = []
    monkeypatch.setattr(trigger, "END_SECONDS", 0.0)
    monkeypatch.setattr(trigger, "look", lambda _: running)
    monkeypatch.setattr(trigger.os, "kill", lambda *_: None)
    monkeypatch.setattr(trigger, "run", lambda *words: started.append(words))
    where = SimpleNamespace(unit="", start=["start"], within=1.0)
    with pytest.raises(trigger.TriggerFailed, match="PID 7 does not end, not even by SIGKILL"):
        trigger.restart(where, running)  # type: ignore[arg-type]
    assert started == []
    monkeypatch.setattr(trigger, "look", lambda _: None)
    trigger.restart(where, running)  # type: ignore[arg-type]
    assert started == [(["start"], 1.0)]
