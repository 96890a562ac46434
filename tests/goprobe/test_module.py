"""The Go module's own vet and tests, in every setting that `make goprobe` runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from scripts.programs.gobuild import FEW_COLLECTIONS, ROOT, BuildFailed, GoBuild, can_build_cgo, host_arch
from scripts.programs.goprobe import OLDEST, QUICK, rounds
from tests.conftest import missing

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    "name", [one.name if one.name == QUICK else pytest.param(one.name, marks=pytest.mark.long) for one in rounds()]
)
@pytest.mark.patient
def test_round(name: str, go_toolchain: Path) -> None:
    assert go_toolchain
    one = next(one for one in rounds() if one.name == name)
    if one.cgo and not can_build_cgo(host_arch()):
        missing("no C compiler: apt-get install gcc libc6-dev")
    try:
        one.toolchain()
    except BuildFailed as exc:
        missing(f"no Go {OLDEST}: {exc}")
    problem = one.run()
    if one.fetches and problem is not None and "dial tcp" in problem:
        missing(f"no module proxy: {problem[-300:]}")
    assert problem is None, problem


def test_what_is_tested_without_vet_has_been_vetted_before() -> None:
    for one in rounds():
        first, *others = one.commands
        assert first == ("vet", "./..."), one.name
        assert [command[:2] for command in others] == [("test", "-vet=off")], one.name


def test_only_go_itself_collects_less_garbage() -> None:
    """What `environment` gives goes on to the tests of the module, and to the services that they start."""
    made = GoBuild(goroot=ROOT, source=ROOT).environment()
    assert not FEW_COLLECTIONS.keys() & made.keys()
