"""When a service went over to another image."""

from __future__ import annotations

import pytest

from gate.sidecar.state.images import KEPT, Images, Sight


def seen(told: str) -> Images:
    """One poll a letter, ten seconds apart; `.` tells nothing, `P` and `Q` are build IDs of a plain service."""
    found = Images()
    for n, letter in enumerate(told, 1):
        own = "net/http/pprof" if letter in "PQ" else "goprobe"
        found.see(Sight(10_000 * n, 200, 300, own, letter.strip(".")))
    return found


@pytest.mark.parametrize(
    ("told", "changes"),
    [
        ("", []),
        (".", []),
        ("aa", []),
        ("a.a", []),
        ("ab", [(10.2, 20.0, 20.5, "b")]),
        ("a..b", [(10.2, 40.0, 40.5, "b")]),
        ("abba", [(10.2, 20.0, 20.5, "b"), (30.2, 40.0, 40.5, "a")]),
        ("aPa", []),  # goprobe did not answer once
        ("aP.a", []),
        ("aPb", [(10.2, 30.0, 30.5, "b")]),
        ("aPP", [(10.2, 20.0, 20.5, "P")]),  # it never does again: NEW has none
        ("aP.P", [(10.2, 20.0, 20.5, "P")]),
        ("PPQ", [(20.2, 30.0, 30.5, "Q")]),
        ("PPa", []),
        ("PPaa", [(20.2, 30.0, 30.5, "a")]),
    ],
)
def test_which_image_ran_until_when(told: str, changes: list[tuple[float, float, float, str]]) -> None:
    found = seen(told)
    assert [(each.until, each.since, each.seen, each.epoch) for each in found.changes] == changes
    assert found.updated_at == (changes[-1][1] if changes else 0)


def test_few_changes_are_remembered() -> None:
    assert len(seen("ab" * 50).changes) == KEPT
