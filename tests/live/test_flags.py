"""HG415 with a live service: the command line is that of its process, and no value of it is ever said."""

from __future__ import annotations

import json
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from gate.cli import cli
from scripts.programs import flag_programs
from scripts.programs.gobuild import host_arch

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SECRET = "s3cr3t-in-argv"  # noqa: S105 - it is none
RENAMED = (('"listen", "127', '"address", "127'),)


@contextmanager
def running(argv: list[str], **options: Any) -> Iterator[subprocess.Popen[str]]:
    """A service, once it listens."""
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, **options) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline().startswith("ready")
            yield process
        finally:
            process.kill()


def checked(*arguments: str | Path | int) -> tuple[dict[str, Any], str]:
    done = CliRunner().invoke(cli, ["check", *map(str, arguments), "--format", "json", "--require", "build"])
    assert done.stdout, done.stderr
    return json.loads(done.stdout), done.stdout + done.stderr


def flags(report: dict[str, Any]) -> list[tuple[str, str]]:
    return [(f["severity"], f["subject"]) for f in report["findings"] if f["rule"] == "HG415"]


@pytest.fixture(scope="module")
def programs(go_toolchain: Path) -> tuple[Path, Path]:
    """The service, and one with `-address` for `-listen`."""
    build = flag_programs.build
    return (
        build("standard", go_toolchain, goarch=host_arch()),
        build("standard", go_toolchain, RENAMED, goarch=host_arch()),
    )


def test_a_flag_that_new_does_not_know_blocks_and_new_would_exit(programs: tuple[Path, Path]) -> None:
    old, new = programs
    argv = ["-listen", "127.0.0.1:0", "-token", SECRET, "-tag", "\x1b[31mred", f"-pause=0{'0' * 2000}s"]
    with running([str(old), *argv]) as process:
        report, text = checked(old, new, "--pid", process.pid)
        same, _ = checked(old, old, "--pid", process.pid)
    assert flags(report) == [("block", "-listen")]
    (finding,) = (f for f in report["findings"] if f["rule"] == "HG415")
    assert finding["message"].startswith("The new image exits right after exec: the running command line has -listen")
    assert "Only NEW defines -address." in finding["message"]
    assert report["verdict"] == "block"
    assert SECRET not in text
    assert "[31m" not in text
    assert flags(same) == []
    done = subprocess.run([str(new), *argv], capture_output=True, text=True, check=False)
    assert (done.returncode, "flag provided but not defined: -listen" in done.stderr) == (2, True)


def test_flags_that_new_knows_are_quiet_and_counted(programs: tuple[Path, Path]) -> None:
    old, new = programs
    with running([str(old), "-v", "-token", SECRET]) as process:
        report, text = checked(old, new, "--pid", process.pid)
    assert flags(report) == []
    (state,) = (each for each in report["evidence"] if each["name"] == "arguments")
    assert (state["status"], state["reason"]) == ("ok", "3 words, 2 flags, read by flag (/proc)")
    assert SECRET not in text


def test_a_command_line_that_is_given_needs_no_process(programs: tuple[Path, Path], tmp_path: Path) -> None:
    old, new = programs
    given, text = checked(old, new, "--argv", f"orders -token '{SECRET} x' -listen :80")
    assert (flags(given), SECRET in text) == ([("block", "-listen")], False)
    policy = tmp_path / "hotgate.toml"
    policy.write_text(f'[live]\nargv = ["orders", "-token={SECRET}", "-listen", ":80"]\n', "utf-8")
    by_policy, text = checked(old, new, "--policy", policy)
    assert (flags(by_policy), SECRET in text) == ([("block", "-listen")], False)
    shown = CliRunner().invoke(cli, ["policy", "show", "--policy", str(policy)])
    assert shown.exit_code == 0, shown.stderr
    assert SECRET not in shown.stdout
    assert "orders and 3 arguments" in shown.stdout
    nothing, _ = checked(old, new)
    assert flags(nothing) == []


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("orders '-token", "no closing quotation"),
        ("-listen :80", "begins with the program's name"),
        ("", "no command line"),
    ],
)
def test_a_command_line_that_is_none(programs: tuple[Path, Path], given: str, said: str) -> None:
    done = CliRunner().invoke(cli, ["check", *map(str, programs), "--argv", given])
    assert done.exit_code == 2
    assert said in done.stderr
    assert "token" not in done.stderr


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f'argv = "orders \'{SECRET}"', "no closing quotation"),
        (f'argv = ["orders", 7, "{SECRET}"]', "must be a string, or a list of strings"),
        ('arg = "orders"', "did you mean argv"),
    ],
)
def test_a_policy_with_a_command_line_that_is_none(tmp_path: Path, text: str, said: str) -> None:
    policy = tmp_path / "hotgate.toml"
    policy.write_text(f"[live]\n{text}\n", "utf-8")
    done = CliRunner().invoke(cli, ["policy", "show", "--policy", str(policy)])
    assert done.exit_code == 2
    assert said in done.stderr, done.stderr
    assert SECRET not in done.stderr


def test_a_command_line_of_two_megabytes(programs: tuple[Path, Path]) -> None:
    old, new = programs
    many = [part for number in range(5000) for part in ("-tag", f"{SECRET}{number}")] + ["-tag", "x" * 100_000]
    with running([str(old), *many, "-listen", "127.0.0.1:0"]) as process:
        report, text = checked(old, new, "--pid", process.pid)
    assert flags(report) == [("block", "-listen")]
    assert SECRET not in text


def test_a_process_that_wrote_a_title_over_its_command_line(programs: tuple[Path, Path]) -> None:
    old, new = programs
    with running(["orders: \x1b[31mmaster -listen", "-v"], executable=str(old)) as process:
        report, _ = checked(old, new, "--pid", process.pid)
    assert flags(report) == []
