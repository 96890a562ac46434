"""A part of `make groundtruth`: the comparison against known edits, small enough for every run of the tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from scripts.truth.groundtruth import QUICK_CONFIGS, QUICK_EDITS, WANTED_PRECISION, applies
from tests.conftest import first
from tests.groundtruth.corpus import CONFIGS, case
from tests.groundtruth.edits import by_name
from tests.groundtruth.score import Score, score_case

if TYPE_CHECKING:
    from pathlib import Path

    from tests.groundtruth.corpus import Config

PICKED = [config for config in CONFIGS if config.name in QUICK_CONFIGS]


@pytest.mark.parametrize("config", first(1, PICKED), ids=[config.name for config in PICKED])
@pytest.mark.parametrize("edit", QUICK_EDITS)
def test_an_edit_is_found_and_nothing_is_missed(edit: str, config: Config, go_toolchain: Path) -> None:
    known = by_name(edit)
    assert applies(known, config)
    result = score_case(case(known, config, go_toolchain))
    assert not result.missed
    assert not result.undecided
    if known.silent:
        assert not result.false


@pytest.mark.long
def test_hardly_anything_is_made_up(go_toolchain: Path) -> None:
    total = Score()
    for edit in QUICK_EDITS:
        for config in PICKED:
            total.add(score_case(case(by_name(edit), config, go_toolchain)))
    assert total.found.total() > 100
    assert total.precision >= WANTED_PRECISION, total.false
