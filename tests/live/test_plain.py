"""Services without goprobe: plain net/http/pprof, good and bad."""

from __future__ import annotations

import asyncio
import gzip

import pytest

from gate.sidecar.polling.poll import LIMITS
from probes.live.gathering import Asked, gather
from probes.live.pprof.endpoints import calls_into_c, cut_off
from probes.live.topics import Call
from probes.profile.pprof.profile_pb2 import Profile
from probes.profile.pprof.reading import NotProfile, read
from tests.live.servers import PLAIN, dribble, goroutine_profile, http, serve

PARKED = ("runtime.cgocall", "main._Cfunc_park", "main.parkInC")
CALLED_BACK = ("time.Sleep", "main.goCB", "runtime.cgocallback", "runtime.cgocall", "main._Cfunc_via", "main.work")
BY_PUREGO = ("runtime.cgocall", "github.com/ebitengine/purego.RegisterFunc", "main.work")


def look(url: str, **asked):
    return asyncio.run(gather(Asked(url=url, seconds=1.0, **asked)))


def test_a_plain_service_tells_what_it_can():
    with serve(PLAIN) as url:
        facts = look(url)
    assert facts.profiler is not None
    assert facts.profiler.running is False
    assert facts.calls is not None
    assert facts.calls.count == 0
    assert facts.image is not None
    assert facts.image.gnu_build_id == "0c5c07df302eeb4d"
    assert facts.pprof is not None
    assert facts.pprof.problems == ()
    assert facts.canary is None
    assert facts.missing["canary"] == "needs goprobe in the service"


def test_calls_into_c_are_named_by_function_and_caller():
    found = calls_into_c(read(goroutine_profile(PARKED, PARKED, CALLED_BACK, BY_PUREGO, ("main.main",)), subject="x"))
    assert found == (
        Call("park", "main.parkInC", 2),
        Call("via", "main.work", 1),
        Call("", "github.com/ebitengine/purego.RegisterFunc", 1),
    )


def test_calls_in_stacks_that_would_not_fit_into_memory_are_found():
    """Inlined calls of one location, and a stack that names it thousands of times: billions of frames in a few hundred bytes."""
    profile = Profile()
    profile.ParseFromString(gzip.decompress(goroutine_profile(PARKED)))
    profile.location[2].line.extend([profile.location[2].line[0]] * 20_000)
    profile.sample[0].location_id.extend([3] * 4000)
    profile.sample.add(location_id=[3] * 4000 + [1, 2, 3], value=[7])
    found = read(profile.SerializeToString(), subject="x")
    assert calls_into_c(found) == (Call("park", "main.parkInC", 8),)
    assert cut_off(found) == 8


def test_ten_thousand_deep_goroutines_are_no_bomb():
    stacks = [tuple(f"main.f{(n >> (d % 14)) & 1}d{d}" for d in range(120)) for n in range(10_000)]
    with serve({**PLAIN, "/debug/pprof/goroutine": http(goroutine_profile(*stacks))}) as url:
        facts = asyncio.run(gather(Asked(url=url, seconds=20.0, limits=LIMITS)))
    assert facts.pprof is not None
    assert dict(facts.pprof.answered)["/debug/pprof/goroutine"] == 10_000


@pytest.mark.parametrize(
    ("depth", "cut"), [(31, False), (32, True), (33, False), (127, False), (128, True), (200, True)]
)
def test_a_stack_that_goes_on_beyond_its_profile_may_lead_into_c(depth, cut):
    deep = tuple(f"main.f{n}" for n in range(depth))
    served = {**PLAIN, "/debug/pprof/goroutine": http(goroutine_profile(("main.main",), deep))}
    with serve(served) as url:
        facts = look(url)
    assert (facts.calls is None) is cut
    if cut:
        assert facts.missing["calls"] == "1 goroutines have deeper stacks than their profile has"


def test_no_cpu_profile_is_started_where_none_may_be():
    asked = []

    def answer(path, _):
        asked.append(path)
        return PLAIN.get(path.partition("?")[0], http(b"404", status="404 Not Found"))

    with serve(answer) as url:
        facts = look(url, start=False, cpu=True)
        assert not [path for path in asked if path.startswith("/debug/pprof/profile")]
        look(url)
    assert len([path for path in asked if path.startswith("/debug/pprof/profile")]) == 1
    assert facts.profiler is None
    assert "`profile = true`" in facts.missing["profiler"]
    assert facts.cpu is not None
    assert facts.cpu.missing.startswith("no CPU profile may be started")
    assert facts.calls is not None


def test_the_lock_of_the_profiler_is_a_running_profile_and_no_ill_health():
    locked = http(b"Could not enable CPU profiling: cpu profiling already in use\n", status="500 Internal Server Error")
    with serve({**PLAIN, "/debug/pprof/profile": locked}) as url:
        facts = look(url)
    assert facts.profiler is not None
    assert facts.profiler.running is True
    assert facts.pprof is not None
    assert facts.pprof.problems == ()


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (http(b"<!DOCTYPE html><title>Error</title>" + b"x" * 5000), "an HTML page"),
        (http(goroutine_profile(PARKED)[:-9]), "cut off"),
        (lambda: http(gzip.compress(bytes(300 << 20), 1)), "decompresses to more than"),  # made when it is asked for
        (http(b""), "an empty answer"),
        (http(b"not a profile at all"), "not a pprof profile"),
        (http(gzip.compress(b"")), "no sample types"),
        (http(b"broken", status="500 Internal Server Error"), "HTTP 500: broken"),
        (http(b"<h1>Bad</h1>", status="502 Bad Gateway"), "HTTP 502"),
        (http(goroutine_profile()), "without a single goroutine"),
    ],
    ids=["html", "truncated", "bomb", "empty", "text", "gzip-of-nothing", "500", "502", "no-goroutine"],
)
def test_what_is_no_profile_is_a_problem_of_the_endpoint(answer, said):
    with serve({**PLAIN, "/debug/pprof/goroutine": answer() if callable(answer) else answer}) as url:
        facts = look(url)
    assert facts.pprof is not None
    ((endpoint, problem),) = facts.pprof.problems
    assert endpoint == "/debug/pprof/goroutine"
    assert said in problem
    if said != "without a single goroutine":
        assert facts.calls is None
        assert said in facts.missing["calls"]


@pytest.mark.parametrize(
    "answer", [dribble(http(b"x" * 100)), lambda _path, _connection: None], ids=["dribble", "silent"]
)
def test_a_service_that_does_not_answer_in_time_is_unreachable(answer):
    with serve(answer) as url:
        facts = look(url)
    assert facts.pprof is not None
    assert facts.pprof.problems == (("status", "no answer in time"),)
    assert facts.profiler is None


def test_an_expvar_counter_stands_for_work_in_flight():
    with serve({**PLAIN, "/debug/vars": http(b'{"jobs": 5, "cmdline": ["x"]}')}) as url:
        facts = look(url, in_flight="jobs", in_flight_limit=4)
        other = look(url, in_flight="cmdline")
    assert facts.requests is not None
    assert facts.requests.over
    assert other.requests is None
    assert other.missing["requests"] == "the expvar variable cmdline is no whole number"


@pytest.mark.parametrize("body", [b"<html>", b"[1]", b"[" * 100_000])
def test_variables_that_are_no_object_are_missing_evidence(body):
    with serve({**PLAIN, "/debug/vars": http(body)}) as url:
        facts = look(url, in_flight="jobs")
    assert facts.missing["requests"] == "not expvar's JSON"


def test_a_profile_may_be_one_of_several_gzip_members():
    whole = gzip.decompress(goroutine_profile(PARKED))
    parts = gzip.compress(whole[:40]) + gzip.compress(whole[40:])
    assert len(read(parts, subject="x")) == 1


def test_a_profile_whose_parts_refer_to_nothing_is_refused():
    raw = bytearray(gzip.decompress(goroutine_profile(PARKED)))
    failures = 0
    for at in range(len(raw)):
        for flip in (1, 0x80, 0xFF):
            damaged = bytes(raw[:at]) + bytes([raw[at] ^ flip]) + bytes(raw[at + 1 :])
            try:
                calls_into_c(read(damaged, subject="x"))
            except NotProfile:
                failures += 1
    assert failures > 50
