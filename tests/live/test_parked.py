"""A program without goprobe that has threads in C, linked in every way: told by its profile, and by `/proc` alone."""

from __future__ import annotations

import asyncio
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from gate.engine.quiescence import unquiet
from gate.policy.model import LivePolicy, Policy
from gate.runs.service import probe
from probes.live.gathering import Asked, gather
from probes.live.topics import Call
from scripts.programs.gobuild import ROOT, GoBuild, can_build_cgo, host_arch
from tests.conftest import built_once, first, missing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from probes.live.facts import LiveFacts

SOURCE = ROOT / "testdata" / "programs" / "parked"
LINKS = {
    "exe": ("exe", ()),
    "pie": ("pie", ()),
    "static": ("exe", ("-ldflags=-linkmode=external -extldflags=-static",)),
}


@pytest.fixture(scope="module")
def parked(go_toolchain: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Builds the program once for each way to link it."""
    if not can_build_cgo(host_arch()):
        missing("no C compiler: apt-get install gcc libc6-dev")

    def build(link: str) -> Path:
        mode, flags = LINKS[link]
        flags = ("-trimpath", *flags)
        made = GoBuild(goroot=go_toolchain, source=SOURCE, buildmode=mode, goarch=host_arch(), cgo=True, flags=flags)
        return built_once(tmp_path_factory, f"parked-{link}", made.run)

    return build


@contextmanager
def running(program: Path, *mode: str) -> Iterator[tuple[int, str]]:
    """Its PID and its URL."""
    with subprocess.Popen([program, *mode], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            url = f"http://{process.stdout.readline().strip()}"  # said when its threads are where they stay
            yield process.pid, url
        finally:
            process.kill()


def look(**asked: Any) -> LiveFacts:
    return asyncio.run(gather(Asked(**asked)))


def fired(facts: LiveFacts) -> dict[str, str]:
    """The rules that say something, and what weighs most in it: `block`, `warn`, `info` or `unverified`."""
    policy = Policy(live=LivePolicy(handed_over=("tcp *",)))
    found = probe(policy, lambda: facts).findings
    return {f.rule: f.severity if f.evidence.get("verified", True) else "unverified" for f in reversed(found)}


@pytest.mark.parametrize("link", first(1, LINKS))
def test_threads_in_c_are_seen_by_whoever_is_asked(parked: Callable[[str], Path], link: str) -> None:
    with running(parked(link)) as (pid, url):
        outside, inside = look(pid=pid), look(url=url, pid=pid)
    assert outside.calls is not None
    assert (outside.calls.count, outside.calls.certain) == (2, False)  # whoever C has called back waits in Go
    assert fired(outside)["HG502"] == "unverified"  # in calls, or threads that C keeps
    assert inside.calls is not None
    # `go C.f()` starts the goroutine in a wrapper of cgo's, which older releases name otherwise.
    assert Call("parked_stay", "main.stay", 2) in inside.calls.calls
    assert inside.calls.count == 3
    assert fired(inside)["HG502"] == "block"
    assert inside.image is not None
    assert inside.image.sha256


@pytest.mark.parametrize("link", first(1, LINKS))
def test_a_thread_that_computes_in_c_is_not_taken_for_none(parked: Callable[[str], Path], link: str) -> None:
    with running(parked(link), "spin") as (pid, url):
        outside, inside = look(pid=pid), look(url=url, pid=pid)
    assert outside.calls is None
    assert "may be computing in C" in outside.missing["calls"]
    assert fired(inside)["HG502"] == "block"


def test_a_thread_that_c_keeps_is_no_call_where_the_service_knows_its_calls(parked: Callable[[str], Path]) -> None:
    with running(parked("exe"), "pool") as (pid, url):
        facts = look(url=url, pid=pid)
    assert facts.calls is not None
    assert facts.calls.count == 0
    assert fired(facts)["HG511"] == "warn"
    assert "HG502" not in fired(facts)


@pytest.mark.parametrize("link", LINKS)
def test_a_timer_that_c_can_arm_is_not_taken_for_none(parked: Callable[[str], Path], link: str) -> None:
    with running(parked(link), "timer") as (pid, _):
        facts = look(pid=pid)
    assert facts.profiler is not None
    assert facts.profiler.running is None
    assert fired(facts)["HG501"] == "unverified"


def test_jobs_that_the_service_counts_block_above_their_limit(parked: Callable[[str], Path]) -> None:
    with running(parked("exe"), "busy") as (pid, url):
        over = look(url=url, pid=pid, in_flight="jobs", in_flight_limit=4)
        within = look(url=url, pid=pid, in_flight="jobs", in_flight_limit=5)
    assert fired(over)["HG510"] == "block"
    assert "HG510" not in fired(within)
    assert unquiet(over) == ["jobs (5, limit 4)"]
    assert unquiet(within) == []


def test_a_url_and_a_process_of_two_services(parked: Callable[[str], Path]) -> None:
    exe, pie = parked("exe"), parked("pie")
    with running(exe, "quiet") as (one, url), running(pie, "quiet") as (two, _), running(exe, "quiet") as (three, _):
        assert fired(look(url=url, pid=two))["HG508"] == "block"  # of another build
        assert fired(look(url=url, pid=three))["HG508"] == "unverified"  # of the same build, at another port
        assert "HG508" not in fired(look(url=url, pid=one))
