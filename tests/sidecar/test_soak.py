"""A minute of 2,000 services. `make soak` takes ten, and measures how late each poll is."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from scripts.measure import soak

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.patient


@pytest.mark.long
def test_two_thousand_services_are_all_polled_within_one_core_and_400_mb(tmp_path: Path) -> None:
    seen = soak.run(soak.shares(soak.NUMBER), 60.0, 10.0, tmp_path)
    assert seen.lost() == []


def test_what_is_late_or_missed_would_be_noticed() -> None:
    good = soak.Outcome(1, 60, 100, 1.0, 3, 0, 0, 0, 0, 0.1, 10)
    assert good.problems() == []
    for worse in ({"on_time": 0.98}, {"missed": 1}):
        assert len(replace(good, **worse).slow()) == len(replace(good, **worse).problems()) == 1
    for worse in ({"cores": 1.1}, {"unseen": 1}, {"unanswered": 2}, {"good_failed": 1}, {"peak": 500_000_000}):
        assert len(replace(good, **worse).lost()) == len(replace(good, **worse).problems()) == 1


def test_bad_services_keep_their_share() -> None:
    assert soak.shares(500) == {"good": 420, "dead": 50, "dribble": 20, "garbage": 10}
    assert soak.shares(2000) == {"good": 1680, "dead": 200, "dribble": 80, "garbage": 40}
