"""`check` runs the command on two files and gives exit code and report."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from gate.cli import cli
from tests.native import libraries

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.native.libraries import Built


@pytest.fixture(autouse=True)
def scrubbed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in list(os.environ):
        if name.startswith("HOTGATE_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def run_check(old: Path, new: Path, *arguments: str) -> tuple[int, dict[str, Any]]:
    result = CliRunner(catch_exceptions=False).invoke(
        cli, ["check", str(old), str(new), "--format", "json", *arguments], env={"HOTGATE_DEBUG": "1"}
    )
    assert result.stderr == ""
    return result.exit_code, json.loads(result.stdout)


def found(report: dict[str, Any], rule: str) -> dict[str, dict[str, Any]]:
    """The findings of a rule by subject."""
    return {each["subject"]: each for each in report["findings"] if each["rule"] == rule}


@pytest.fixture
def compared(tmp_path: Path) -> Callable[..., tuple[int, dict[str, Any]]]:
    """`compared(old, new, *arguments)` builds two libraries and compares them in plugin mode."""

    def compare(old: Built, new: Built, *arguments: str) -> tuple[int, dict[str, Any]]:
        paths = [libraries.build(tmp_path / side, built) for side, built in (("old", old), ("new", new))]
        return run_check(*paths, "--mode", "plugin", *arguments)

    return compare
