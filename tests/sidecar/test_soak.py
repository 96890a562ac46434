"""A minute of 500 services. `make soak` takes ten, and measures how late each poll is."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from scripts.measure import soak

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.patient

COUNTS = {"good": 420, "dead": 50, "dribble": 20, "garbage": 10}


@pytest.mark.xdist_group("soak")
@pytest.mark.long
def test_five_hundred_services_are_all_polled_within_one_core_and_300_mb(tmp_path: Path) -> None:
    seen = soak.run(COUNTS, 60.0, 10.0, tmp_path)
    assert seen.good_failed == 0
    assert seen.lost() == []


def test_what_is_late_or_missed_would_be_noticed() -> None:
    good = soak.Outcome(1, 60, 100, 1.0, 3, 0, 0, 0, 0.1, 10)
    assert good.problems() == []
    for worse in ({"on_time": 0.98}, {"missed": 1}):
        assert len(replace(good, **worse).slow()) == len(replace(good, **worse).problems()) == 1
    for worse in ({"cores": 1.1}, {"unseen": 1}, {"good_failed": 2}, {"peak": 400_000_000}):
        assert len(replace(good, **worse).lost()) == len(replace(good, **worse).problems()) == 1
