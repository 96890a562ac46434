"""The contract on real binaries: what is handed over, by which codec, with OLD at hand."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from gate.cli import cli
from tests.conftest import built_once, first
from tests.gate.contracts import FLAGS, SOURCE, build_all, findings, policy, run
from tests.gate.test_real_binaries import build_program

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def programs(go_toolchain, tmp_path_factory) -> dict[str, Path]:
    root = built_once(tmp_path_factory, "contracts", lambda folder: build_all(go_toolchain, folder))
    return {folder.name: folder / "shop" for folder in root.iterdir()}


@pytest.mark.parametrize("how", first(1, FLAGS))
def test_a_field_inserted_blocks_by_memory_and_names_both_offsets(programs, tmp_path, how):
    chosen = policy(tmp_path, {"main.Order": "memory"})
    code, report = run("check", programs[f"base-{how}"], programs[f"inserted-{how}"], "--policy", chosen)
    assert (code, report["verdict"]) == (10, "block")
    (found,) = findings(report, "HG204")
    assert (found["subject"], found["severity"]) == ("main.Order", "block")
    assert "Order.Lines: offset 8 → 16" in found["message"]
    (changed,) = report["drift"]["types"]["changed"]
    assert (changed["name"], changed["contract"]) == ("main.Order", True)
    moved = {each["path"]: (each["of"], each["old_offset"], each["new_offset"]) for each in changed["changes"]}
    assert moved["Order.Tier"] == ("added", None, 8)
    assert moved["Order.Lines"] == ("moved", 8, 16)


@pytest.mark.parametrize("codec", ["json", "gob"])
def test_the_same_field_passes_by_a_codec_that_goes_by_name(programs, tmp_path, codec):
    chosen = policy(tmp_path, {"main.Order": codec})
    code, report = run("check", programs["base-stripped"], programs["inserted-stripped"], "--policy", chosen)
    assert (code, report["verdict"]) == (0, "pass")
    (found,) = findings(report, "HG204")
    assert found["severity"] == "info"
    assert f"{codec} survives" in found["message"]


@pytest.mark.parametrize(
    ("edit", "codec", "expected"),
    [
        ("appended", "memory", 10),
        ("appended", "gob", 0),
        ("retagged", "json", 10),
        ("retagged", "gob", 0),
        ("deep", "memory", 10),  # reached through a pointer in a slice
        ("deep", "gob", 10),
    ],
)
def test_what_each_codec_tolerates(programs, tmp_path, edit, codec, expected):
    chosen = policy(tmp_path, {"main.Order": codec})
    code, report = run("check", programs["base-stripped"], programs[f"{edit}-stripped"], "--policy", chosen)
    assert code == expected, report["findings"]


def test_a_hotfix_blocks_any_layout(programs):
    code, report = run("check", programs["base-exe"], programs["inserted-exe"], "--mode", "hotfix")
    assert code == 10
    assert [f["severity"] for f in findings(report, "HG204")] == ["block"]
    same = run("check", programs["base-exe"], programs["base-exe"], "--mode", "hotfix")[1]
    assert findings(same, "HG204") == []


def test_without_a_contract_it_is_a_note(programs):
    code, report = run("check", programs["base-stripped"], programs["inserted-stripped"])
    assert (code, [f["severity"] for f in findings(report, "HG204")]) == (0, ["info"])


def test_an_interface_of_the_contract_keeps_its_methods(programs, tmp_path):
    chosen = policy(tmp_path, {}, interfaces=["main.Store"])
    code, report = run("check", programs["base-stripped"], programs["method-stripped"], "--policy", chosen)
    (found,) = findings(report, "HG205")
    assert (code, found["severity"], found["subject"]) == (10, "block", "main.Store")
    assert "Len" in found["message"]
    code, report = run("check", programs["base-stripped"], programs["inserted-stripped"], "--policy", chosen)
    assert (code, findings(report, "HG205")) == (0, [])
    note = run("check", programs["base-stripped"], programs["method-stripped"])[1]
    assert [f["severity"] for f in findings(note, "HG205")] == ["info"]


def test_a_type_that_is_gone_blocks_and_what_is_like_it_is_named(programs, tmp_path):
    chosen = policy(tmp_path, {"main.Order": "gob"})
    code, report = run("check", programs["base-stripped"], programs["renamed-stripped"], "--policy", chosen)
    (found,) = findings(report, "HG209")
    assert (code, found["subject"]) == (10, "main.Order")
    assert findings(run("check", programs["base-exe"], programs["base-exe"], "--policy", chosen)[1], "HG209") == []
    misspelt = policy(tmp_path, {"example.com/shop.Order": "gob"})
    (found,) = findings(run("check", programs["base-exe"], programs["base-exe"], "--policy", misspelt)[1], "HG209")
    assert found["evidence"]["similar"] == ["main.Order"]


def test_types_that_cannot_be_compared_do_not_pass(programs, tmp_path, go_toolchain):
    chosen = policy(tmp_path, {"main.Order": "gob"})
    arm = build_program(go_toolchain, tmp_path / "arm64", SOURCE, GOARCH="arm64")
    code, report = run("check", programs["base-exe"], arm, "--policy", chosen, "--fail-on", "block")
    assert code == 10  # HG401
    assert "types" in report["policy"]["require"]
    assert {e["name"]: e["status"] for e in report["evidence"]}["types"] == "missing"


def test_a_proposal_can_be_used_as_it_is(programs, tmp_path):
    done = CliRunner(catch_exceptions=False).invoke(cli, ["contract", "init", str(programs["base-stripped"])])
    assert done.exit_code == 0
    assert '"main.Order" = "json"' in done.stdout
    assert "main.Store" in done.stdout
    unstripped = CliRunner(catch_exceptions=False).invoke(cli, ["contract", "init", str(programs["base-exe"])])
    assert '#     "main.store",' in unstripped.stdout
    chosen = tmp_path / "proposed.toml"
    chosen.write_text(done.stdout, "utf-8")
    code, report = run("check", programs["base-stripped"], programs["retagged-stripped"], "--policy", chosen)
    assert code == 10
    assert findings(report, "HG204")[0]["subject"] == "main.Order"


def test_cycles_in_types_end(go_toolchain, tmp_path, programs):
    source = SOURCE.replace("\tNote  string", "\tNext  *Order\n\tPeers map[string][]*Order\n\tNote  string")
    built = build_program(go_toolchain, tmp_path / "cycle", source, "-ldflags=-s -w")
    chosen = policy(tmp_path, {"main.Order": "gob"})
    for old, new in ((built, built), (programs["base-stripped"], built), (built, programs["base-stripped"])):
        assert run("check", old, new, "--policy", chosen)[0] in {0, 10}
    lock = tmp_path / "cycle.lock"
    CliRunner(catch_exceptions=False).invoke(
        cli, ["contract", "lock", str(built), "--policy", str(chosen), "-o", str(lock)]
    )
    assert run("contract", "verify", built, "--policy", chosen, "--lock", lock)[0] == 0


def test_inspect_shows_a_layout_with_its_padding(programs):
    runner = CliRunner(catch_exceptions=False)
    new = str(programs["inserted-stripped"])
    done = runner.invoke(cli, ["inspect", new, "--type", "main.Order", "--type", "main.Store"])
    assert done.exit_code == 0
    lines = [" ".join(line.split()) for line in done.stdout.splitlines()]
    assert '8 4 Tier int32 `json:"tier"`' in lines
    assert "12 4 (padding)" in lines
    assert "Put func(*main.Order) error" in lines
    shape = json.loads(runner.invoke(cli, ["inspect", new, "--type", "main.Order", "--format", "json"]).stdout)
    (shown,) = shape["types"]["shown"]
    assert [(m["name"], m["offset"], m["size"]) for m in shown["members"]] == [
        ("ID", 0, 8),
        ("Tier", 8, 4),
        ("Lines", 16, 24),
        ("Note", 40, 16),
    ]
    assert shown["size"] == 56
    missing = CliRunner().invoke(cli, ["inspect", new, "--type", "Order"])
    assert missing.exit_code == 2
    assert "did you mean main.Order?" in missing.stderr


@pytest.fixture(scope="module")
def shelved(go_toolchain, tmp_path_factory) -> Path:
    source = SOURCE.replace("var store any", "var shelf any").replace("store.(Store)", "shelf.(Store)")
    return build_program(go_toolchain, tmp_path_factory.mktemp("shelved") / "new", source)


def test_variables_of_the_contract(programs, shelved, tmp_path):
    base = programs["base-exe"]
    for name, new, expected in (
        ("main.store", base, []),
        ("main.store", shelved, ["main.store"]),
        ("main.stor", base, ["main.stor"]),  # misspelt, so it was never compared
    ):
        code, report = run("check", base, new, "--policy", policy(tmp_path, {}, globals=[name]))
        assert code == (10 if expected else 0)
        assert [f["subject"] for f in findings(report, "HG206") if f["severity"] == "block"] == expected


def test_variables_of_the_contract_in_a_stripped_file_do_not_pass(programs, tmp_path):
    chosen = policy(tmp_path, {}, globals=["main.store"])
    code, report = run("check", programs["base-stripped"], programs["base-stripped"], "--policy", chosen)
    assert (code, report["verdict"]) == (11, "inconclusive")


def test_a_type_that_only_new_describes_is_not_verified(go_toolchain, tmp_path):
    source = """package main

import "os"

type Order struct{ ID, Cents int64 }

var state = Order{1, 2}

func main() { println(state.ID+state.Cents, len(os.Args)) }
"""
    old = build_program(go_toolchain, tmp_path / "old", source)
    shown = source.replace('import "os"', 'import (\n\t"fmt"\n\t"os"\n)').replace(
        "println(", "fmt.Println(state); println("
    )
    new = build_program(go_toolchain, tmp_path / "new", shown)
    code, report = run("check", old, new, "--policy", policy(tmp_path, {"main.Order": "memory"}))
    assert (code, report["verdict"]) == (11, "inconclusive")
    assert [f["evidence"]["verified"] for f in findings(report, "HG204")] == [False]


def test_interfaces_in_the_state_are_named(go_toolchain, tmp_path):
    source = SOURCE.replace("\tNote  string", "\tPaid  fmt.Stringer\n\tNote  string")
    built = build_program(go_toolchain, tmp_path / "open", source)
    _, report = run("check", built, built, "--policy", policy(tmp_path, {"main.Order": "gob"}))
    (found,) = findings(report, "HG204")
    assert "fmt.Stringer" in found["message"]
    assert found["severity"] == "info"
