"""Stripped programs whose variables are the same, and others: an edit of a body is, anything else never."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from probes.drift import compare
from tests.conftest import first
from tests.drift.data_pairs import Config, Edit, Programs
from tests.groundtruth.corpus import CONFIGS as GROUND_CONFIGS
from tests.groundtruth.corpus import case
from tests.groundtruth.edits import by_name

if TYPE_CHECKING:
    from pathlib import Path

STRIPPED = Config(strip="-s -w")
CONFIGS = (
    Config(strip="-s -w", buildmode="pie"),
    Config(strip="-s -w", goarch="arm64"),
    Config(strip="-s -w", goarch="arm64", buildmode="pie"),
    Config(strip="-s -w", cgo=True),
    Config(strip="-s -w", buildmode="pie", cgo=True),
    Config(strip="-s -w", release="1.21.13"),
    Config(strip="-s -w", release="1.27.3"),
)


BODIES = (
    Edit("nothing"),
    Edit("constant", (("total++", "total += 2"),)),
    Edit("longer", (("total++", "total += 2\n\t\tfor total > 1000 {\n\t\t\ttotal /= 3\n\t\t}"),)),
    Edit("other-variable", (("float64(Scalar) + Rate", "float64(Scalar) + Rate + float64(Other.Port)"),)),
    Edit("called-in-two", (("return Silence(2)", "return Silence(2) + Silence(1)"),)),
    Edit("initial-value", (("= 25", "= 35"),)),
    Edit("initial-text", (('= "usd"', '= "eur"'),)),
    Edit("line-shift", (("package store", "package store\n\n"),)),
)  # fmt: skip

VARIABLES = (
    Edit("added", (("var Scalar", "var Fresh = 3\nvar Scalar"), ("total++", "total += float64(Fresh)"))),
    Edit("added-without-value", (("var Scalar", "var Fresh int\nvar Scalar"), ("total++", "Fresh++; total += float64(Fresh)"))),
    Edit("added-bool", (("var Scalar", "var Fresh bool\nvar Scalar"), ("total++", "Fresh = !Fresh; if Fresh { total++ }"))),
    Edit("added-two-bools", (("var Scalar", "var Fresh, Other2 bool\nvar Scalar"), ("total++", "Fresh = !Fresh; Other2 = Fresh; if Other2 { total++ }"))),
    Edit("added-pointer", (("var Scalar", "var Fresh *int\nvar Scalar"), ("total++", "if Fresh != nil { total++ }; Fresh = &Scalar"))),
    Edit("removed", (("var Flag = true\n", ""), ("Flag || ", ""))),
    Edit("removed-pointer", (("var Backup = &Defaults\n", ""), ("Backup.Port, ", ""))),
    Edit("resized", (("[4]int64", "[6]int64"),)),
    Edit("resized-up-by-one", (("Silent [4]int64", "Silent [5]int64"),)),
    Edit("array-shorter", (("0.1, 0.2, 0.3}", "0.1, 0.2}"), ("Table[n%3]", "Table[n%2]"))),
    Edit("widened", (("Share float32 = 0.25", "Share float64 = 0.25"),)),
    Edit("retyped", (("var Scalar = 25", "var Scalar = new(int)"), ("float64(Scalar)", "float64(*Scalar)"))),
    Edit("pointers-elsewhere", (("Port   int\n\tHost   string", "Host   string\n\tPort   int"),)),
    Edit(
        "swapped",
        (("var Scalar = 25\nvar Rate = 0.5", "var Rate = 0.5\nvar Scalar = 25"),),
    ),
    Edit(
        "swapped-and-edited",
        (("var Scalar = 25\nvar Rate = 0.5", "var Rate = 0.5\nvar Scalar = 25"), ("total++", "total += 2; println(n)")),
    ),
    Edit("swapped-pointers", (("var Chain", "var Backup = &Defaults\nvar Chain"), ("var Backup = &Defaults\nvar Other", "var Other"))),
    Edit("one-for-another", (("var Flag = true", "var Fresh = true"), ("Flag || ", "Fresh || "), ("var Small", "var Fresh2 uint8 = 3\nvar Small"), ("total++", "total += float64(Fresh2)"))),
)  # fmt: skip


class Edited(Programs):
    """Programs with the edits of this file."""

    def _facts(self, edit: str, config: Config):
        from probes.go import load  # noqa: PLC0415

        edits = {each.name: each for each in (*BODIES, *VARIABLES)}
        return load(str(self.path(edits[edit], config)), examine=False)


@pytest.fixture(scope="session")
def programs(go_toolchain: Path, tmp_path_factory: pytest.TempPathFactory) -> Edited:
    return Edited(go_toolchain, tmp_path_factory.mktemp("places"))


def reason(programs: Edited, edit: Edit, config: Config) -> str:
    drift = compare(programs.facts("nothing", config), programs.facts(edit.name, config), places=True)
    assert drift.functions is not None
    assert (drift.globals is None) == ("globals" in drift.problems)
    return drift.problems.get("globals", "")


@pytest.mark.parametrize("edit", first(3, BODIES), ids=str)
def test_the_variables_stay_where_they_are(edit: Edit, programs: Edited) -> None:
    assert reason(programs, edit, STRIPPED) == ""


@pytest.mark.parametrize("edit", first(3, VARIABLES), ids=str)
def test_other_variables_are_never_taken_for_the_same(edit: Edit, programs: Edited) -> None:
    said = reason(programs, edit, STRIPPED)
    assert "it has no ELF symbol table (stripped), and by their places the variables cannot be shown" in said


@pytest.mark.long
@pytest.mark.parametrize("config", first(1, CONFIGS), ids=str)
def test_in_every_configuration(config: Config, programs: Edited) -> None:
    bodies = [edit for edit in BODIES if edit.name in {"constant", "longer", "other-variable", "initial-value"}]
    assert [edit.name for edit in bodies if reason(programs, edit, config)] == []
    assert [edit.name for edit in VARIABLES[::3] if not reason(programs, edit, config)] == []


def test_without_being_asked_nothing_is_said_of_places(programs: Edited) -> None:
    drift = compare(programs.facts("nothing", STRIPPED), programs.facts("constant", STRIPPED))
    assert drift.problems["globals"] == "OLD: it has no ELF symbol table (stripped)"


GROUND = ("inlined-constant", "field-offset", "closure-first", "several", "interface-method-added", "package-variable")


@pytest.mark.parametrize("name", first(2, GROUND))
def test_edits_of_the_ground_program(name: str, go_toolchain: Path) -> None:
    """The same question asked of the unstripped twins, whose symbols tell: never kept where they are not."""
    from probes.drift.variables.compare import global_drift  # noqa: PLC0415
    from probes.go import load  # noqa: PLC0415

    config = next(c for c in GROUND_CONFIGS if c.name == "exe-nocgo-stripped-amd64")
    twin = next(c for c in GROUND_CONFIGS if c.name == "exe-nocgo-full-amd64")
    built, named = case(by_name(name), config, go_toolchain), case(by_name(name), twin, go_toolchain)
    drift = global_drift(load(str(named.old), examine=False), load(str(named.new), examine=False))
    same = not (drift.added or drift.removed or drift.resized or drift.retyped)
    kept = compare(load(str(built.old), examine=False), load(str(built.new), examine=False), places=True).globals
    assert same or kept is None
    assert kept is not None or not same or name in {"interface-method-added", "several"}
