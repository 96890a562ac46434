"""The command line: exit codes, streams, files."""

from __future__ import annotations

import json
import os
import platform
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from msgspec.structs import replace

from gate import __version__
from gate.cli import cli
from gate.report import formats
from gate.rules.samples.binaries import HEALTH, Case, binary, build, change, functions, other
from gate.runs import comparison
from probes.errors import NotGo
from probes.host import dump_target

REPO = Path(__file__).parents[2]
PASS = Case()
BLOCK = Case(new=other(arch="arm64"))
WARN = Case(new=other(stripped=True))
INCONCLUSIVE = Case(new=other(health=replace(HEALTH, unverifiable="its layout is newer than go1.27")), functions=None)


def run(*arguments: str, env: dict[str, str] | None = None):
    return CliRunner(catch_exceptions=False).invoke(cli, arguments, env={"HOTGATE_DEBUG": "1", **(env or {})})


def check(*arguments: str, env: dict[str, str] | None = None):
    return run("check", "old", "new", *arguments, env=env)


@pytest.mark.parametrize("output", formats.names())
@pytest.mark.parametrize(("case", "code"), [(PASS, 0), (BLOCK, 10), (INCONCLUSIVE, 11), (WARN, 0)])
def test_exit_codes_are_the_same_in_every_format(case, code, output, loaded):
    loaded(case)
    result = check("--format", output)
    assert result.exit_code == code, result.stderr
    assert result.stderr == ""
    if output == "json":
        assert json.loads(result.stdout)["exit_code"] == code


@pytest.mark.parametrize("case", [BLOCK, INCONCLUSIVE])
def test_exit_zero_is_explicit_and_leaves_the_report_alone(case, loaded):
    loaded(case)
    result = check("--exit-zero", "--format", "json")
    assert result.exit_code == 0
    assert json.loads(result.stdout)["exit_code"] in {10, 11}


@pytest.mark.parametrize(
    ("arguments", "error", "hint"),
    [
        (["check"], "missing argument 'OLD'", "hotgate check --help"),
        (["check", "old"], "missing argument 'NEW'", "hotgate check --help"),
        (["check", "old", "new", "--mode", "live"], "invalid value for '--mode'", "--help"),
        (["check", "old", "new", "--frobnicate"], "no such option", "--help"),
        (["check", "old", "new", "--require", "simbols"], "unknown evidence: simbols", "did you mean symbols?"),
        (["check", "old", "new", "--policy", "none.toml"], "cannot read the policy", ""),
        (["check", "old", "new", "--target", "none.json"], "cannot read the target", ""),
        (["check", "old", "new", "--output", "json"], "not FORMAT=PATH: json", "--output json=report.json"),
        (["check", "old", "new", "--output", "jsn=x"], "unknown format: jsn", "did you mean json?"),
        (["check", "old", "new", "--output", "json=no/such/r.json"], "its directory does not exist", ""),
        (["check", "old", "new", "--output", "json=."], "it is a directory", ""),
        (["check", "old", "new", "--format", "json", "--output", "terminal=-"], "two reports for stdout", "path"),
        (["check", "old", "new", "--output", "json=r", "--output", "terminal=r"], "two reports for one file: r", "own"),
        (
            ["check", "old", "new", "--output", "json=r", "--output", "json=./x/../r"],
            "two reports for one file: ./x/../r and r",
            "its own path",
        ),
        (["check", "old", "new", "--output", "json=old"], "the report would overwrite OLD: old", "another path"),
        (["check", "old", "new", "--output", "json=./new"], "the report would overwrite NEW: ./new", "another path"),
        (["check", "old", "new", "--output", "json=link"], "the report would overwrite OLD: link", "another path"),
        (["chekc"], "no such command: chekc", "did you mean check?"),
        (["explain", "HG2O1"], "unknown rule: HG2O1", "did you mean HG210?"),
        (["inspect"], "missing argument 'BINARY'", "hotgate inspect --help"),
        (["inspect", "--host", "x"], "--host takes no BINARY", ""),
    ],
)
def test_what_the_user_can_put_right_is_exit_code_2(arguments, error, hint, loaded):
    loaded(PASS)
    Path("x").mkdir()
    Path("link").symlink_to("old")
    result = run(*arguments)
    assert result.exit_code == 2
    assert result.stdout == ""
    lines = result.stderr.splitlines()
    assert error.lower() in lines[0].lower()
    assert lines[0].startswith("error: ")
    assert len(lines) <= 2
    assert hint in (lines[1] if len(lines) == 2 else "")


def test_an_unreadable_binary_is_exit_code_2(monkeypatch):
    def fail(path: str, **_):
        raise NotGo("not a Go binary", subject=path, hint="pass the program itself")

    monkeypatch.setattr(comparison, "load_binary", fail)
    result = run("check", "a\x1b[31m", "b")
    assert result.exit_code == 2
    assert result.stderr == "error: not a Go binary: a\\x1b[31m\nhint: pass the program itself\n"


def test_a_bug_is_exit_code_1_in_one_line(monkeypatch):
    def fail(path: str, **_):
        raise RuntimeError(f"boom\n{path}")

    monkeypatch.setattr(comparison, "load_binary", fail)
    result = check(env={"HOTGATE_DEBUG": "0"})
    assert result.exit_code == 1
    assert result.stderr.splitlines()[0] == r"error: bug in hotgate: RuntimeError: boom\x0aold"
    assert "Traceback" not in result.stderr
    assert "Traceback" in check(env={"HOTGATE_DEBUG": "1"}).stderr


def test_interrupting_is_quiet(monkeypatch):
    def interrupt(_path: str, **_):
        raise KeyboardInterrupt

    monkeypatch.setattr(comparison, "load_binary", interrupt)
    result = check()
    assert (result.exit_code, result.stdout) == (130, "")
    assert "Traceback" not in result.stderr


def test_fail_on_by_flag_environment_and_file(loaded):
    loaded(WARN)
    assert check("--fail-on", "warn").exit_code == 10
    assert check(env={"HOTGATE_FAIL_ON": "warn"}).exit_code == 10
    Path("hotgate.toml").write_text('fail_on = "warn"\n', "utf-8")
    assert check().exit_code == 10
    assert check(env={"HOTGATE_FAIL_ON": "block"}).exit_code == 0
    assert check("--fail-on", "warn", env={"HOTGATE_FAIL_ON": "block"}).exit_code == 10


def test_a_rule_can_be_moved_or_switched_off(loaded):
    loaded(BLOCK)
    Path("p.toml").write_text('[severity]\nHG401 = "warn"\nHG402 = "off"\n', "utf-8")
    assert check("--policy", "p.toml").exit_code == 0
    loaded(INCONCLUSIVE)
    Path("p.toml").write_text('[severity]\nHG102 = "off"\n', "utf-8")
    assert check("--policy", "p.toml").exit_code == 11  # functions are still required


def test_missing_evidence_matters_when_required(loaded):
    loaded(replace(PASS, init=None, problems={"init": "OLD is stripped"}))
    assert check().exit_code == 0
    result = check("--require", "functions", "--require", "init")
    assert result.exit_code == 11
    assert "init  missing: OLD is stripped" in result.stdout


def test_require_by_environment_is_a_list_of_words(loaded):
    loaded(replace(PASS, init=None, problems={"init": "OLD is stripped"}))
    assert check(env={"HOTGATE_REQUIRE": "functions init"}).exit_code == 11
    assert check(env={"HOTGATE_REQUIRE": "functions native"}).exit_code == 0


def test_undecided_functions_never_pass(loaded):
    loaded(Case(functions=functions(undecided=("main.jump",))))
    assert check().exit_code == 11
    assert check("--require", "native").exit_code == 11


@pytest.mark.parametrize("side", ["old", "new"])
def test_native_facts_that_cannot_be_read_never_pass(side, loaded):
    sides = {"old": binary(), "new": other()}
    sides[side] = replace(sides[side], native=None, native_problem="no string at address 0x10")
    loaded(Case(**sides))
    result = check("--format", "json")
    assert result.exit_code == 11
    state = next(item for item in json.loads(result.stdout)["evidence"] if item["name"] == "native")
    assert state == {"name": "native", "status": "unreadable", "reason": f"{side.upper()}: no string at address 0x10"}


def test_a_target_file_replaces_this_host(loaded):
    loaded(Case(new=other(build=build(settings={"GOAMD64": "v3"}))))
    assert check().exit_code == 0
    Path("fleet.json").write_text(dump_target(replace(PASS.target, goamd64_level=1)), "utf-8")
    result = check("--target", "fleet.json")
    assert result.exit_code == 10
    assert "NEW will exit at start on fleet.json: it needs GOAMD64=v3 and the processor has v1." in result.stdout


def test_a_report_does_not_overwrite_the_policy_or_the_target(loaded):
    loaded(PASS)
    Path("hotgate.toml").write_text('fail_on = "warn"\n', "utf-8")
    Path("fleet.json").write_text(dump_target(PASS.target), "utf-8")
    for path, name in (("hotgate.toml", "the policy"), ("fleet.json", "the target")):
        before = Path(path).read_text("utf-8")
        result = check("--target", "fleet.json", "--output", f"json={path}")
        assert result.exit_code == 2
        assert result.stderr.startswith(f"error: the report would overwrite {name}: {path}\n")
        assert Path(path).read_text("utf-8") == before


def test_outputs_beside_stdout(loaded):
    loaded(BLOCK)
    result = check("--output", "json=r.json", "--output", "terminal=r.txt")
    assert result.exit_code == 10
    assert json.loads(Path("r.json").read_text("utf-8"))["verdict"] == "block"
    assert Path("r.txt").read_text("utf-8") == result.stdout
    assert sorted(path.name for path in Path().iterdir()) == ["r.json", "r.txt"]
    assert Path("r.json").stat().st_mode & 0o400


def test_an_output_on_stdout_is_the_only_one(loaded):
    loaded(PASS)
    assert json.loads(check("--output", "json=-").stdout)["verdict"] == "pass"


def test_an_output_replaces_what_a_link_points_to(loaded):
    loaded(PASS)
    Path("real.json").write_text("before", "utf-8")
    Path("link.json").symlink_to("real.json")
    check("--output", "json=link.json")
    assert Path("link.json").is_symlink()
    assert json.loads(Path("real.json").read_text("utf-8"))["verdict"] == "pass"


def test_created_at_honours_source_date_epoch(loaded):
    loaded(PASS)
    report = json.loads(check("--format", "json", env={"SOURCE_DATE_EPOCH": "1772359200"}).stdout)
    assert report["created_at"] == "2026-03-01T10:00:00Z"
    assert set(report["timings_ms"]) == {"read", "compare", "judge", "total"}


def test_rules_explain_schema_version():
    rules = json.loads(run("rules", "--format", "json").stdout)
    assert {"id": "HG102", "severity": "inconclusive", "title": "The function table cannot be verified"} in rules
    assert all(rule["id"] in run("rules").stdout for rule in rules)
    for rule in rules:
        text = run("explain", rule["id"].lower()).stdout
        assert text.startswith(rule["id"])
        assert "What to do" in text
    assert json.loads(run("schema").stdout)["title"] == "hotgate report"
    where = f"Python {platform.python_version()}, {sys.platform}/{platform.machine()}"
    assert run("--version").stdout == f"hotgate {__version__} ({where})\n"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion(shell):
    done = run("completion", shell)
    assert done.exit_code == 0
    assert "_HOTGATE_COMPLETE" in done.stdout
    words = {
        "COMP_WORDS": "hotgate ch",
        "COMP_CWORD": "ch" if shell == "fish" else "1",
        "_HOTGATE_COMPLETE": f"{shell}_complete",
    }
    asked = [sys.executable, "-c", "import sys; sys.argv[0] = 'hotgate'; from gate.cli import main; main()"]
    found = subprocess.run(asked, env=os.environ | words, cwd=REPO, capture_output=True, text=True, check=False)
    assert "check" in found.stdout, found.stderr
    assert run("check", "-h").stdout.startswith("Usage: ")


def test_the_number_of_changed_functions_reaches_the_json(loaded):
    loaded(Case(functions=functions(changed=(change(), change("main.total")))))
    changed = json.loads(check("--format", "json").stdout)["drift"]["functions"]["changed"]
    assert [each["name"] for each in changed] == ["main.rate", "main.total"]


def test_the_same_file_passes(loaded):
    loaded(Case(new=binary()))
    assert check().stdout.startswith("PASS  OLD and NEW are the same file\n")


HELP = """
import sys
from gate.cli import cli
try:
    cli.main(["--help"], prog_name="hotgate")
except SystemExit as end:
    heavy = {"numpy", "rich", "pydantic", "elftools", "iced_x86", "capstone", "probes.go"} & set(sys.modules)
    sys.exit(f"imported {heavy}" if heavy else end.code)
"""


def test_help_imports_nothing_slow():
    result = subprocess.run([sys.executable, "-c", HELP], cwd=REPO, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (0, "")
    for command in ("baseline", "check", "explain", "inspect", "policy", "render", "rules", "schema"):
        assert f"\n  {command} " in result.stdout


def test_a_profiler_still_writes_what_it_saw(tmp_path):
    out = tmp_path / "profile"
    command = [sys.executable, "-m", "cProfile", "-o", str(out), "-m", "gate", "rules"]
    subprocess.run(command, cwd=REPO, stdout=subprocess.DEVNULL, check=True)
    assert out.stat().st_size > 1000


UNWRITTEN = """
import sys, gate.cli
gate.cli.cli = type("Cli", (), {"main": lambda self, prog_name: sys.stdout.write("all of it") and sys.exit(10)})()
gate.cli.main()
"""


def test_what_is_still_unwritten_is_written():
    buffered = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    command = [sys.executable, "-c", UNWRITTEN]
    result = subprocess.run(command, cwd=REPO, env=buffered, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout, result.stderr) == (10, "all of it", "")


EXIT_HANDLER = """
import atexit
atexit.register(print, "handled")
from gate.cli import main
main()
"""


def test_handlers_of_the_interpreters_end_are_called():
    command = [sys.executable, "-c", EXIT_HANDLER, "rules"]
    result = subprocess.run(command, cwd=REPO, capture_output=True, text=True, check=True)
    assert result.stdout.endswith("\nhandled\n")


def hotgate(*arguments: str, **options):
    return subprocess.Popen([sys.executable, "-m", "gate", *arguments], cwd=REPO, text=True, **options)


def test_a_closed_pipe_keeps_the_exit_code_and_is_quiet():
    reader, writer = os.pipe()
    os.close(reader)
    with hotgate("schema", stdout=writer, stderr=subprocess.PIPE) as process:
        os.close(writer)
        assert process.communicate(timeout=120)[1] == ""
    assert process.returncode == 0


def test_a_full_disk_is_an_error():
    with Path("/dev/full").open("w") as full, hotgate("schema", stdout=full, stderr=subprocess.PIPE) as process:
        error = process.communicate(timeout=120)[1]
    assert process.returncode == 2
    assert error.startswith("error: cannot write the report (No space left on device): stdout")


INTERRUPTED = """
import sys, time
import gate.cli, gate.runs.comparison
def load_binary(path, **_):
    print("reading", flush=True)
    time.sleep(60)
gate.runs.comparison.load_binary = load_binary
sys.argv = ["hotgate", "check", "old", "new"]
gate.cli.main()
"""


def test_a_signal_ends_it_quietly_and_at_once():
    with subprocess.Popen(
        [sys.executable, "-c", INTERRUPTED], cwd=REPO, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        try:
            assert process.stdout is not None
            assert "reading" in process.stdout.readline()
            process.send_signal(signal.SIGINT)
            _, error = process.communicate(timeout=120)
        finally:
            process.kill()
    assert (process.returncode, error.strip()) == (130, "")


DROPPED = """
import time
import gate.cli, gate.runs.comparison
class Interrupted:
    def __del__(self):
        raise KeyboardInterrupt
def destroyed():
    Interrupted()
    for _ in range(600):
        time.sleep(0.1)
"""
WRAPPED = """
import gate.cli, gate.runs.comparison
class Interrupted:
    def __set_name__(self, owner, name):
        raise KeyboardInterrupt
def wrapped():
    type("Owner", (), {"attribute": Interrupted()})
"""


@pytest.mark.parametrize(("code", "place"), [(DROPPED, "destroyed"), (WRAPPED, "wrapped")])
def test_a_signal_is_not_lost_where_python_drops_or_wraps_it(code, place):
    call = f"import sys\ngate.runs.comparison._import_the_rest = {place}\nsys.argv = ['hotgate', 'check', 'a', 'b']"
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\n{call}\ngate.cli.main()"],
        cwd=REPO,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stderr.strip()) == (130, "")
