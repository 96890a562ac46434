"""The whole way, from two files that the Go toolchain made to the exit code."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from gate.cli import cli
from scripts.programs.gobuild import FEW_COLLECTIONS

SOURCE = """package main

import (
	"fmt"
	"os"
)

//go:noinline
func rate(cents int) int { return cents * 2500 / 100 }

func main() { fmt.Println(rate(len(os.Args))) }
"""

GOFLAGS = "-buildvcs=false -trimpath"
"""The second as most builds of tests: Go's library is compiled anew for those without it."""


def build_program(goroot: Path, folder: Path, source: str, *flags: str, **settings: str) -> Path:
    folder.mkdir()
    (folder / "go.mod").write_text("module example.com/shop\n\ngo 1.21\n", "utf-8")
    (folder / "main.go").write_text(source, "utf-8")
    program = folder / "shop"
    environment = {
        **os.environ,
        **FEW_COLLECTIONS,
        "CGO_ENABLED": "0",
        "GOFLAGS": GOFLAGS,
        "GOTOOLCHAIN": "local",
        **settings,
    }
    subprocess.run(
        [goroot / "bin" / "go", "build", *flags, "-o", program, "."], cwd=folder, env=environment, check=True
    )
    return program


@pytest.fixture(scope="module")
def programs(go_toolchain, tmp_path_factory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("programs")
    return {
        "base": build_program(go_toolchain, root / "base", SOURCE),
        "again": build_program(go_toolchain, root / "again", SOURCE),
        "edited": build_program(go_toolchain, root / "edited", SOURCE.replace("2500 / 100", "3500 / 100")),
        "arm64": build_program(go_toolchain, root / "arm64", SOURCE, GOARCH="arm64"),
        "stripped": build_program(go_toolchain, root / "stripped", SOURCE, "-ldflags=-s -w"),
        "v3": build_program(go_toolchain, root / "v3", SOURCE, GOAMD64="v3"),
    }


def check(old: Path, new: Path, *arguments: str):
    result = CliRunner(catch_exceptions=False).invoke(
        cli, ["check", str(old), str(new), "--format", "json", *arguments], env={"HOTGATE_DEBUG": "1"}
    )
    assert result.stderr == ""
    return result.exit_code, json.loads(result.stdout)


def test_a_one_constant_edit_is_one_changed_function(programs):
    code, report = check(programs["base"], programs["edited"])
    drift = report["drift"]["functions"]
    assert [(each["name"], each["kind"]) for each in drift["changed"]] == [("main.rate", "body")]
    assert (drift["added"], drift["removed"], code) == ([], [], 0)
    assert "3500" in drift["changed"][0]["detail"]


@pytest.mark.parametrize("new", ["again", "edited", "stripped", "v3"])
def test_every_matched_function_is_accounted_for(new, programs):
    _, report = check(programs["base"], programs[new])
    drift = report["drift"]["functions"]
    parts = drift["identical"] + drift["moved"] + len(drift["changed"]) + len(drift["undecided"])
    assert parts == drift["matched"] > 1000
    assert report["drift"]["init"]["old"] > 10


def test_a_protected_package_blocks_the_same_edit(programs):
    Path("hotgate.toml").write_text('protected_packages = ["main"]\n', "utf-8")
    code, report = check(programs["base"], programs["edited"])
    assert (code, report["verdict"]) == (10, "block")
    blocking = [finding for finding in report["findings"] if finding["severity"] == "block"]
    assert [(finding["rule"], finding["subject"]) for finding in blocking] == [("HG201", "main.rate")]


def test_a_rebuild_in_another_folder_changes_nothing(programs):
    code, report = check(programs["base"], programs["again"])
    assert (report["drift"]["functions"]["changed"], code) == ([], 0)


def test_another_architecture_blocks(programs):
    code, report = check(programs["base"], programs["arm64"])
    assert code == 10
    assert "HG401" in {finding["rule"] for finding in report["findings"] if finding["severity"] == "block"}


def test_stripping_is_reported(programs):
    code, report = check(programs["base"], programs["stripped"])
    assert {"HG104", "HG105"} <= {finding["rule"] for finding in report["findings"]}
    assert report["new"]["stripped"] is True
    assert code == 0


def test_inspect_counts_and_lists(programs):
    runner = CliRunner(catch_exceptions=False)
    shown = runner.invoke(cli, ["inspect", str(programs["base"]), "--format", "json", "--functions"])
    facts = json.loads(shown.stdout)
    assert "main.rate" in {each["name"] for each in facts["functions"]["entries"]}
    assert facts["functions"]["total"] == len(facts["functions"]["entries"])
    assert sum(each["functions"] for each in facts["functions"]["packages"]) == facts["functions"]["total"]
    text = runner.invoke(cli, ["inspect", str(programs["base"])]).stdout
    assert "example.com/shop" in text
    assert f"{facts['functions']['total']:,} functions" in text


@pytest.mark.parametrize("content", [None, "directory", b"", b"#!/bin/sh\n", b"\x7fELF" + bytes(60)])
def test_what_is_no_go_binary_is_exit_code_2(programs, content):
    path = Path("input")
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content == "directory":
        path.mkdir()
    result = CliRunner(catch_exceptions=False).invoke(cli, ["check", str(programs["base"]), str(path)])
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("error: ")
    assert "bug" not in result.stderr
    assert "input" in result.stderr


def test_a_damaged_new_does_not_pass_where_integrity_is_required(go_toolchain: Path, tmp_path: Path) -> None:
    old, new = build_program(go_toolchain, tmp_path / "src", SOURCE), tmp_path / "new"
    damaged = bytearray(old.read_bytes())
    damaged[-1] ^= 1
    new.write_bytes(damaged)
    new.chmod(0o755)

    def verdict(*arguments: str) -> tuple[int, dict[str, Any]]:
        result = CliRunner(catch_exceptions=False).invoke(cli, ["check", *arguments, "--format", "json"])
        return result.exit_code, json.loads(result.stdout)

    code, report = verdict(str(old), str(new))
    assert code == 0
    assert [each["severity"] for each in report["findings"] if each["rule"] == "HG109"] == ["warn"]
    assert (report["old"]["integrity"], report["new"]["integrity"]) == ("intact", "changed")
    code, report = verdict(str(old), str(new), "--require", "integrity")
    assert (code, report["verdict"]) == (11, "inconclusive")
    assert verdict(str(new), str(old), "--require", "integrity")[0] == 0


def test_what_cannot_be_executed_is_blocked(go_toolchain: Path, tmp_path: Path) -> None:
    old = build_program(go_toolchain, tmp_path / "src", SOURCE)
    new = tmp_path / "new"
    new.write_bytes(old.read_bytes())
    new.chmod(0o644)
    result = CliRunner(catch_exceptions=False).invoke(cli, ["check", str(old), str(new), "--format", "json"])
    assert result.exit_code == 10
    assert [each["rule"] for each in json.loads(result.stdout)["findings"] if each["severity"] == "block"] == ["HG416"]
