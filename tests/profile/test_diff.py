"""Whole comparisons: alignment of stacks, figures, explanations, export."""

from __future__ import annotations

import gzip
import json

import numpy as np
import pytest

from probes.live.profile_files import read_source
from probes.profile.comparison.compare import diff
from probes.profile.comparison.facts import DiffSettings
from probes.profile.comparison.windows import Incompatible, compare_windows
from probes.profile.export import collapsed, pprof
from probes.profile.growth import growth
from probes.profile.heat import heat
from probes.profile.pprof.reading import read
from scripts.programs.gobuild import ROOT
from tests.profile.made import Maker, cpu

BASE = {"score;price;main": 20, "quote;price;main": 60, "encode;main": 120}


def windows(shape, number=20, seed=1):
    rng = np.random.default_rng(seed)
    return [
        cpu({stack: int(rng.poisson(count)) for stack, count in shape.items()}, time_nanos=1_000 + n)
        for n in range(number)
    ]


def changes(base, new, **settings):
    found = diff(compare_windows(windows(base), windows(new, seed=2)), DiffSettings(**settings))
    return {each.name: each for each in found.functions}


def test_a_slower_function_is_found_and_its_callers_are_not_told_again():
    found = changes(BASE, {**BASE, "score;price;main": 40})
    assert {name for name, each in found.items() if each.change == "grown"} == {"score"}
    score = found["score"]
    assert score.growth == pytest.approx(1.0, abs=0.3)
    assert score.new_interval[0] < score.new_flat < score.new_interval[1]


def test_a_caller_whose_callees_all_grew_a_little_is_told_cumulatively():
    base = {f"leaf{chr(97 + n)};render;main": 1 for n in range(26)} | {"encode;main": 174}
    new = {stack: count * 3 if "render" in stack else count for stack, count in base.items()}
    found = changes(base, new, min_share=0.02)
    assert found["render"].change == "grown"
    assert found["render"].by == "cumulative"


def test_a_renamed_function_is_a_shift():
    new = {stack.replace("score", "rate"): count for stack, count in BASE.items()}
    found = changes(BASE, new)
    assert found["rate"].change == "shifted"
    assert "score lost as much" in found["rate"].reason
    assert not [each for each in found.values() if each.change == "grown"]


def test_stacks_are_counted_by_window_whatever_their_order():
    profiles = [cpu({"a;b": 3, "c": 1}), cpu({"c": 5, "a;b": 2, "b": 7})]
    both = compare_windows(profiles, [cpu({"b": 1})])
    rows = {
        tuple(both.names[f] for f in both.table.frames[s:e]): row
        for row, (s, e) in enumerate(zip(both.table.offsets, both.table.offsets[1:], strict=False))
    }
    assert both.base.counts[rows["a", "b"]].tolist() == [3, 2]
    assert both.base.counts[rows["c",]].tolist() == [1, 5]
    assert both.base.counts[rows["b",]].tolist() == [0, 7]
    assert both.new.counts[:, 0].sum() == 1


def test_where_the_scheduler_stepped_in_is_no_function_of_the_programs():
    both = compare_windows([cpu({"runtime.asyncPreempt;a;b": 3, "a;b": 2})], [cpu({"runtime.asyncPreempt": 1})])
    found = {name: int(value) for name, value in zip(both.names, both.flat(both.base.counts)[:, 0], strict=True)}
    assert found == {"runtime.asyncPreempt": 0, "a": 5, "b": 0}
    assert both.flat(both.new.counts)[0, 0] == 1


def test_rates_differ_and_cost_does_not():
    slow = [cpu({"a": 10, "b": 90}, period=10_000_000) for _ in range(3)]
    fast = Maker()
    fast.sample(["a"], 50, 50 * 2_000_000)
    fast.sample(["b"], 450, 450 * 2_000_000)
    fast.message.period = 2_000_000
    found = diff(compare_windows(slow, [fast.facts()] * 3))
    assert found.base.cost_per_second == pytest.approx(found.new.cost_per_second)


def test_cost_per_request_sees_what_shares_cannot():
    slower = {stack: 2 * count for stack, count in BASE.items()}
    both = compare_windows(windows(BASE), windows(slower, seed=2), requests=(1000, 1000))
    found = diff(both)
    assert found.regressions() == ()
    assert found.per_request is not None
    growth_, low, high = found.per_request
    assert 0.85 < low < growth_ < high < 1.15


def test_one_profile_a_side_gives_figures_and_no_verdict():
    found = diff(compare_windows([cpu(BASE)], [cpu(BASE)]))
    assert "is one profile" in found.problem
    assert not found.sensitive
    assert found.functions[0].name == "encode"


def test_nothing_and_other_types_are_refused_or_said():
    with pytest.raises(Incompatible, match="no profile"):
        compare_windows([], [cpu(BASE)])
    heap = Maker([("inuse_objects", "count"), ("inuse_space", "bytes")])
    heap.sample(["a"], 1, 512)
    with pytest.raises(Incompatible, match="inuse_objects/inuse_space cannot be compared with one of samples/cpu"):
        compare_windows([cpu(BASE)], [heap.facts()])
    with pytest.raises(Incompatible, match="no sample type wall"):
        compare_windows([cpu(BASE)], [cpu(BASE)], column="wall")
    empty = diff(compare_windows([cpu({})] * 3, [cpu(BASE)] * 3))
    assert empty.problem == "BASE has no samples"


def test_negative_values_count_as_none():
    maker = Maker()
    maker.sample(["a"], -5, -50)
    maker.sample(["b"], 5, 50)
    found = compare_windows([maker.facts()], [maker.facts()])
    assert found.base.counts.min() == 0
    assert found.base.totals.tolist() == [5]


def test_exports_are_read_by_ourselves_and_sorted():
    both = compare_windows(windows(BASE), windows({**BASE, "score;price;main": 40}, seed=2))
    again = read(pprof(both, both.base), subject="x")
    assert int(again.values[:, 0].sum()) == int(both.base.counts.sum())
    assert pprof(both, both.base) == pprof(both, both.base)
    assert (read(pprof(both, both.new, other=both.base), subject="x").values < 0).any()
    assert collapsed(both, both.base).splitlines()[0].startswith("main;encode ")
    assert len(collapsed(both, both.new, other=both.base).splitlines()[0].split()) == 3
    gzip.decompress(pprof(both, both.new))


def test_heat_weighs_inlined_frames_and_several_functions_together():
    found = heat([cpu({"leaf+mid;main": 30, "mid;main": 10, "other;main": 60})], "x")
    assert found.flat == pytest.approx({"leaf": 0.3, "mid": 0.1, "other": 0.6})
    assert found.cumulative["mid"] == pytest.approx(0.4)
    assert found.together(["leaf", "mid"]) == pytest.approx(0.4)
    assert found.together(["gone"]) == 0


def test_heat_of_who_was_asked_to_give_way_is_its_own():
    found = heat([cpu({"runtime.asyncPreempt;a;b": 3, "a;b": 1})], "x")
    assert found.flat == pytest.approx({"a": 1})
    assert found.cumulative == pytest.approx({"a": 1, "b": 1})


def goroutines(counts):
    out = []
    for hour, count in enumerate(counts):
        maker = Maker([("goroutine", "count")])
        maker.sample(["wait", "main"], count)
        maker.message.time_nanos = 1_770_000_000_000_000_000 + hour * 60_000_000_000
        out.append(maker.facts())
    return out


def test_growth_is_a_trend_and_no_jitter():
    leak = growth(goroutines(range(100, 160, 3)), "x")
    assert leak is not None
    assert leak.p < 1e-6
    assert leak.slope > 1
    steady = growth(goroutines([100, 103, 99, 101, 100, 102, 98, 101]), "x")
    assert steady is not None
    assert steady.p > 0.1
    assert growth(goroutines([1, 2, 3]), "x") is None


def write(folder, name, profile):
    (folder / name).write_bytes(profile)


def test_a_directory_is_ordered_by_time_and_a_damaged_window_is_a_lost_one(tmp_path):
    for number in range(1, 8):
        maker = Maker()
        maker.sample(["a"], 5, 50)
        maker.message.time_nanos = 1_770_000_000_000_000_000 + (number % 4) * 60_000_000_000 + number
        write(tmp_path, f"{number:06d}.pb.gz", maker.data())
    write(tmp_path, "000008.pb.gz", b"\x1f\x8b cut off")
    (tmp_path / "notes.txt").write_text("no profile")
    found = read_source(str(tmp_path))
    assert [p.time_nanos for p in found.profiles] == sorted(p.time_nanos for p in found.profiles)
    assert [name for name, _ in found.problems] == ["000008.pb.gz"]
    assert [w.state for w in found.windows if w.seq == 8] == ["failed"]


def test_goprobes_descriptions_give_numbers_and_generations(tmp_path):
    maker = Maker()
    maker.sample(["a"], 5, 50)
    for seq, state in ((41, "ok"), (42, "yielded"), (43, "ok")):
        stem = f"window-{seq:020d}-{'ab' * 16}-{seq}"
        if state == "ok":
            write(tmp_path, f"{stem}.pb.gz", maker.data())
        start = 1_000_000_000 * 60 * seq
        window = {
            "seq": seq, "epoch": "ab" * 16, "generation": 2, "started_at": f"2026-02-09T11:{seq}:00Z",
            "ended_at": f"2026-02-09T11:{seq}:06Z", "start_monotonic_ns": start, "end_monotonic_ns": start + 6_000_000_000,
            "duration_ns": 6_000_000_000, "rate_hz": 100, "samples": 5, "cpu_seconds": 0.05, "bytes": 100, "state": state, "reason": "",
        }  # fmt: skip
        (tmp_path / f"{stem}.json").write_text(json.dumps(window))
    found = read_source(str(tmp_path))
    assert [(w.seq, w.state, w.generation) for w in found.windows] == [(41, "ok", 2), (42, "yielded", 2), (43, "ok", 2)]
    assert found.described


def test_the_most_frequent_kind_of_a_directory_is_taken():
    found = read_source(str(ROOT / "testdata" / "profiles"))
    assert found.kind == "cpu"
    assert len(found.profiles) == 2
    assert read_source(str(ROOT / "testdata" / "profiles"), "heap").kind == "heap"
