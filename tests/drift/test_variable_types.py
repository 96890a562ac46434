"""Types of package variables by DWARF: every kind of change, in several ways to build, and no change that is none."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from probes.drift.variables.compare import global_drift
from probes.go import load
from scripts.programs.gobuild import GoBuild
from tests.conftest import first
from tests.drift.type_pairs import CONFIGS, VARIABLES, Config, P, Releases
from tests.drift.variable_pairs import OLD_RELEASE

if TYPE_CHECKING:
    from pathlib import Path

    from probes.drift.facts import GlobalDrift

PLAIN = Config()
WANTED = {each.name: each.detail for each in VARIABLES if each.detail}


@pytest.fixture(scope="module")
def releases(go_toolchain: Path, tmp_path_factory: pytest.TempPathFactory) -> Releases:
    return Releases(go_toolchain, tmp_path_factory.mktemp("retyped"))


def told(drift: GlobalDrift) -> dict[str, str]:
    """The details of the program's own variables, without their package."""
    dotted = P.replace("dot.ted", "dot%2eted")
    return {each.name.removeprefix(dotted): each.detail for each in drift.retyped if each.name.startswith(dotted)}


@pytest.mark.parametrize("config", first(2, CONFIGS), ids=str)
def test_what_is_retyped(config: Config, releases: Releases) -> None:
    drift = global_drift(releases.facts(config, new=False), releases.facts(config, new=True))
    expected = dict(WANTED)
    if config.release:  # that linker writes results like parameters that are pointers
        expected["Called"] = f"{P}Handler: func(int, *string) → func(int, []int, ..., *string)"
    assert told(drift) == expected
    assert len(drift.retyped) == len(expected)
    assert (drift.types_problem, drift.damaged) == ("", False)
    assert [each for each in (*drift.added, *drift.removed, *drift.resized) if each.package != "C"] == []
    assert drift.untyped_go <= 1
    by_name = {each.name.rpartition(".")[2]: each for each in drift.retyped}
    assert (by_name["Number"].old_type, by_name["Number"].new_type) == ("int64", "float64")


@pytest.mark.parametrize("new", [False, True])
def test_the_same_program_linked_otherwise_has_the_same_types(releases: Releases, new: bool) -> None:
    plain = releases.facts(PLAIN, new=new)
    loose = releases.facts(PLAIN, new=new, flags="-compressdwarf=false")
    assert plain.sha256 != loose.sha256
    drift = global_drift(plain, loose)
    assert (drift.retyped, drift.types_problem, drift.untyped) == ((), "", ())
    assert drift.compared > 250


def test_other_toolchains_write_the_program_s_types_alike(releases: Releases) -> None:
    old = releases.facts(Config(release=OLD_RELEASE), new=False)
    assert told(global_drift(old, releases.facts(PLAIN, new=False))) == {}
    wanted = {name: detail for name, detail in WANTED.items() if name != "Called"}  # its signature is not compared
    assert told(global_drift(old, releases.facts(PLAIN, new=True))) == wanted


@pytest.mark.parametrize(
    ("old_flags", "new_flags", "problem"),
    [("-w", "", "OLD has no DWARF"), ("", "-w", "NEW has no DWARF"), ("-w", "-w", "neither file has DWARF")],
)
def test_without_dwarf_it_is_said(releases: Releases, old_flags: str, new_flags: str, problem: str) -> None:
    old, new = (releases.facts(PLAIN, new=side, flags=flags) for side, flags in ((False, old_flags), (True, new_flags)))
    drift = global_drift(old, new)
    assert (drift.types_problem, drift.damaged) == (problem, False)
    # What the collector's mask tells is told without DWARF too.
    assert {each.detail for each in drift.retyped} <= {"pointers in other places"}


def test_a_file_is_not_asked_about_itself(releases: Releases) -> None:
    facts = releases.facts(PLAIN, new=False, flags="-w")
    assert global_drift(facts, replace(facts, path="elsewhere")).types_problem == ""


def test_a_change_of_size_names_the_types_too(tmp_path: Path, go_toolchain: Path) -> None:
    paths = []
    for side, size in (("old", 16), ("new", 32)):
        folder = tmp_path / side
        folder.mkdir()
        (folder / "go.mod").write_text("module example.com/sized\n\ngo 1.21\n", "utf-8")
        text = f"package main\n\nvar limits [{size}]int32\n\nfunc main() {{ limits[3]++; println(&limits) }}\n"
        (folder / "main.go").write_text(text, "utf-8")
        GoBuild(go_toolchain, folder).run(folder / "out")
        paths.append(folder / "out")
    drift = global_drift(*(load(str(path), examine=False) for path in paths))
    assert [(each.name, each.detail) for each in drift.resized] == [
        ("main.limits", "[16]int32 → [32]int32, 64 → 128 bytes")
    ]
