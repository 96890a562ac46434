"""Types of package variables from two files, or a lock and one, to the exit code."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner
from msgspec.structs import replace

from gate.cli import cli
from gate.clock import moment
from gate.engine.judge import run_rules
from gate.model import Mode
from gate.policy.contract import Contract
from gate.policy.model import Policy
from gate.rules.base import discover
from gate.rules.samples.binaries import NO_GLOBAL_DRIFT, Case
from tests.drift.type_pairs import Releases
from tests.drift.variable_pairs import Config

if TYPE_CHECKING:
    from pathlib import Path

PLAIN = Config()
STATE = "example.com/retyped/dot%2eted."
RULE = next(rule for rule in discover() if rule.id == "HG206")


@pytest.fixture(scope="module")
def releases(go_toolchain: Path, tmp_path_factory: pytest.TempPathFactory) -> Releases:
    return Releases(go_toolchain, tmp_path_factory.mktemp("retyped"))


def run(*arguments: object) -> tuple[int, dict]:
    result = CliRunner(catch_exceptions=False).invoke(
        cli, [*map(str, arguments), "--format", "json"], env={"HOTGATE_DEBUG": "1"}
    )
    assert result.stderr == ""
    return result.exit_code, json.loads(result.stdout)


def policy(folder: Path, *names: str) -> Path:
    path = folder / "policy.toml"
    path.write_text(f"[contract]\nglobals = {json.dumps([STATE + name for name in names])}\n", "utf-8")
    return path


def of_contract(report: dict) -> dict[str, tuple[str, bool]]:
    """Severity, and whether it was verified, of what HG206 says of single variables."""
    return {
        each["subject"].removeprefix(STATE): (each["severity"], each["evidence"].get("verified", True))
        for each in report["findings"]
        if each["rule"] == "HG206" and each["subject"].startswith(STATE)
    }


def test_a_package_with_a_dot_is_named_as_the_source_names_it(releases: Releases, tmp_path: Path) -> None:
    old, new = (releases.path(PLAIN, new=side) for side in (False, True))
    chosen = tmp_path / "policy.toml"
    names = [f"{STATE}{name}".replace("%2e", ".") for name in ("Same", "Number", "Nowhere")]
    chosen.write_text(f"[contract]\nglobals = {json.dumps(names)}\n", "utf-8")
    _, report = run("check", old, new, "--policy", chosen)
    blocked = {each["subject"] for each in report["findings"] if each["severity"] == "block"}
    assert blocked == set(names[1:])


def globals_of(report: dict) -> dict:
    return next(each for each in report["evidence"] if each["name"] == "globals")


def test_a_retyped_variable_of_the_contract_blocks(releases: Releases, tmp_path: Path) -> None:
    old, new = (releases.path(PLAIN, new=side) for side in (False, True))
    code, report = run("check", old, new, "--policy", policy(tmp_path, "Same", "Number", "Inside", "Behind"))
    assert code == 10
    assert of_contract(report) == {"Number": ("block", True), "Inside": ("block", True)}
    number = next(each for each in report["drift"]["globals"]["retyped"] if each["name"] == f"{STATE}Number")
    assert number == {
        "name": f"{STATE}Number",
        "old_size": 8,
        "new_size": 8,
        "old_type": "int64",
        "new_type": "float64",
        "detail": "int64 → float64",
    }
    assert globals_of(report) == {"name": "globals", "status": "ok", "reason": ""}
    text = CliRunner(catch_exceptions=False).invoke(cli, ["check", str(old), str(new)]).stdout
    assert "Any: interface {} → error" in " ".join(text.split())


def test_a_hotfix_blocks_and_an_exec_notes(releases: Releases) -> None:
    old, new = (releases.path(PLAIN, new=side) for side in (False, True))
    for mode, severity in (("hotfix", "block"), ("exec", "info")):
        _, report = run("check", old, new, "--mode", mode)
        (found,) = (each for each in report["findings"] if each["rule"] == "HG206")
        assert found["severity"] == severity
        assert "int64 → float64" in found["message"]


@pytest.mark.parametrize(("old_flags", "new_flags"), [("-w", "-w"), ("", "-w"), ("-w", "")])
def test_without_dwarf_the_contract_is_not_verified(
    releases: Releases, tmp_path: Path, old_flags: str, new_flags: str
) -> None:
    old = releases.path(PLAIN, new=False, flags=old_flags)
    new = releases.path(PLAIN, new=True, flags=new_flags)
    code, report = run("check", old, new, "--policy", policy(tmp_path, "Number"))
    assert (code, of_contract(report)) == (11, {"Number": ("warn", False)})
    assert "DWARF" in globals_of(report)["reason"]
    assert run("check", old, new)[0] == 0


def test_damaged_dwarf_is_unreadable_evidence() -> None:
    drift = replace(NO_GLOBAL_DRIFT, types_problem=".debug_info cannot be decompressed: shop", damaged=True)
    case = Case(globals=drift, policy=Policy(mode=Mode.HOTFIX))
    state = next(each for each in case.bundle().states() if each.name == "globals")
    assert state.status == "unreadable"
    assert ".debug_info cannot be decompressed" in state.reason
    hotfix = run_rules(case.bundle(), case.policy, today=moment().date())
    assert hotfix.verdict.name == "inconclusive"


def test_variables_that_dwarf_does_not_have_are_counted() -> None:
    drift = replace(NO_GLOBAL_DRIFT, untyped=("main.odd", "totals"), untyped_go=1)
    state = next(each for each in Case(globals=drift).bundle().states() if each.name == "globals")
    assert (state.status, state.reason) == (
        "ok",
        "DWARF does not tell the types of 1 of 340 package variables, main.odd among them",
    )
    case = Case(globals=drift, policy=Policy(contract=Contract(globals=("totals",))))
    (found,) = RULE.outcome(case.bundle()).findings
    assert (found.subject, found.verified) == ("totals", False)


def test_inspect_names_the_types_of_the_largest(releases: Releases) -> None:
    runner = CliRunner(catch_exceptions=False)
    path = str(releases.path(PLAIN, new=False))
    part = json.loads(runner.invoke(cli, ["inspect", path, "--format", "json"]).stdout)["variables"]
    types = {each["name"]: each["type"] for each in part["largest"]}
    assert types["runtime.mheap_"] == "runtime.mheap"
    assert part["types_problem"] is None
    assert "runtime.mheap_ runtime.mheap" in " ".join(runner.invoke(cli, ["inspect", path]).stdout.split())


class TestLock:
    @pytest.fixture
    def locked(self, releases: Releases, tmp_path: Path) -> tuple[Path, Path]:
        chosen, lock = policy(tmp_path, "Same", "Number", "Inside"), tmp_path / "hotgate.lock"
        done = CliRunner(catch_exceptions=False).invoke(
            cli, ["contract", "lock", str(releases.path(PLAIN, new=False)), "--policy", str(chosen), "-o", str(lock)]
        )
        assert (done.exit_code, done.stdout) == (0, "")
        assert "3 package variables of the contract" in done.stderr
        return chosen, lock

    def verify(self, locked: tuple[Path, Path], new: Path) -> tuple[int, dict]:
        return run("contract", "verify", new, "--policy", locked[0], "--lock", locked[1])

    def test_it_names_sizes_and_types(self, locked: tuple[Path, Path]) -> None:
        kept = json.loads(locked[1].read_text("utf-8"))["globals"]
        assert {name.removeprefix(STATE): (each["size"], each["type"]) for name, each in kept.items()} == {
            "Same": (8, "int64"),
            "Number": (8, "int64"),
            "Inside": (24, "example.com/retyped/dot.ted.Config"),
        }

    def test_the_same_program_passes_in_every_way_to_link(self, releases: Releases, locked: tuple[Path, Path]) -> None:
        for config, flags in ((PLAIN, ""), (PLAIN, "-compressdwarf=false"), (Config(buildmode="pie"), "")):
            code, report = self.verify(locked, releases.path(config, new=False, flags=flags))
            assert (code, report["verdict"], of_contract(report)) == (0, "pass", {})

    def test_another_type_blocks(self, releases: Releases, locked: tuple[Path, Path]) -> None:
        code, report = self.verify(locked, releases.path(PLAIN, new=True))
        assert (code, of_contract(report)) == (10, {"Number": ("block", True), "Inside": ("block", True)})
        said = " ".join(each["message"] for each in report["findings"])
        assert "int64 → float64" in said
        assert "Config is laid out otherwise" in said

    @pytest.mark.parametrize("flags", ["-w", "-s -w"])
    def test_what_new_does_not_tell_is_inconclusive(
        self, releases: Releases, locked: tuple[Path, Path], flags: str
    ) -> None:
        code, report = self.verify(locked, releases.path(PLAIN, new=False, flags=flags))
        assert (code, report["verdict"]) == (11, "inconclusive")
        assert report["drift"].get("globals", {}).get("retyped", []) == []

    def test_a_lock_without_types_is_inconclusive(self, releases: Releases, locked: tuple[Path, Path]) -> None:
        bare = releases.path(PLAIN, new=False, flags="-w")
        CliRunner(catch_exceptions=False).invoke(
            cli, ["contract", "lock", str(bare), "--policy", str(locked[0]), "-o", str(locked[1])]
        )
        assert json.loads(locked[1].read_text("utf-8"))["globals"][f"{STATE}Same"] == {"size": 8}
        code, report = self.verify(locked, releases.path(PLAIN, new=False))
        assert (code, report["verdict"]) == (11, "inconclusive")

    @pytest.mark.parametrize(
        ("flags", "names", "words"),
        [("-s -w", ["Same"], "stripped"), ("", ["Nowhere"], f"has no package variable {STATE}Nowhere")],
    )
    def test_what_cannot_be_promised_is_refused(
        self, releases: Releases, tmp_path: Path, flags: str, names: list[str], words: str
    ) -> None:
        done = CliRunner().invoke(
            cli,
            [
                *("contract", "lock", str(releases.path(PLAIN, new=False, flags=flags))),
                *("--policy", str(policy(tmp_path, *names)), "-o", "-"),
            ],
        )
        assert (done.exit_code, done.stdout) == (2, "")
        assert [line.split(":")[0] for line in done.stderr.splitlines()] == ["error", "hint"]
        assert words in done.stderr

    def test_a_lock_of_other_variables_is_refused(self, releases: Releases, locked: tuple[Path, Path]) -> None:
        policy(locked[0].parent, "Same")
        done = CliRunner().invoke(
            cli,
            [
                *("contract", "verify", str(releases.path(PLAIN, new=False))),
                *("--policy", str(locked[0]), "--lock", str(locked[1])),
            ],
        )
        assert done.exit_code == 2
        assert "was not written for this contract" in done.stderr

    @pytest.mark.parametrize(
        "damage",
        [
            {"size": 0},
            {"size": 1 << 70},
            {"type": "x" * 5000},
            {"fingerprint": "zz"},
            {"more": 1},
        ],
    )
    def test_a_damaged_lock_is_one_line(
        self, releases: Releases, locked: tuple[Path, Path], damage: dict[str, object]
    ) -> None:
        shape = json.loads(locked[1].read_text("utf-8"))
        shape["globals"][f"{STATE}Same"] |= damage
        locked[1].write_text(json.dumps(shape), "utf-8")
        done = CliRunner().invoke(
            cli, ["contract", "verify", str(releases.path(PLAIN, new=False)), "--lock", str(locked[1])]
        )
        assert done.exit_code == 2
        assert done.stderr.startswith("error: not a lock")
