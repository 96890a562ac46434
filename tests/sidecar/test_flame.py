"""The flame graph: shares and places, inlined calls, bounds, and windows that a service gives, or does not."""

from __future__ import annotations

import asyncio
import gzip
import tracemalloc
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from gate.sidecar.config.model import ServiceConfig
from gate.sidecar.web import flame as flame_module
from gate.sidecar.web import flames
from gate.sidecar.web.flame import DEPTH, MOST, flame
from probes.profile.pprof.profile_pb2 import Profile
from probes.profile.pprof.reading import read
from tests.live.servers import goroutine_profile, http, serve

if TYPE_CHECKING:
    from collections.abc import Sequence

    from probes.profile.facts import ProfileFacts


def profile(*stacks: tuple[Sequence[str], int]) -> ProfileFacts:
    """Stacks, the root first, and their counts."""
    return facts(message(*stacks))


def facts(found: Profile) -> ProfileFacts:
    return read(found.SerializeToString(), subject="x")


def message(*stacks: tuple[Sequence[str], int]) -> Profile:
    found = Profile()
    found.string_table.extend(["", "samples", "count"])
    found.sample_type.add(type=1, unit=2)
    ids: dict[str, int] = {}
    for stack, value in stacks:
        for name in stack:
            if name not in ids:
                ids[name] = len(ids) + 1
                found.string_table.append(name)
                found.function.add(id=ids[name], name=len(found.string_table) - 1)
                found.location.add(id=ids[name]).line.add(function_id=ids[name])
        found.sample.add(location_id=[ids[name] for name in reversed(stack)], value=[value])
    return found


def test_boxes_have_the_share_and_the_place_of_their_samples() -> None:
    one = profile((["main", "a"], 30), (["main", "b", "runtime.mallocgc"], 20))
    graph = flame([one, profile((["main", "a"], 50))])
    assert graph is not None
    assert (graph.samples, graph.windows, graph.rows) == (100, 2, 3)
    assert [(box.name, box.row, box.left, box.share, box.runtime) for box in graph.boxes] == [
        ("main", 0, 0, 1, False),
        ("a", 1, 0, 0.8, False),
        ("b", 1, 0.8, 0.2, False),
        ("runtime.mallocgc", 2, 0.8, 0.2, True),
    ]
    assert graph.hottest == (("a", 0.8), ("runtime.mallocgc", 0.2))


def test_inlined_calls_are_below_their_callers() -> None:
    one = message((["outer"], 1))
    one.string_table.append("inlined")
    one.function.add(id=9, name=len(one.string_table) - 1)
    del one.location[0].line[:]
    one.location[0].line.add(function_id=9)  # the innermost comes first
    one.location[0].line.add(function_id=1)
    graph = flame([facts(one)])
    assert graph is not None
    assert [(box.name, box.row) for box in graph.boxes] == [("outer", 0), ("inlined", 1)]


def test_where_the_scheduler_stepped_in_is_the_time_of_whom_it_asked_to_give_way() -> None:
    graph = flame([profile((["main", "runtime.asyncPreempt"], 3), (["main"], 1), (["runtime.asyncPreempt"], 1))])
    assert graph is not None
    assert graph.hottest == (("main", 0.8), ("runtime.asyncPreempt", 0.2))


def test_what_is_narrow_deep_or_too_much_is_left_out_and_still_counted() -> None:
    graph = flame([profile((["wide"], 10_000), (["narrow"], 1))])
    assert graph is not None
    assert [box.name for box in graph.boxes] == ["wide"]
    assert graph.samples == 10_001
    deep = flame([profile(([f"f{n}" for n in range(500)], 1))])
    assert deep is not None
    assert deep.rows == DEPTH
    assert deep.hottest == (("f499", 1.0),)
    many = flame([profile(*(([f"r{n}", *(f"c{n}-{d}" for d in range(20))], 1) for n in range(400)))])
    assert many is not None
    assert len(many.boxes) == MOST


@pytest.mark.parametrize(("lines", "deep"), [(4, 3), (20_000, 1000), (900_000, 4096)])
def test_inlined_calls_of_a_stack_are_never_written_out(lines: int, deep: int) -> None:
    """A few hundred bytes, compressed, stand for billions of frames."""
    one = message((["f"], 1))
    one.location[0].line.extend([one.location[0].line[0]] * (lines - 1))
    one.sample[0].location_id.extend([1] * (deep - 1))
    one.sample.add(location_id=one.sample[0].location_id, value=[1])
    found = facts(one)
    tracemalloc.start()
    try:
        graph = flame([found])
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert graph is not None
    assert (graph.rows, graph.hottest) == (min(lines * deep, DEPTH), (("f", 1.0),))
    assert peak < 2_000_000


def test_stacks_beyond_a_bound_are_counted_and_not_drawn(monkeypatch) -> None:
    monkeypatch.setattr(flame_module, "MAX_FRAMES", 6)
    graph = flame([profile((["a", "b", "c"], 1), (["d", "e", "f"], 1), (["g", "h"], 2))])
    assert graph is not None
    assert graph.samples == 4
    assert graph.hottest[0] == ("h", 0.5)
    assert {box.name for box in graph.boxes} == {"a", "b", "c", "d", "e", "f"}


def test_a_deep_stack_that_was_stepped_in_is_as_deep_without() -> None:
    for depth in (DEPTH - 1, DEPTH, DEPTH + 1, DEPTH + 5):
        stack = [f"f{n}" for n in range(depth)]
        graph = flame([profile(([*stack, "runtime.asyncPreempt"], 1))])
        assert graph is not None
        assert [box.name for box in graph.boxes] == stack[:DEPTH]
        assert graph.hottest == ((stack[-1], 1.0),)


def test_without_a_sample_there_is_no_graph() -> None:
    assert flame([]) is None
    assert flame([profile((["main"], 0))]) is None


EPOCH = "e" * 32


def rows(*states: str, samples: int = 3) -> list[SimpleNamespace]:
    return [SimpleNamespace(epoch=EPOCH, seq=n, samples=samples, state=state) for n, state in enumerate(states)]


def asked(url: str, windows: list[SimpleNamespace], times: int = 1) -> list[flames.Seen | None]:
    service = ServiceConfig("orders", url, "", 10.0, 5.0)

    async def ask() -> list[flames.Seen | None]:
        own = flames.Flames()
        return list(await asyncio.gather(*(own.of(service, windows) for _ in range(times))))

    return asyncio.run(ask())


def test_everybody_who_looks_at_once_gets_what_was_asked_for_once() -> None:
    paths = []

    def answer(path: str, _: object) -> bytes:
        paths.append(path)
        return http(goroutine_profile(("leaf", "main.main")))

    with serve(answer) as url:
        seen = asked(url, rows("ok", "yielded", "ok"), times=8)
    assert sorted(paths) == [f"/debug/hotgate/heartbeat/{n}?epoch={EPOCH}" for n in (0, 2)]
    assert {each and each.flame and each.flame.samples for each in seen} == {2}


def test_windows_without_samples_are_not_asked_for() -> None:
    assert asked("http://127.0.0.1:9", rows("ok", samples=0)) == [None]


BOMB = http(gzip.compress(b"\0" * (16 << 20), 1))


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (http(b"<html>"), "not a profile"),
        (http(b"", status="404 Not Found"), "404"),
        (BOMB, "decompresses to more than 4 MB"),
        (http(b"\0" * (5 << 20)), "larger than 4 MB"),
        (None, "no answer in time"),
    ],
    ids=["html", "missing", "bomb", "large", "silent"],
)
def test_a_service_that_gives_no_window_is_told_of_in_time(answer, said, monkeypatch) -> None:
    monkeypatch.setattr(flames, "SECONDS", 1.0)
    with serve(lambda _path, _connection: answer) as url:
        (seen,) = asked(url, rows("ok"))
    assert seen is not None
    assert (seen.flame, said in seen.problem) == (None, True), seen.problem


def test_windows_that_came_before_a_failure_are_shown() -> None:
    def answer(path: str, _: object) -> bytes:
        return http(goroutine_profile(("main.main",))) if "/1?" in path else http(b"")

    with serve(answer) as url:
        (seen,) = asked(url, rows("ok", "ok"))
    assert seen is not None
    assert seen.flame is not None
    assert (seen.flame.windows, bool(seen.problem)) == (1, True)
