"""Rehearsals in the store: HG809, `rehearse list`; and plans that are proposed."""

from __future__ import annotations

import json
import subprocess
import time
from datetime import date
from typing import TYPE_CHECKING

from click.testing import CliRunner

from gate.cli import cli
from gate.engine.binaries import load_binary
from gate.engine.judge import run_rules
from gate.evidence.model import Bundle
from gate.evidence.rehearsal import rehearsal_values
from gate.policy.model import Policy
from gate.rehearsal.plan.proposal import propose
from gate.rehearsal.plan.reading import load_plan
from gate.rehearsal.plan.seen import Seen, read_process
from gate.report.sections.comparison import build_report
from gate.rules.samples.rehearsals import WELL
from gate.store import rehearsals
from gate.store.database import Database
from gate.store.entry import of_report
from gate.store.verdicts import keep
from scripts.truth.hazards import free_port

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from gate.report.models.report import Report
    from tests.rehearsal.conftest import Build


def recorded(old: Path, new: Path, store: str) -> Report:
    """A rehearsal in which all went well, in the store as the command puts it there."""
    policy = Policy()
    judgement = run_rules(
        Bundle.alone(policy).with_rehearsal(rehearsal_values(WELL)),
        policy,
        today=date(2026, 1, 2),
        require=("rehearsal",),
    )
    sides = (load_binary(str(path), examine=False) for path in (old, new))
    report = build_report(
        policy, *sides, None, judgement, rehearsal=WELL, created_at="2026-01-02T03:04:05Z", timings_ms={"total": 1.0}
    )
    with Database.open(store) as database:
        keep(database, of_report("rehearse", report, policy, subject=f"{old} → {new}", inputs={}))
    return report


def check(*arguments: object) -> dict:
    result = CliRunner(catch_exceptions=False).invoke(cli, ["check", *map(str, arguments), "--format", "json"])
    found: dict = json.loads(result.stdout)
    return found


def test_a_required_rehearsal_is_of_this_very_pair_and_fresh(
    program: Build, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    old, new = program("good"), program("answer")
    store = str(tmp_path / "store.db")
    needs = ("--require", "functions", "--require", "rehearsal", "--store", store)
    before = check(old, new, *needs)
    assert (before["verdict"], [f["rule"] for f in before["findings"] if not f["evidence"].get("verified", True)]) == (
        "inconclusive",
        ["HG809"],
    )
    assert recorded(old, new, store).verdict == "pass"
    assert check(old, new, *needs)["verdict"] == "pass"
    assert check(new, old, *needs)["verdict"] == "inconclusive"  # the other way round is another pair
    assert check(old, new)["verdict"] == "pass"  # not required, not asked
    (tmp_path / "hotgate.toml").write_text('[rehearsal]\nmax_age = "1m"\n', "utf-8")
    now = time.time()
    monkeypatch.setattr("gate.store.requirement.time.time", lambda: now + 120)
    late = check(old, new, *needs)
    assert (late["verdict"], "days old" in str(late["findings"])) == ("inconclusive", True)


def test_the_list_and_the_log_are_the_same_record(
    program: Build, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    old, new = program("good"), program("answer")
    report = recorded(old, new, str(tmp_path / "store.db"))
    run = CliRunner(catch_exceptions=False).invoke
    (shape,) = json.loads(run(cli, ["rehearse", "list", "--store", "store.db", "--format", "json"]).stdout)
    assert report.old is not None
    assert (shape["old"], shape["verdict"], shape["seq"]) == (report.old.sha256, "pass", 1)
    assert f"{shape['old'][:12]} → {shape['new'][:12]}" in run(cli, ["rehearse", "list", "--store", "store.db"]).stdout
    assert run(cli, ["audit", "verify", "--store", "store.db"]).exit_code == 0
    with Database.open("store.db") as database, database.read() as connection:
        assert rehearsals.last_with(connection, frozenset({shape["new"]})) is not None
        assert rehearsals.last_of(connection, shape["new"], shape["old"]) is None


def test_a_proposed_plan_is_a_plan(program: Build, tmp_path: Path) -> None:
    facts = load_binary(str(program("tableflip")), examine=False)
    seen = Seen(
        ("-listen", "0.0.0.0:8080", "-admin=:9090", "-db", "postgres://u:p@db/x", "-v=2"),
        (8080, 9090),
        ("DB_PASSWORD",),
    )
    text = propose(facts, seen)
    path = tmp_path / "hotgate.toml"
    path.write_text(text, "utf-8")
    plan = load_plan(str(path))
    assert plan is not None
    assert plan.command == (
        "{binary}",
        "-listen",
        "127.0.0.1:{port}",
        "-admin=127.0.0.1:{port2}",
        "-db",
        "FILL-IN",
        "-v=2",
    )
    assert plan.trigger == "SIGHUP"  # tableflip's
    assert '"DB_PASSWORD"' in text
    path.write_text(propose(load_binary(str(program("good")), examine=False)), "utf-8")
    plan = load_plan(str(path))
    assert plan is not None
    assert (plan.command, plan.ready) == (("{binary}",), "tcp")  # its flag's name is computed


def test_a_proposed_plan_has_what_the_code_tells(program: Build, tmp_path: Path) -> None:
    text = propose(load_binary(str(program("live")), examine=False))
    path = tmp_path / "hotgate.toml"
    path.write_text(text, "utf-8")
    plan = load_plan(str(path))
    assert plan is not None
    assert plan.command == ("{binary}", "-listen", "127.0.0.1:{port}")
    assert "# Flags that the program defines: -feed, -interval, -listen, -next, -window, -windows." in text
    assert "# A guess by the name of the flag -listen" in text
    assert "# goprobe hands over orders version 1" in text
    assert all(len(line) < 130 for line in text.splitlines())


def test_a_process_is_looked_at_without_its_secrets(program: Build, tmp_path: Path) -> None:
    port = free_port()
    process = subprocess.Popen(
        [program("good"), "-listen", f"127.0.0.1:{port}"], env={"API_TOKEN": "hunter2", "LANG": "C"}, cwd=tmp_path
    )
    try:
        deadline = time.monotonic() + 300
        while (seen := read_process(process.pid)).ports != (port,):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert seen.arguments == ("-listen", f"127.0.0.1:{port}")
        assert seen.variables == ("API_TOKEN",)
        assert "hunter2" not in str(seen)
    finally:
        process.kill()
        process.wait()
