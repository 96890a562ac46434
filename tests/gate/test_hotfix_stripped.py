"""A hotfix of a release build, which is stripped: passes where only bodies changed, and says what speaks against it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from gate.cli import cli
from tests.drift.test_places import BODIES, STRIPPED, VARIABLES, Edited

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def programs(go_toolchain: Path, tmp_path_factory: pytest.TempPathFactory) -> Edited:
    return Edited(go_toolchain, tmp_path_factory.mktemp("places"))


def check(programs: Edited, name: str, *arguments: str):
    edits = {edit.name: edit for edit in (*BODIES, *VARIABLES)}
    paths = [str(programs.path(edits[each], STRIPPED)) for each in ("nothing", name)]
    return CliRunner(catch_exceptions=False).invoke(cli, ["check", *paths, "--mode", "hotfix", *arguments])


def test_a_body_passes(programs):
    result = check(programs, "constant")
    assert (result.exit_code, result.stdout.splitlines()[0][:4]) == (0, "PASS")
    assert "all variables are where they were" in " ".join(result.stdout.split())


def test_another_variable_is_inconclusive_and_the_place_is_named(programs):
    result = check(programs, "added")
    assert result.exit_code == 11
    assert "the section noptrdata has" in " ".join(result.stdout.split())


def test_a_variable_of_the_contract_is_not_verified(programs, tmp_path):
    policy = tmp_path / "policy.toml"
    policy.write_text('[contract]\nglobals = ["example.com/datum/store.Scalar"]\n', "utf-8")
    result = check(programs, "constant", "--policy", str(policy))
    assert result.exit_code == 11
    assert "whether it has the same type is not known" in " ".join(result.stdout.split())
