"""The lock of a contract on real binaries: NEW is checked without OLD."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from gate.cli import cli
from tests.conftest import built_once
from tests.gate.contracts import build_all, findings, policy, run

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def programs(go_toolchain, tmp_path_factory) -> dict[str, Path]:
    root = built_once(tmp_path_factory, "contracts", lambda folder: build_all(go_toolchain, folder))
    return {folder.name: folder / "shop" for folder in root.iterdir()}


@pytest.fixture
def locked(programs, tmp_path) -> tuple[Path, Path]:
    chosen = policy(tmp_path, {"main.Order": "memory"}, interfaces=["main.Store"])
    lock = tmp_path / "hotgate.lock"
    result = CliRunner(catch_exceptions=False).invoke(
        cli, ["contract", "lock", str(programs["base-exe"]), "--policy", str(chosen), "-o", str(lock)]
    )
    assert (result.exit_code, result.stdout) == (0, "")
    assert "2 types of the contract" in result.stderr
    return chosen, lock


def verify(locked: tuple[Path, Path], new: Path) -> tuple[int, dict]:
    return run("contract", "verify", new, "--policy", locked[0], "--lock", locked[1])


def test_it_is_the_same_from_the_stripped_twin_and_from_another_run(programs, locked, tmp_path):
    again = tmp_path / "again.lock"
    CliRunner(catch_exceptions=False).invoke(
        cli, ["contract", "lock", str(programs["base-stripped"]), "--policy", str(locked[0]), "-o", str(again)]
    )
    assert again.read_bytes() == locked[1].read_bytes()


def test_new_is_checked_without_old(programs, locked):
    code, report = verify(locked, programs["base-pie"])
    assert (code, report["verdict"], report["old"]["linkage"]) == (0, "pass", "lock")
    code, report = verify(locked, programs["inserted-stripped"])
    assert code == 10
    (found,) = findings(report, "HG204")
    assert "Order.Lines: offset 8 → 16" in found["message"]


@pytest.mark.parametrize(("edit", "rule"), [("deep", "HG204"), ("method", "HG205"), ("renamed", "HG209")])
def test_it_blocks_what_a_comparison_blocks(programs, locked, edit, rule):
    code, report = verify(locked, programs[f"{edit}-stripped"])
    assert code == 10
    direct = run("check", programs["base-stripped"], programs[f"{edit}-stripped"], "--policy", locked[0])[1]
    ours, theirs = (
        [(f["subject"], f["message"], f["fingerprint"]) for f in findings(r, rule)] for r in (report, direct)
    )
    assert ours
    assert ours == theirs


def test_a_lock_of_another_contract_is_refused(programs, locked, tmp_path):
    policy(tmp_path, {"main.Order": "gob"}, interfaces=["main.Store"])
    result = CliRunner().invoke(
        cli,
        ["contract", "verify", str(programs["base-exe"]), "--policy", str(locked[0]), "--lock", str(locked[1])],
    )
    assert result.exit_code == 2
    assert "was not written for this contract: main.Order differs" in result.stderr


@pytest.mark.parametrize(
    "damage",
    [
        lambda _: "",
        lambda _: "[" * 100_000,
        lambda _: "{}",
        lambda text: text.replace('"offset": 8', '"offset": -8'),
        lambda text: text.replace('"offset": 8', f'"offset": {1 << 70}'),
        lambda text: text.replace('"kind": "struct"', '"kind": "struckt"'),
        lambda text: text.replace('"schema_version": "1"', '"schema_version": "2"'),
        lambda text: text[: len(text) // 2],
    ],
)
def test_a_damaged_lock_is_one_line(programs, locked, damage):
    locked[1].write_text(damage(locked[1].read_text("utf-8")), "utf-8")
    done = CliRunner().invoke(
        cli,
        ["contract", "verify", str(programs["base-exe"]), "--policy", str(locked[0]), "--lock", str(locked[1])],
    )
    assert done.exit_code in {2, 11}
    assert "Traceback" not in done.stderr
    if done.exit_code == 2:
        assert done.stderr.startswith("error: ")
        assert "lock" in done.stderr.splitlines()[0]


@pytest.mark.parametrize("part", ["types", "main.Order", "fingerprint", "goos", "empty"])
def test_an_edited_lock_does_not_pass(programs, locked, part):
    shape = json.loads(locked[1].read_text("utf-8"))
    if part == "types":
        shape["types"] = {}
    elif part == "main.Order":
        del shape["types"]["main.Order"]
    elif part == "fingerprint":
        shape["state"]["main.Order"]["fingerprint"] = "0" * 16
    elif part == "goos":
        shape["goos"] = "freebsd"
    else:
        shape |= {"state": {}, "interfaces": {}}
    locked[1].write_text(json.dumps(shape), "utf-8")
    done = CliRunner().invoke(cli, ["contract", "verify", str(programs["base-exe"]), "--lock", str(locked[1])])
    assert done.exit_code in {2, 11}


def test_evidence_that_is_required_and_missing_does_not_pass(programs, locked):
    code, report = run("contract", "verify", programs["base-exe"], "--lock", locked[1], "--require", "functions")
    assert (code, report["verdict"]) == (11, "inconclusive")


def test_a_type_that_is_not_there_cannot_be_locked(programs, tmp_path):
    chosen = policy(tmp_path, {"main.Ordr": "memory"})
    done = CliRunner().invoke(cli, ["contract", "lock", str(programs["base-exe"]), "--policy", str(chosen), "-o", "-"])
    assert (done.exit_code, done.stdout) == (2, "")
    assert "has no type main.Ordr" in done.stderr
    assert "main.Order" in done.stderr
