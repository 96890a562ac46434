"""What one poll makes of an answer, good or bad, and what the board makes of several."""

from __future__ import annotations

import asyncio
import gzip
import json
import time
import tracemalloc
from typing import TYPE_CHECKING

import pytest

from gate.sidecar.config.model import ServiceConfig
from gate.sidecar.polling.poll import LIMITS, Poller
from gate.sidecar.state.board import Entry
from gate.store.polled import Polled, Sample
from probes.live.client import Client
from probes.live.pprof import endpoints
from probes.profile.pprof.reading import read
from scripts.measure.simulated import crowd
from tests.live.servers import PLAIN, dribble, http, serve
from tests.sidecar.answers import goprobe

if TYPE_CHECKING:
    from probes.profile.facts import ProfileFacts


def poll(answer: object, *, seconds: float = 1.0, **options: object) -> Polled:
    async def run(url: str) -> Polled:
        config = ServiceConfig("orders", url, "", 1.0, seconds, **options)  # type: ignore[arg-type]
        async with Client(url, seconds=seconds, limits=LIMITS) as client:
            return await Poller(config, client).poll(1000.0, 1000.1)

    with serve(answer) as url:  # type: ignore[arg-type]
        return asyncio.run(run(url))


def test_a_plain_service_is_not_profiled_unless_it_is_said() -> None:
    asked: list[str] = []

    def answer(path: str, _: object) -> bytes:
        asked.append(path)
        return PLAIN.get(path.partition("?")[0], http(b"404", status="404 Not Found"))

    found = poll(answer)
    assert (found.sample.state, found.sample.source, found.sample.goroutines) == ("ok", "net/http/pprof", 1)
    assert (found.sample.late_ms, found.sample.due_ms) == (100, 1_000_000)
    assert not any("profile" in path for path in asked)
    assert found.windows == ()
    found = poll(answer, profile=True)
    assert any("profile" in path for path in asked)
    assert (found.windows[0].state, found.sample.profiler) == ("ok", "none")


def test_who_profiles_is_left_alone() -> None:
    taken = http(b"Could not enable CPU profiling: cpu profiling already in use\n", status="500 Internal Server Error")
    found = poll(PLAIN | {"/debug/pprof/profile": taken}, profile=True)
    assert (found.sample.state, found.sample.profiler) == ("ok", "other")
    assert (found.windows[0].state, found.windows[0].reason) == ("yielded", "the CPU profiler was in use")


def test_counters_that_are_none_are_said() -> None:
    variables = {"/debug/vars": http(b'{"served": 12, "name": "x", "big": 1e999, "flag": true}')}
    found = poll(PLAIN | variables, counters=("served", "name", "big", "flag", "gone"))
    assert found.sample.counters == '{"served": 12}'
    assert found.sample.state == "partial"
    assert "expvar: gone is no number" in found.sample.error


@pytest.mark.parametrize("name", ["status__in_flight__count", "status__goroutines", "status__image__generation"])
def test_a_number_that_no_database_holds_is_garbage(name: str) -> None:
    assert poll(goprobe(status__in_flight__count=-1)).sample.state == "ok"
    assert poll(goprobe(**{name: 10**30})).sample.state == "garbage"


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00", "9999-12-31T23:59:59", "1e300"])
def test_a_time_that_is_none_is_a_sample_too(moment: str) -> None:
    found = poll(goprobe(heartbeat__windows__0__started_at=moment)).sample
    assert (found.state, "started_at" in found.error) == ("partial", True)


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        ({"/debug/hotgate/status": http(b"<html>hello</html>")}, "garbage"),
        ({"/debug/hotgate/status": http(b"no\0", status="401 Unauthorized")}, "refused"),
        (dribble(b"HTTP/1.1 200 OK\r\n"), "unreachable"),
        ({"/debug/hotgate/status": b"\x00\xff\x00"}, "garbage"),
        ({}, "refused"),
    ],
)
def test_bad_answers_are_samples_too(answer: object, state: str) -> None:
    found = poll(answer).sample
    assert found.state in (state, "unreachable")
    assert found.error
    assert "\0" not in found.error
    assert len(found.error) <= 300


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (crowd(20 << 20), "goroutine profile: decompresses to more than 4 MB"),
        (gzip.decompress(crowd(5 << 20)), "larger than 4 MB"),
        (
            gzip.compress(b"\x12\x02\x10\x01" * 800_000),
            "goroutine profile: not a usable profile: it has 800,000 entries",
        ),
    ],
    ids=["packed", "plain", "objects"],
)
def test_a_profile_that_grows_when_it_is_read_is_not_read(body: bytes, said: str) -> None:
    answers = PLAIN | {"/debug/pprof/goroutine": http(body)}
    tracemalloc.start()
    try:
        found = poll(answers, seconds=10.0).sample
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (found.state, said in found.error) == ("garbage", True), found.error
    assert peak < 40_000_000


def test_a_large_profile_is_read_beside_the_other_polls() -> None:
    """Half a second of work on the event loop would hold up all of them."""

    async def run(url: str) -> tuple[Polled, float]:
        longest, end = 0.0, False

        async def watch() -> None:
            nonlocal longest
            while not end:
                before = time.monotonic()
                await asyncio.sleep(0.005)
                longest = max(longest, time.monotonic() - before)

        async with Client(url, seconds=10.0, limits=LIMITS) as client:
            watching = asyncio.create_task(watch())
            found = await Poller(ServiceConfig("orders", url, "", 1.0, 10.0), client).poll(1000.0, 1000.0)
            end = True
            await watching
            return found, longest

    def slowly(data: bytes, **more: object) -> ProfileFacts:
        time.sleep(1.0)
        return read(data, **more)  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as patch, serve(PLAIN | {"/debug/pprof/goroutine": http(crowd(3 << 20))}) as url:
        patch.setattr(endpoints, "read", slowly)
        found, longest = asyncio.run(run(url))
    assert found.sample.state == "ok"
    assert found.sample.goroutines is not None
    assert found.sample.goroutines > 40_000
    assert longest < 0.9


def test_a_flood_of_windows_is_cut_and_said_and_none_is_of_the_future() -> None:
    shown = goprobe()["/debug/hotgate/heartbeat"].partition(b"\r\n\r\n")[2]
    example = json.loads(shown)["windows"][0] | {
        "started_at": "9999-01-01T00:00:00Z",
        "ended_at": "9999-01-01T00:00:01Z",
    }
    found = poll(goprobe(heartbeat__windows=[example | {"seq": seq} for seq in range(1, 2000)]))
    assert [window.seq for window in found.windows] == list(range(1000, 2000))
    assert max(window.wall for window in found.windows) <= time.time()
    assert found.sample.state == "partial"
    assert found.sample.error == "heartbeat: 1,999 windows in one answer, of which the last 1000 are kept"
    full = poll(goprobe(heartbeat__windows=[example | {"seq": seq} for seq in range(1000, 2000)]))
    assert (len(full.windows), full.sample.error) == (1000, ""), "as many as goprobe keeps at the most"
    huge = poll(goprobe(heartbeat__windows=[example | {"seq": seq} for seq in range(1, 5000)]))
    assert (huge.windows, huge.sample.error) == ((), "heartbeat: larger than 1 MB")


def test_new_windows_come_no_faster_than_they_can_be_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """A service that names another epoch with each poll would crowd out the history of all others."""
    shown = json.loads(goprobe()["/debug/hotgate/heartbeat"].partition(b"\r\n\r\n")[2])
    example = shown["windows"][0]
    asked = 0

    def answer(path: str, _: object) -> bytes:
        nonlocal asked
        if path != "/debug/hotgate/heartbeat":
            return goprobe()[path]
        asked += 1
        windows = [example | {"epoch": f"{asked:032x}", "seq": seq} for seq in range(1, 601)]
        settings = shown["settings"] | {"interval_ns": 1_000_000_000, "window_ns": 500_000_000}
        return http(json.dumps(shown | {"settings": settings, "windows": windows}).encode())

    clock = [1000.0]
    monkeypatch.setattr("gate.sidecar.polling.poll.time.monotonic", lambda: clock[0])

    async def run(url: str) -> list[Polled]:
        found = []
        async with Client(url, seconds=5.0, limits=LIMITS) as client:
            poller = Poller(ServiceConfig("orders", url, "", 10.0, 5.0), client)
            for _ in range(4):
                found.append(await poller.poll(1000.0, 1000.0))
                clock[0] += 10.0
        return found

    with serve(answer) as url:
        found = asyncio.run(run(url))
    assert [len(each.windows) for each in found] == [600, 420, 20, 20]
    assert found[2].windows[-1].seq == 600, "the newest"
    assert found[2].sample.error == "heartbeat: 600 new windows, more than there can be: 20 are kept"


def test_another_image_is_noticed_and_silence_is_none() -> None:
    entry = Entry(ServiceConfig("orders", "http://h", "", 1.0, 1.0))

    def seen(epoch: str, state: str = "ok") -> bool:
        return entry.add(Sample("orders", 5000, 0, 1, state, epoch=epoch))  # type: ignore[arg-type]

    assert not seen("a")
    assert not seen("", "unreachable")
    assert not seen("a")
    assert not seen("")
    assert entry.failures == 0
    assert seen("b"), "an answer that names no image changes nothing"
    assert seen("c")
    assert entry.updated_at == 5.0
    assert list(entry.strip)[-1] == "updated"
    assert entry.is_stale(10.0)
    assert not entry.is_stale(6.0)
