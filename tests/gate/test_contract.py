"""The contract on real binaries: what is handed over, by which codec, with OLD at hand or only its lock."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from gate.cli import cli
from tests.gate.test_real_binaries import build_program

if TYPE_CHECKING:
    from pathlib import Path

SOURCE = """package main

import (
	"encoding/json"
	"fmt"
	"os"
)

type Line struct {
	Item  string `json:"item"`
	Cents int64  `json:"cents"`
}

type Order struct {
	ID    int64   `json:"id"`
	Lines []*Line `json:"lines"`
	Note  string  `json:"note"`
}

type Store interface {
	Put(o *Order) error
	Get(id int64) (*Order, bool)
}

type memory struct{ orders map[int64]*Order }

func (m *memory) Put(o *Order) error           { m.orders[o.ID] = o; return nil }
func (m *memory) Get(id int64) (*Order, bool) { o, ok := m.orders[id]; return o, ok }
func (m *memory) Len() int                     { return len(m.orders) }

var store any = &memory{orders: map[int64]*Order{}}

func main() {
	if s, ok := store.(Store); ok {
		s.Put(&Order{ID: int64(len(os.Args)), Lines: []*Line{{"a", 1}}})
		o, _ := s.Get(1)
		b, err := json.Marshal(o)
		fmt.Println(string(b), err)
	}
}
"""
INSERTED = ("\tLines []*Line", '\tTier  int32   `json:"tier"`\n\tLines []*Line')
APPENDED = ('\tNote  string  `json:"note"`', '\tNote  string  `json:"note"`\n\tTier  int32   `json:"tier"`')
RETAGGED = ('`json:"note"`', '`json:"remark"`')
DEEP = ("\tCents int64 ", "\tCents float32 ")
METHOD = ("\tGet(id int64) (*Order, bool)", "\tGet(id int64) (*Order, bool)\n\tLen() int")
EDITS = {"inserted": INSERTED, "appended": APPENDED, "retagged": RETAGGED, "deep": DEEP, "method": METHOD}
FLAGS = {"exe": (), "stripped": ("-ldflags=-s -w",), "pie": ("-buildmode=pie",)}


@pytest.fixture(scope="module")
def programs(go_toolchain, tmp_path_factory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("contract")
    out = {f"base-{how}": build_program(go_toolchain, root / how, SOURCE, *flags) for how, flags in FLAGS.items()}
    for name, (before, after) in EDITS.items():
        assert SOURCE.count(before) == 1, name
        edited = SOURCE.replace(before, after)
        for how, flags in FLAGS.items():
            if how == "stripped" or name == "inserted":
                out[f"{name}-{how}"] = build_program(go_toolchain, root / f"{name}-{how}", edited, *flags)
    renamed = SOURCE.replace("Order", "Purchase")
    out["renamed-stripped"] = build_program(go_toolchain, root / "renamed", renamed, *FLAGS["stripped"])
    return out


def policy(folder: Path, state: dict[str, str], **rest: object) -> Path:
    lines = ["[contract]", *(f"{key} = {json.dumps(value)}" for key, value in rest.items()), "[contract.state]"]
    path = folder / "policy.toml"
    path.write_text("\n".join([*lines, *(f'"{name}" = "{codec}"' for name, codec in state.items())]) + "\n", "utf-8")
    return path


def run(*arguments: object) -> tuple[int, dict]:
    result = CliRunner(catch_exceptions=False).invoke(
        cli, [*map(str, arguments), "--format", "json"], env={"HOTGATE_DEBUG": "1"}
    )
    assert result.stderr == ""
    return result.exit_code, json.loads(result.stdout)


def findings(report: dict, rule: str) -> list[dict]:
    return [finding for finding in report["findings"] if finding["rule"] == rule]


@pytest.mark.parametrize("how", FLAGS)
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


class TestLock:
    @pytest.fixture
    def locked(self, programs, tmp_path) -> tuple[Path, Path]:
        chosen = policy(tmp_path, {"main.Order": "memory"}, interfaces=["main.Store"])
        lock = tmp_path / "hotgate.lock"
        result = CliRunner(catch_exceptions=False).invoke(
            cli, ["contract", "lock", str(programs["base-exe"]), "--policy", str(chosen), "-o", str(lock)]
        )
        assert (result.exit_code, result.stdout) == (0, "")
        assert "2 types of the contract" in result.stderr
        return chosen, lock

    def verify(self, locked: tuple[Path, Path], new: Path) -> tuple[int, dict]:
        return run("contract", "verify", new, "--policy", locked[0], "--lock", locked[1])

    def test_it_is_the_same_from_the_stripped_twin_and_from_another_run(self, programs, locked, tmp_path):
        again = tmp_path / "again.lock"
        CliRunner(catch_exceptions=False).invoke(
            cli, ["contract", "lock", str(programs["base-stripped"]), "--policy", str(locked[0]), "-o", str(again)]
        )
        assert again.read_bytes() == locked[1].read_bytes()

    def test_new_is_checked_without_old(self, programs, locked):
        code, report = self.verify(locked, programs["base-pie"])
        assert (code, report["verdict"], report["old"]["linkage"]) == (0, "pass", "lock")
        code, report = self.verify(locked, programs["inserted-stripped"])
        assert code == 10
        (found,) = findings(report, "HG204")
        assert "Order.Lines: offset 8 → 16" in found["message"]

    @pytest.mark.parametrize(("edit", "rule"), [("deep", "HG204"), ("method", "HG205"), ("renamed", "HG209")])
    def test_it_blocks_what_a_comparison_blocks(self, programs, locked, edit, rule):
        code, report = self.verify(locked, programs[f"{edit}-stripped"])
        assert code == 10
        direct = run("check", programs["base-stripped"], programs[f"{edit}-stripped"], "--policy", locked[0])[1]
        ours, theirs = (
            [(f["subject"], f["message"], f["fingerprint"]) for f in findings(r, rule)] for r in (report, direct)
        )
        assert ours
        assert ours == theirs

    def test_a_lock_of_another_contract_is_refused(self, programs, locked, tmp_path):
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
    def test_a_damaged_lock_is_one_line(self, programs, locked, damage):
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
    def test_an_edited_lock_does_not_pass(self, programs, locked, part):
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

    def test_evidence_that_is_required_and_missing_does_not_pass(self, programs, locked):
        code, report = run("contract", "verify", programs["base-exe"], "--lock", locked[1], "--require", "functions")
        assert (code, report["verdict"]) == (11, "inconclusive")

    def test_a_type_that_is_not_there_cannot_be_locked(self, programs, tmp_path):
        chosen = policy(tmp_path, {"main.Ordr": "memory"})
        done = CliRunner().invoke(
            cli, ["contract", "lock", str(programs["base-exe"]), "--policy", str(chosen), "-o", "-"]
        )
        assert (done.exit_code, done.stdout) == (2, "")
        assert "has no type main.Ordr" in done.stderr
        assert "main.Order" in done.stderr


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
