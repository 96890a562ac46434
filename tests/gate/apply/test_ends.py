"""How an operation ends on a real host: done, blocked, and taken back for four reasons; each says what to do."""

from __future__ import annotations

import json
import os
import shutil
import stat
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from gate.store import audit
from gate.store.database import Database
from scripts.truth.release_proof._site import BLOCKED, CRASHES, FAILS, HANGS, Site, orders, site

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.patient


LABEL = b"system_u:object_r:bin_t:s0"


def test_a_good_release_takes_over_and_is_rolled_back(host: Site, images: Path) -> None:
    text = host.config.read_text("utf-8")
    own = f'mode = "0750"\nowner = "{os.getuid()}:{os.getgid()}"\n'
    host.config.write_text(text.replace("keep = 3\n", f"keep = 3\n{own}"), "utf-8")
    labelled = False
    with suppress(OSError):  # not every file system, and no user but root
        (host.srv / "releases/1.0.0/orders").rename(host.folder / "image")
        shutil.copy2(host.folder / "image", host.srv / "releases/1.0.0/orders")  # a file of its own
        os.setxattr(host.srv / "releases/1.0.0/orders", "security.selinux", LABEL)
        labelled = True
    host.stop()
    host.start()
    code, out, err = host.run("apply", "orders", "--version", "1.1.0", "--log", "json")
    assert code == 0, err
    *events, outcome = [json.loads(each) for each in out.splitlines()]
    begun = [each["stage"] for each in events if each["event"] == "begin"]
    assert begun == ["operation", "fetch", "assemble", "prewarm", "gate", "switch", "trigger", "take-over"]
    assert outcome["said"].startswith("orders runs 1.1.0 (PID ")
    assert host.links() == ("1.1.0", "1.0.0")
    assert host.generation() == 2
    image = host.srv / "releases/1.1.0/orders"
    assert stat.S_IMODE(image.stat().st_mode) == 0o750
    if labelled:
        assert os.getxattr(image, "security.selinux") == LABEL

    again = host.outcome("apply", "orders", "--version", "1.1.0")
    assert (again["exit_code"], again["ending"]) == (0, "as-it-was")

    code, out, err = host.run("rollback", "orders")
    assert code == 0, err
    assert "orders runs 1.0.0 (PID " in out
    assert host.links() == ("1.0.0", "1.1.0")

    code, out, _ = host.run("releases", "orders", "--format", "json")
    found = json.loads(out)
    assert [(row["version"], row["verdict"], row["running"]) for row in found["releases"]] == [
        ("1.0.0", "pass", True),
        ("1.1.0", "pass", False),
    ]
    assert found["problems"] == []
    assert host.wrong(images) == []
    assert host.audit() == ""


def test_a_release_that_is_blocked_changes_nothing(host: Site, images: Path) -> None:
    assert "error" in host.outcome("rollback", "orders")
    found = host.outcome("apply", "orders", "--version", BLOCKED)
    assert (found["exit_code"], found["ending"], found["reason"]) == (10, "blocked", "gate")
    assert "nothing has changed: HG515" in found["said"]
    assert "hotgate audit show" in found["hint"]
    assert host.links() == ("1.0.0", "")
    assert host.generation() == 1
    assert host.wrong(images) == []


@pytest.mark.long
def test_a_release_that_crashes_at_its_start_never_serves(host: Site, images: Path) -> None:
    with orders(host.port) as statuses:
        found = host.outcome("apply", "orders", "--version", CRASHES)
    assert (found["exit_code"], found["ending"], found["reason"]) == (12, "taken-back", "crashed")
    assert found["said"].startswith(f"{CRASHES} crashed at its start")
    assert found["said"].endswith("orders runs 1.0.0 again")
    assert "its own log says why" in found["hint"]
    assert set(statuses) == {201}
    assert host.generation() == 1
    assert host.wrong(images) == []


@pytest.mark.long
def test_a_release_that_never_gets_ready_is_taken_back(host: Site, images: Path) -> None:
    found = host.outcome("apply", "orders", "--version", HANGS)
    assert (found["exit_code"], found["ending"], found["reason"]) == (12, "taken-back", "hangs")
    assert found["said"].startswith(f"{HANGS} did not get ready")
    assert "look what it waits for" in found["hint"]
    assert host.generation() == 1
    assert host.wrong(images) == []


def test_a_release_that_fails_its_rules_is_taken_back(watched: Site, images: Path) -> None:
    with orders(watched.port) as statuses:
        while len(statuses) < 100 and watched.runs():
            os.sched_yield()
        found = watched.outcome("apply", "orders", "--version", FAILS)
    assert (found["exit_code"], found["ending"], found["reason"]) == (12, "taken-back", "rules")
    assert "failed its rules" in found["said"]
    assert "error rate: " in found["said"]
    assert watched.links() == ("1.0.0", "")
    assert watched.runs() == "1.0.0"
    assert watched.generation() == 3
    assert watched.wrong(images) == []
    assert watched.audit() == ""


@pytest.mark.long
def test_a_trigger_that_is_not_obeyed_and_one_that_fails(host: Site, images: Path) -> None:
    text = host.config.read_text("utf-8")
    host.config.write_text(text.replace('"SIGUSR2"', '["sh", "-c", "echo no such unit >&2; exit 5"]'), "utf-8")
    found = host.outcome("apply", "orders", "--version", "1.1.0")
    assert (found["exit_code"], found["reason"]) == (12, "not-told")
    assert "the command sh exited with 5: no such unit" in found["said"]
    host.config.write_text(text.replace('"SIGUSR2"', '"SIGCONT"').replace('within = "20s"', 'within = "1s"'), "utf-8")
    found = host.outcome("apply", "orders", "--version", "1.1.0")
    assert (found["exit_code"], found["reason"]) == (12, "not-started")
    assert "is `trigger` right" in found["hint"]
    assert host.wrong(images) == []


@pytest.mark.long
def test_a_rollback_is_judged_and_who_goes_past_that_says_why(repository: Path, tmp_path: Path) -> None:
    with site(tmp_path / "host", repository, "1.1.0", before="1.0.0") as found:
        text = found.config.read_text("utf-8")
        found.config.write_text(f'fail_on = "info"\n{text}', "utf-8")
        held = found.outcome("rollback", "orders")
        assert (held["exit_code"], held["ending"]) == (10, "blocked"), held
        assert found.links() == ("1.1.0", "1.0.0")
        code, _, err = found.run("rollback", "orders", "--force", " ")
        assert (code, "--force needs a reason" in err) == (2, True)
        done = found.outcome("rollback", "orders", "--force", "the prices are wrong")
        assert (done["exit_code"], done["ending"]) == (0, "done"), done
        assert found.links() == ("1.0.0", "1.1.0")
        assert found.runs() == "1.0.0"
        with Database.open(str(found.folder / "store.db")) as database, database.read() as connection:
            bodies = [record.body for record in audit.newest(connection, 100)]
        assert any('"force":"the prices are wrong"' in body for body in bodies)
        assert any("block, forced: the prices are wrong" in body for body in bodies)


@pytest.mark.long
def test_a_rehearsal_that_the_policy_wants_is_wanted(host: Site) -> None:
    text = host.config.read_text("utf-8")
    host.config.write_text(f'require = ["functions", "build", "rehearsal"]\n{text}', "utf-8")
    found = host.outcome("apply", "orders", "--version", "1.1.0")
    assert (found["exit_code"], found["ending"]) == (11, "inconclusive")
    assert "rehears" in found["said"]
    assert host.links() == ("1.0.0", "")
