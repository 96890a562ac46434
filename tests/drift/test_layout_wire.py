"""Types that became others: which codecs carry their values over, for whole programs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from probes.drift.types.codecs import broken
from probes.drift.types.compare import layout_drift, reached
from probes.drift.types.wire_tags import CODECS
from probes.go import load
from scripts.programs.gobuild import GoBuild
from tests.drift.wire_cases import CASES, Case

if TYPE_CHECKING:
    from pathlib import Path

    from probes.drift.types.facts import LayoutDrift
    from probes.go.types.table import TypeTable


def _built(goroot: Path, folder: Path, side: str) -> TypeTable:
    source = folder / side
    source.mkdir()
    (source / "go.mod").write_text("module example.com/wire\n\ngo 1.21\n", encoding="utf-8")
    code = [getattr(case, side).replace("@", case.name) for case in CASES]
    keep = ", ".join(f"&T{case.name}{{}}" for case in CASES)
    text = 'package main\n\nimport "fmt"\n\n' + "\n".join(code) + f"\n\nfunc main() {{ fmt.Println({keep}) }}\n"
    (source / "main.go").write_text(text, encoding="utf-8")
    GoBuild(goroot, source, flags=("-trimpath",)).run(folder / f"{side}.out")
    types = load(str(folder / f"{side}.out")).types
    assert types is not None
    return types.read()


@pytest.fixture(scope="module")
def drift(go_toolchain: Path, tmp_path_factory: pytest.TempPathFactory) -> LayoutDrift:
    folder = tmp_path_factory.mktemp("wire")
    result = layout_drift(_built(go_toolchain, folder, "old"), _built(go_toolchain, folder, "new"))
    assert result.problems == ()
    return result


@pytest.mark.parametrize("case", CASES, ids=str)
def test_which_codecs_break(case: Case, drift: LayoutDrift) -> None:
    changes = reached(drift, f"main.T{case.name}")
    assert changes is not None
    assert [codec for codec in CODECS[1:] if broken(changes, codec)] == case.breaks.split()
    shaped = [change for change in changes if change.of not in {"json", "protobuf"}]
    assert [found.change for found in broken(changes, "memory")] == shaped


def test_a_change_that_two_ways_lead_to_is_told_once(drift: LayoutDrift) -> None:
    found = reached(drift, "main.THiddenFirst")
    assert found is not None
    assert [(c.path, c.hidden) for c in found if c.of == "retyped"] == [("THiddenFirst.Unit.Name", False)]
