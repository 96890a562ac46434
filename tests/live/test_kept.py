"""CPU profiles that a service gives by the way: what of them is believed, and how much of them is fetched."""

from __future__ import annotations

import asyncio
import http.client
import json
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from gate.evidence.profiles import of_live
from gate.policy.model import Policy
from probes.elf.source import read_source
from probes.go import load
from probes.live.gathering import Asked, gather
from tests.live import test_parked
from tests.live.servers import PLAIN, goroutine_profile, serve
from tests.live.servers import http as answer
from tests.live.test_goprobe_answers import ENDPOINTS, example
from tests.profile.made import MS10, Maker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from probes.live.facts import LiveFacts

parked = test_parked.parked
EPOCH = "9f0c2f6be4a84e17b0a3d1c25e7788aa"


def cpu_profile(count: int = 100) -> bytes:
    maker = Maker()
    maker.sample(["main.rate", "main.main"], count, count * MS10)
    return maker.data()


@contextmanager
def goprobe(windows: dict[str, bytes]) -> Iterator[str]:
    """goprobe's answers of the documentation, with these windows of the running image, by number."""
    answers = {f"/debug/hotgate/{path}": example(name) for path, name in ENDPOINTS.items()}
    answers["/debug/hotgate/cgo"]["threads"]["rows"] = []  # else it is asked until it is fresh
    beat = answers["/debug/hotgate/heartbeat"]
    own = next(each for each in beat["windows"] if each["epoch"] != EPOCH)
    beat["windows"] = [own] + [
        {**own, "epoch": EPOCH, "generation": 2, "seq": int(number), "bytes": 10} for number in windows
    ]
    served = {path: answer(json.dumps(body).encode()) for path, body in answers.items()}
    served["/debug/hotgate/pprof/goroutine"] = PLAIN["/debug/pprof/goroutine"]
    served |= {f"/debug/hotgate/heartbeat/{number}": body for number, body in windows.items()}
    with serve(served) as url:
        yield url


def look(url: str, seconds: float = 2.0) -> LiveFacts:
    return asyncio.run(gather(Asked(url=url, seconds=seconds, cpu=True)))


def test_windows_that_cannot_be_read_are_left_out_and_told():
    windows = {"50": answer(cpu_profile()), "51": answer(b"<html>"), "52": answer(b"", status="404 Not Found")}
    windows["53"] = answer(goroutine_profile(("main.main",)))
    with goprobe(windows) as url:
        facts = look(url)
    assert facts.cpu is not None
    assert [each.subject for each in facts.cpu.profiles] == ["heartbeat window 50"]
    assert [note.partition(":")[0] for note in facts.cpu.notes] == ["heartbeat window 53", "heartbeat window 51"]


def test_windows_of_earlier_images_are_not_asked_for():
    with goprobe({}) as url:
        facts = look(url)
    assert facts.cpu is not None
    assert facts.cpu.missing.startswith("no window of the heartbeat has a profile of the running image yet")


def test_all_windows_together_take_no_longer_than_one_request():
    windows = {str(number): answer(cpu_profile()) for number in range(50, 80)}
    with goprobe(windows) as url:
        plain = look(url)
        with slow_windows(url, 1.0) as slow:
            facts = look(slow, 4.0)
    assert plain.cpu is not None
    assert len(plain.cpu.profiles) == 30
    assert facts.cpu is not None
    assert len(facts.cpu.profiles) <= 4, "the others would have taken longer than a request may"
    assert any("heartbeat windows" in note for note in facts.cpu.notes)


@contextmanager
def slow_windows(url: str, pause: float) -> Iterator[str]:
    """The service at `url`, whose windows take `pause` seconds each."""
    host, port = url.removeprefix("http://").split(":")

    def relay(path: str, _: object) -> bytes:
        if "/heartbeat/" in path:
            time.sleep(pause)
        connection = http.client.HTTPConnection(host, int(port), timeout=300)
        connection.request("GET", path)
        got = connection.getresponse()
        body = got.read()
        connection.close()
        return answer(body, status=f"{got.status} X")

    with serve(relay) as slow:
        yield slow


def test_a_profile_without_a_build_is_believed_only_where_the_image_is_known(parked: Callable[[str], Path]) -> None:
    path = str(parked("exe"))
    old = load(path, read_source(path))
    with goprobe({"50": answer(cpu_profile())}) as url:
        facts = look(url)
    assert facts.image is not None

    def heat(**image: Any) -> Any:
        asked = replace(facts, image=replace(facts.image, **image))  # type: ignore[type-var]
        found = of_live(asked, Policy(), (old, old))
        return found.heat or dict(found.missing)["heat"]

    other = {"gnu_build_id": "", "go_build_id": "another/build"}
    assert heat(**other) == "the profile is of build another/build, not of OLD"
    assert "nothing else does" in heat(gnu_build_id="", go_build_id="")
    mine = {"gnu_build_id": "", "go_build_id": old.go_build_id}
    assert "nothing else does" in heat(**mine, unsure="the process does not listen there")
    assert heat(**mine).flat == {"main.rate": 1.0}


def test_a_profiler_that_is_taken_is_left_alone():
    locked = answer(b"cpu profiling already in use\n", status="500 Internal Server Error")
    with serve({**PLAIN, "/debug/pprof/profile": locked}) as url:
        facts = asyncio.run(gather(Asked(url=url, seconds=1.0, cpu=True)))
    assert facts.cpu is not None
    assert facts.cpu.missing == "a CPU profile is running, which is left alone: pass --profile"


def test_a_profile_of_something_else_is_no_cpu_profile():
    with serve({**PLAIN, "/debug/pprof/profile": answer(goroutine_profile(("main.main",)))}) as url:
        facts = asyncio.run(gather(Asked(url=url, seconds=1.0, cpu=True)))
    assert facts.cpu is not None
    assert facts.cpu.missing == "not a CPU profile: pass --profile"
