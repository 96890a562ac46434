"""`check --both-ways`: the update, and the same taken back."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from gate.cli import cli
from gate.report.formats import names, renderer
from gate.report.saved import load_report
from scripts.programs.gobuild import ROOT, GoBuild, host_arch
from tests.conftest import first

if TYPE_CHECKING:
    from pathlib import Path

PROGRAM = """package main

import ("encoding/json"; "os")

type Order struct { ID int; %s }

func main() { json.NewEncoder(os.Stdout).Encode([]any{Order{ID: len(os.Args)}}) }
"""
CONTRACT = '[contract.state]\n"main.Order" = "gob"\n'


@pytest.fixture(scope="module")
def releases(go_toolchain: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """OLD, and a NEW whose type has a wider field: gob reads int32 into int64, and not the other way round."""
    folder = tmp_path_factory.mktemp("releases")
    built = []
    for name, fields in (("old", "Price int32"), ("new", "Price int64")):
        source = folder / f"{name}.src"
        source.mkdir()
        (source / "go.mod").write_text("module example.com/shop\n\ngo 1.21\n")
        (source / "main.go").write_text(PROGRAM % fields)
        GoBuild(goroot=go_toolchain, source=source, goarch=host_arch(), flags=("-trimpath", "-buildvcs=false")).run(
            folder / name
        )
        built.append(folder / name)
    return built[0], built[1]


def run(folder: Path, policy: str, *arguments: str) -> tuple[int, dict]:  # type: ignore[type-arg]
    path = folder / "hotgate.toml"
    path.write_text(policy, "utf-8")
    done = CliRunner().invoke(cli, ["check", *arguments, "--policy", str(path), "--format", "json"])
    assert done.exit_code in {0, 10, 11}, done.output
    return done.exit_code, json.loads(done.stdout)


def test_without_being_asked_only_one_way_is_judged(releases, tmp_path):
    _, report = run(tmp_path, "", *map(str, releases))
    assert "way_back" not in report


@pytest.mark.parametrize("key", ["report", "judge"])
def test_the_worse_verdict_counts_where_the_policy_says_so(key, releases, tmp_path):
    old, new = map(str, releases)
    exit_code, report = run(tmp_path, f'way_back = "{key}"\n{CONTRACT}', old, new)
    assert (report["way_back"]["verdict"], report["way_back"]["exit_code"]) == ("block", 10)
    assert [each["rule"] for each in report["way_back"]["findings"] if each["severity"] == "block"] == ["HG204"]
    assert (report["verdict"], exit_code) == (("block", 10) if key == "judge" else ("pass", 0))
    assert not [each for each in report["findings"] if each["severity"] == "block"]


def test_the_same_both_ways_is_reversible(releases, tmp_path):
    old = str(releases[0])
    exit_code, report = run(tmp_path, f'way_back = "judge"\n{CONTRACT}', old, old)
    assert (exit_code, report["verdict"], report["way_back"]["verdict"]) == (0, "pass", "pass")


def test_the_flag_shows_it_and_leaves_the_exit_code(releases, tmp_path):
    exit_code, report = run(tmp_path, CONTRACT, *map(str, releases), "--both-ways")
    assert (exit_code, report["verdict"], report["way_back"]["verdict"]) == (0, "pass", "block")


@pytest.mark.parametrize("name", names())
@pytest.mark.parametrize("key", first(1, ["report", "judge"]))
def test_every_format_says_it_from_a_saved_report(name, key, releases, tmp_path):
    _, report = run(tmp_path, f'way_back = "{key}"\n{CONTRACT}', *map(str, releases))
    saved = tmp_path / "saved.json"
    saved.write_text(json.dumps(report), "utf-8")
    text = renderer(name).render(load_report(str(saved)))
    assert {
        "junit": 'name="way_back" value="block"',
        "sarif": '"wayBack": "block"',
        "json": '"way_back": {',
        "gitlab": "",
    }.get(name, "not reversible: ") in text


def test_the_first_lines_of_the_terminal(releases, tmp_path):
    for key, words in (
        ("report", "PASS  nothing blocks this update"),
        ("judge", "BLOCK  nothing blocks this update, but its way back is blocked"),
    ):
        _, report = run(tmp_path, f'way_back = "{key}"\n{CONTRACT}', *map(str, releases))
        saved = tmp_path / "saved.json"
        saved.write_text(json.dumps(report), "utf-8")
        lines = renderer("terminal").render(load_report(str(saved))).splitlines()
        assert lines[0].startswith(words)
        assert any(line.startswith("not reversible: ") for line in lines[:4])


def test_a_pipeline_that_reads_junit_fails_by_the_way_back(releases, tmp_path):
    for key, failures in (("report", 0), ("judge", 1)):
        _, report = run(tmp_path, f'way_back = "{key}"\n{CONTRACT}', *map(str, releases))
        saved = tmp_path / "saved.json"
        saved.write_text(json.dumps(report), "utf-8")
        assert f'failures="{failures}"' in renderer("junit").render(load_report(str(saved)))


GOPROBE = """package main

import ("context"; "hotgate/goprobe")

type Book struct{ Orders []int }

func codec() *goprobe.ValueCodec[Book] {
	return goprobe.JSON(func() (Book, error) { return Book{}, nil }, func(Book) error { return nil })
}

func main() {
	p, err := goprobe.Start(context.Background(), goprobe.Options{})
	if err != nil { panic(err) }
	p.RegisterState("orders", %s)
	p.Ready()
}
"""


@pytest.mark.parametrize(
    ("new", "message"),
    first(
        1,
        [
            ("1, codec())", ""),
            ("2, codec().Migrate(1, nil))", "OLD could not read the state orders: NEW writes version 2, OLD reads 1."),
            (
                '1, codec()); p.RegisterState("users", 1, codec())',
                "OLD does not know the state users that NEW hands over",
            ),
        ],
    ),
)
def test_states_that_only_new_can_write(new, message, go_toolchain, tmp_path):
    built = []
    for name, call in (("old", "1, codec())"), ("new", new)):
        source = tmp_path / f"{name}.src"
        source.mkdir()
        goprobe = os.path.relpath(ROOT / "goprobe", source)
        (source / "go.mod").write_text(
            f"module example.com/shop\n\ngo 1.21\n\nrequire hotgate/goprobe v0.0.0\n\nreplace hotgate/goprobe => {goprobe}\n"
        )
        (source / "main.go").write_text(GOPROBE.replace("%s)", call))
        GoBuild(goroot=go_toolchain, source=source, goarch=host_arch(), flags=("-trimpath", "-buildvcs=false")).run(
            tmp_path / name
        )
        built.append(str(tmp_path / name))
    exit_code, report = run(tmp_path, "", *built)
    found = [each["message"] for each in report["findings"] if each["rule"] == "HG515"]
    assert exit_code == 0
    assert len(found) == bool(message)
    assert not message or found[0].startswith(message)
    blocked, _ = run(tmp_path, '[severity]\nHG515 = "block"\n', *built)
    assert blocked == (10 if message else 0)


FLAGS = """package main

import ("flag"; "fmt")

func main() {
	address := flag.String("%s", "", "")
	flag.Parse()
	fmt.Println(*address)
}
"""


def test_flags_the_other_way(go_toolchain, tmp_path):
    """The command line that NEW will run with, and that OLD would have to take again."""
    built = []
    for name in ("listen", "address"):
        source = tmp_path / f"{name}.src"
        source.mkdir()
        (source / "go.mod").write_text("module example.com/shop\n\ngo 1.21\n")
        (source / "main.go").write_text(FLAGS % name)
        GoBuild(goroot=go_toolchain, source=source, goarch=host_arch(), flags=("-trimpath", "-buildvcs=false")).run(
            tmp_path / name
        )
        built.append(str(tmp_path / name))
    _, report = run(tmp_path, "", *built, "--both-ways", "--argv", "shop -address :80")
    assert "HG415" not in {each["rule"] for each in report["findings"] if each["severity"] != "info"}
    (found,) = [each for each in report["way_back"]["findings"] if each["rule"] == "HG415"]
    assert (found["severity"], report["way_back"]["verdict"]) == ("block", "block")
    assert "-address" in found["message"]
