"""What is on a host: links and releases that are whole or not there, a journal that a crash cuts off, a lock that dies with its holder."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from gate.apply.errors import ApplyError
from gate.apply.host.journal import Journal, Line
from gate.apply.host.lock import is_held, locked
from gate.apply.host.releases import Releases, digest_of

REPO = Path(__file__).parents[3]


def line(operation: str, number: int, **facts: object) -> Line:
    return Line(operation, number, "2026-01-01T00:00:00.000000Z", "apply", "fetch", "begin", dict(facts))


def filled(folder: Path, *versions: str) -> Releases:
    releases = Releases(folder, "orders")
    for version in versions:
        incoming = releases.incoming(version)
        (incoming / "orders").write_text(version, "ascii")
        releases.install(incoming, version, {"version": version, "sha256": digest_of(incoming / "orders")})
    return releases


def test_links_are_replaced_and_never_away(tmp_path: Path) -> None:
    releases = filled(tmp_path, "1", "2")
    releases.point(previous="", current="1")
    assert (releases.link("current"), releases.link("previous")) == ("1", "")
    releases.point(previous="1", current="2")
    assert (releases.link("current"), releases.link("previous")) == ("2", "1")
    assert sorted(each.name for each in tmp_path.iterdir()) == ["current", "previous", "releases"]


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("file", "is no symbolic link"),
        ("folder", "is no symbolic link"),
        ("../elsewhere/1", "none of releases/"),
        ("releases/../../1", "none of releases/"),
        ("/etc", "none of releases/"),
    ],
)
def test_a_link_that_was_replaced_by_hand_is_said(tmp_path: Path, what: str, said: str) -> None:
    current = tmp_path / "current"
    if what == "file":
        current.write_text("x")
    elif what == "folder":
        current.mkdir()
    else:
        current.symlink_to(what)
    with pytest.raises(ApplyError, match=said):
        filled(tmp_path, "1").link("current")


def test_what_was_not_finished_is_no_release(tmp_path: Path) -> None:
    releases = filled(tmp_path, "1")
    (releases.incoming("2") / "orders").write_text("half")
    assert [each.version for each in releases.all()] == ["1"]
    releases.forget_incoming()
    assert [each.name for each in (tmp_path / "releases").iterdir()] == ["1"]


def test_the_oldest_are_removed_and_never_what_the_links_name(tmp_path: Path) -> None:
    releases = filled(tmp_path, "1", "2", "3", "4", "5")
    assert releases.remove_old(2, {"1", "4"}) == ["2", "3"]
    assert [each.version for each in releases.all()] == ["1", "4", "5"]


def test_a_release_that_is_there_is_not_replaced(tmp_path: Path) -> None:
    releases = filled(tmp_path, "1")
    incoming = releases.incoming("1")
    (incoming / "orders").write_text("another", "ascii")
    with pytest.raises(OSError, match="not empty"):
        releases.install(incoming, "1", {})
    assert releases.image("1").read_text("ascii") == "1"


def test_a_line_that_was_cut_off_is_none_and_the_next_one_is_whole(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal")
    journal.append(line("a", 1))
    with journal.path.open("ab") as file:
        file.write(b'{"operation":"a","numb')
    assert [each.number for each in journal.lines()] == [1]
    journal.append(line("a", 2))
    assert [each.number for each in journal.lines()] == [1, 2]
    assert journal.path.stat().st_mode & 0o777 == 0o600


def test_garbage_in_a_journal_is_left_out(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal")
    journal.path.write_bytes(b"\xff\n[]\n{}\n" + b"[" * 100_000 + b"\n")
    journal.append(line("a", 1))
    assert [each.number for each in journal.lines()] == [1]


def test_a_journal_that_has_grown_keeps_its_newest_operations(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal")
    for number in range(80):
        journal.append(line(f"operation-{number}", 1, pad="x" * 5000))
    journal.shorten()
    lines = journal.lines()
    assert [lines[0].operation, lines[-1].operation, len(lines)] == ["operation-30", "operation-79", 50]


HOLDER = """
import sys, time
from pathlib import Path
from gate.apply.host.lock import locked
with locked(Path(sys.argv[1]), "hotgate apply orders"):
    print("held", flush=True)
    time.sleep(600)
"""


def test_the_lock_says_who_holds_it_and_dies_with_its_holder(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    command = [sys.executable, "-c", HOLDER, str(path)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": str(REPO)}
    ) as process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == "held\n"
            assert is_held(path) == f"hotgate apply orders (PID {process.pid})"
            with (
                pytest.raises(ApplyError, match=rf"under way: hotgate apply orders \(PID {process.pid}\)"),
                locked(path, "x"),
            ):
                pass
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait()
    with locked(path, "x"):
        pass
    assert not is_held(path)
