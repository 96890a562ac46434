"""`check --audit`, `probe --audit` and `hotgate audit`: the verdict is kept before it is given."""

from __future__ import annotations

import json
import os
import sqlite3
from contextlib import chdir, closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from gate.cli import cli
from gate.store.chain import parse_head
from gate.store.database import Database

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    returncode: int
    stdout: str
    stderr: str


def hotgate(*arguments: object, cwd: Path | None = None, **env: str) -> Done:
    """Run a command in this process."""
    cleared: dict[str, str | None] = {name: None for name in os.environ if name.startswith("HOTGATE_")}
    with chdir(cwd or Path.cwd()):
        result = CliRunner().invoke(cli, list(map(str, arguments)), env=cleared | env)
    return Done(result.exit_code, result.stdout, result.stderr)


@pytest.fixture(scope="module")
def old(binary: Callable[[str], Path]) -> Path:
    return binary("go1.27-amd64-exe")


def test_a_verdict_is_in_the_log_with_its_inputs_digests(old: Path, tmp_path: Path, binary) -> None:
    import hashlib  # noqa: PLC0415

    new, store = binary("go1.27-amd64-exe-stripped"), tmp_path / "a.db"
    done = hotgate("check", old, new, "--audit", "--store", store, "--format", "json", cwd=tmp_path)
    report = json.loads(done.stdout)
    assert done.returncode == report["exit_code"]
    head = parse_head(done.stderr.splitlines()[-1].removeprefix("audit: "))
    assert head is not None
    record = json.loads(hotgate("audit", "show", 1, "--store", store).stdout)
    assert (record["seq"], record["hash"]) == (head.seq, head.hash)
    body = record["body"]
    assert (body["kind"], body["verdict"], body["exit_code"]) == ("check", report["verdict"], done.returncode)
    assert body["report_sha256"] == hashlib.sha256(done.stdout.encode()).hexdigest()
    for side, path in (("old", old), ("new", new)):
        assert body["inputs"][side]["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert [each["fingerprint"] for each in body["findings"]] == [each["fingerprint"] for each in report["findings"]]
    assert hotgate("audit", "show", 1, "--report", "--store", store).stdout == done.stdout
    (tmp_path / "kept.json").write_text(done.stdout, "utf-8")
    assert hotgate("render", tmp_path / "kept.json", "--format", "json").stdout == done.stdout


def test_the_policy_or_a_variable_asks_for_it_and_a_flag_has_the_last_word(old: Path, tmp_path: Path) -> None:
    (tmp_path / "hotgate.toml").write_text('audit = true\nstore = "kept.db"\n', "utf-8")
    assert "audit: 1:" in hotgate("check", old, old, cwd=tmp_path).stderr
    assert "audit: 2:" in hotgate("check", old, old, cwd=tmp_path, HOTGATE_AUDIT="true").stderr
    assert "audit:" not in hotgate("check", old, old, "--no-audit", cwd=tmp_path).stderr
    assert "audit:" not in hotgate("check", old, old, cwd=tmp_path, HOTGATE_AUDIT="false").stderr
    listed = json.loads(hotgate("audit", "list", "--format", "json", cwd=tmp_path).stdout)
    assert [each["seq"] for each in listed] == [2, 1]
    assert listed[0]["body"]["policy"]["source"] == "hotgate.toml"
    first, second = (each["body"]["policy"]["sha256"] for each in listed)
    assert first == second


def test_no_verdict_is_given_that_could_not_be_kept(old: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.db").write_bytes(os.urandom(9000))
    done = hotgate("check", old, old, "--audit", "--store", tmp_path / "bad.db")
    assert (done.returncode, done.stdout) == (2, "")
    error, hint = done.stderr.splitlines()
    assert error.startswith("error: the store is damaged (file is not a database)")
    assert "restore a backup" in hint
    store = tmp_path / "a.db"
    hotgate("check", old, old, "--audit", "--store", store)
    with closing(sqlite3.connect(store)) as other:
        other.execute("CREATE TRIGGER no BEFORE INSERT ON verdicts BEGIN SELECT RAISE(ABORT, 'no room'); END")
    done = hotgate("check", old, old, "--audit", "--store", store, "--exit-zero")
    assert (done.returncode, done.stdout) == (2, "")
    assert "no room" in done.stderr
    assert "1 record, whole" in hotgate("audit", "verify", "--store", store).stdout, "nothing of it was kept"


def test_a_running_service_that_was_probed_is_in_the_log(tmp_path: Path) -> None:
    store = tmp_path / "a.db"
    done = hotgate("probe", "http://127.0.0.1:9", "--audit", "--store", store, "--format", "json")
    body = json.loads(hotgate("audit", "show", 1, "--store", store).stdout)["body"]
    assert (body["kind"], body["exit_code"], body["live"]["url"]) == ("probe", done.returncode, "http://127.0.0.1:9")


def test_tampering_is_found_and_where(old: Path, tmp_path: Path) -> None:
    store = tmp_path / "a.db"
    for _ in range(3):
        hotgate("check", old, old, "--audit", "--store", store)
    hotgate("audit", "head", "--store", store, "-o", tmp_path / "head")
    whole = hotgate("audit", "verify", "--store", store, "--head", tmp_path / "head")
    assert (whole.returncode, whole.stderr) == (0, "")
    assert "3 records, whole, and has the 1 exported" in whole.stdout
    with closing(sqlite3.connect(store)) as other:
        other.execute("UPDATE audit SET body = replace(body, '\"exit_code\":0', '\"exit_code\":10') WHERE seq = 2")
        other.commit()
    found = hotgate("audit", "verify", "--store", store, "--format", "json")
    assert found.returncode == 10
    problems = json.loads(found.stdout)["problems"]
    assert problems[0] == {"seq": 2, "problem": "record 2 was changed"}
    assert [each["seq"] for each in problems] == [2, 2], "and it disagrees with the verdict beside it"
    with closing(sqlite3.connect(store)) as other:
        other.execute("UPDATE audit SET body = replace(body, '\"exit_code\":10', '\"exit_code\":0') WHERE seq = 2")
        other.execute("DELETE FROM audit WHERE seq = 3")
        other.execute("DELETE FROM verdicts WHERE audit_seq = 3")
        other.execute("UPDATE audit_head SET seq = 2, hash = (SELECT hash FROM audit WHERE seq = 2)")
        other.commit()
    alone = hotgate("audit", "verify", "--store", store)
    assert alone.returncode == 0
    assert "without --head" in alone.stderr
    found = hotgate("audit", "verify", "--store", store, "--head", tmp_path / "head")
    assert found.returncode == 10
    assert "the log ends with record 2, and record 3 was there when its head was exported" in found.stdout


@pytest.mark.parametrize(
    "edit",
    [
        "verdict = 'pass'",
        "exit_code = 0",
        "kind = 'probe'",
        "report = x'00'",
        "report = 7",
        "audit_seq = audit_seq + 1",
    ],
)
def test_a_verdict_beside_the_log_that_was_edited_is_found(old: Path, tmp_path: Path, edit: str) -> None:
    """The page and `audit show --report` read it."""
    store = tmp_path / "a.db"
    done = hotgate("check", old, old, "--audit", "--store", store, "--require", "image")
    assert done.returncode == 11
    assert hotgate("audit", "verify", "--store", store).returncode == 0
    with closing(sqlite3.connect(store)) as other:
        other.execute(f"UPDATE verdicts SET {edit}")  # noqa: S608 - our own
        other.commit()
    found = hotgate("audit", "verify", "--store", store)
    assert (found.returncode, "is not the one that was recorded" in found.stdout) == (10, True)


def test_values_of_other_types_do_not_pass_for_text(tmp_path: Path, old: Path) -> None:
    store = tmp_path / "a.db"
    hotgate("check", old, old, "--audit", "--store", store)
    for value in ("x'00ff'", "12.5", "'\u202e'"):
        with closing(sqlite3.connect(store)) as other:
            other.execute(f"UPDATE audit SET body = {value}")  # noqa: S608 - our own
            other.commit()
        assert hotgate("audit", "verify", "--store", store).returncode == 10
        listed = hotgate("audit", "list", "--store", store)
        assert listed.returncode == 0, listed.stderr
    with closing(sqlite3.connect(store)) as other:
        other.execute("UPDATE audit SET seq = 'one'")
        other.commit()
    assert hotgate("audit", "verify", "--store", store).returncode == 10


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("audit", "verify", "--head", "nowhere"), "neither a head nor a file"),
        (("audit", "verify", "--head", "/dev/null"), "no head in /dev/null"),
        (("audit", "show", "7"), "no record 7"),
        (("audit", "show", "9" * 19), "9999999999999999999 is not in the range"),
        (("audit", "list", "--store", "oracle://x"), "not a store that hotgate can use"),
        (("audit", "list", "--store", "/proc/nowhere/a.db"), "is not there"),
        (("audit", "verify", "--store", "typo.db"), "is not there"),
        (("audit", "head", "--store", "typo.db"), "is not there"),
        (("store", "check", "--store", "typo.db"), "is not there"),
        (("store", "upgrade", "--store", "/proc/nowhere/a.db"), "cannot be reached"),
        (("store", "trim", "--keep", "a while"), "not a time"),
        (("store", "trim", "--size", "much"), "not a size"),
    ],
)
def test_bad_input_is_one_line_and_a_hint(tmp_path: Path, arguments: tuple[str, ...], message: str) -> None:
    with Database.open(str(tmp_path / "a.db")):
        pass
    done = hotgate(*arguments, cwd=tmp_path, HOTGATE_STORE=str(tmp_path / "a.db"))
    assert (done.returncode, done.stdout) == (2, "")
    assert not (tmp_path / "typo.db").exists()
    assert message in done.stderr.splitlines()[0]
    assert len(done.stderr.splitlines()) == 2


def test_a_password_is_never_shown(tmp_path: Path) -> None:
    url = "postgresql://u:geheim@127.0.0.1:1/d"
    for arguments in (
        ("audit", "list"),
        ("store", "upgrade"),
        ("policy", "show"),
        ("check", "/bin/ls", "/bin/ls", "--audit"),
    ):
        done = hotgate(*arguments, cwd=tmp_path, HOTGATE_STORE=url)
        assert "geheim" not in done.stdout + done.stderr


def test_the_subject_of_a_record_cannot_steer_a_terminal(tmp_path: Path) -> None:
    store = tmp_path / "a.db"
    hotgate("probe", "http://127.0.0.1:9/\x1b[2J", "--audit", "--store", store)
    assert "\x1b" not in hotgate("audit", "list", "--store", store).stdout
