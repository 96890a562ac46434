"""The continuity score: what it takes points for, and what not."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from gate.rules.samples.services import SECOND, window
from probes.profile.heartbeat.continuity import PENALTY, continuity

NEXT = "0123456789abcdef0123456789abcdef"


def score(windows, **settings):
    facts = continuity(windows, interval_ns=60 * SECOND, window_ns=6 * SECOND, **settings)
    assert facts is not None
    assert facts.score == pytest.approx(max(0, 100 - sum(each.points for each in facts.deductions)))
    return facts


def series(*numbers, **changes):
    return [window(n, **changes) for n in numbers]


def test_a_whole_heartbeat_has_all_points_and_its_settings_can_be_inferred():
    whole = series(*range(1, 21))
    assert score(whole).score == 100
    inferred = continuity(whole)
    assert inferred is not None
    assert (inferred.interval_seconds, inferred.window_seconds, inferred.score) == (60, 6, 100)
    assert continuity(whole[:1]) is None


def test_a_missing_number_is_a_gap():
    facts = score(series(1, 2, 3, 4, 6, 7, 8, 9, 10))
    (gap,) = facts.unexplained()
    assert (gap.kind, gap.after, gap.seconds) == ("gap", 4, 6)
    assert gap.points == pytest.approx(10 + PENALTY["gap"])


def test_one_and_a_half_intervals_without_a_window_are_a_gap_whatever_the_numbers_say():
    late = [
        replace(w, start_ns=w.start_ns + 60 * SECOND, end_ns=w.end_ns + 60 * SECOND, wall=w.wall + 60)
        for w in series(3, 4)
    ]
    assert [each.kind for each in score([*series(1, 2), *late]).deductions] == ["gap"]
    near = [
        replace(w, start_ns=w.start_ns + 20 * SECOND, end_ns=w.end_ns + 20 * SECOND, wall=w.wall + 20)
        for w in series(3, 4)
    ]
    assert score([*series(1, 2), *near]).deductions == ()


def test_a_window_that_gave_way_is_no_loss_and_one_that_failed_is():
    yielded = score([window(1), window(2, state="yielded", end_ns=120 * SECOND, samples=0), window(3)])
    assert (yielded.score, yielded.yields) == (100, 1)
    (failed,) = score([window(1), window(2, state="failed", reason="no memory"), *series(3, 4)]).deductions
    assert (failed.kind, failed.points) == ("failed", 25)
    assert "no memory" in failed.detail


def after_exec(*numbers, late=0, **changes):
    return [
        replace(
            w,
            epoch=NEXT,
            generation=2,
            start_ns=w.start_ns + late * SECOND,
            end_ns=w.end_ns + late * SECOND,
            wall=w.wall + late,
            **changes,
        )
        for w in series(*numbers)
    ]


def test_a_planned_hand_over_explains_one_gap_of_the_policys_length():
    facts = score([*series(1, 2, 3), *after_exec(4, 5, 6, late=50)])
    assert (facts.score, len(facts.hand_overs), facts.hand_overs[0].explained) == (100, 1, True)
    slow = score([*series(1, 2, 3), *after_exec(4, 5, 6, late=90)])
    assert [each.kind for each in slow.unexplained()] == ["gap"]
    assert not slow.hand_overs[0].explained
    assert score([*series(1, 2, 3), *after_exec(4, 5, 6, late=90)], hand_over_seconds=120).score == 100


def test_lost_samples_are_rate_times_cpu_seconds():
    short = window(3, state="short", end_ns=182 * SECOND, cpu_seconds=0.7)
    (hand_over,) = score([*series(1, 2), short, *after_exec(4, 5)]).hand_overs
    assert hand_over.seconds == pytest.approx(4)
    assert hand_over.lost_samples == pytest.approx(100 * 4 * 0.35)


@pytest.mark.parametrize("generation", [1, 3])
def test_another_epoch_that_nobody_announced_is_a_restart(generation):
    again = [replace(window(n), epoch=NEXT, generation=generation, wall=window(10 + n).wall) for n in (1, 2)]
    facts = score([*series(8, 9), *again])
    assert [each.kind for each in facts.unexplained()] == ["restart"]


def test_a_clock_step_and_a_new_rate_are_said():
    stepped = [window(1), window(2), *(replace(window(n), wall=window(n).wall + 30) for n in (3, 4))]
    assert [each.kind for each in score(stepped).deductions] == ["clock"]
    faster = [window(1), window(2, rate_hz=500), window(3, rate_hz=500)]
    assert [each.kind for each in score(faster).deductions] == ["rate"]


def test_a_heartbeat_that_fell_silent_is_a_gap():
    windows = series(*range(1, 11))
    assert score(windows, until_wall=windows[-1].wall + 80).score == 100
    (silence,) = score(windows, until_wall=windows[-1].wall + 300).unexplained()
    assert (silence.kind, silence.seconds) == ("silence", 24)


def test_nonsense_is_bounded():
    odd = [
        window(1),
        window(1 << 60),
        window(5, end_ns=-(1 << 61), wall=-1e300),
        window(6, start_ns=1 << 61, rate_hz=0),
    ]
    assert 0 <= score(odd).score <= 100
