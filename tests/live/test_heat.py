"""HG208 and HG107 by a running service alone: from what goprobe keeps, and from the second that a plain service is asked for."""

from __future__ import annotations

import http.client
import json
import re
from contextlib import contextmanager
from threading import Event, Thread
from typing import TYPE_CHECKING, Any

import pytest

from gate.evidence.profiles import MIN_SAMPLES
from probes.live import stored_profiles
from tests.live import test_parked
from tests.live.test_service import hotgate, running

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.goprobe.service import Service

    Build = Callable[[str | None], Path]

BEAT = ("-interval", "1s", "-window", "900ms")
"""A profile runs for most of the time: `--wait` waits for the moment between two, which a busy machine may miss for a while."""
SELDOM = ("-interval", "5s", "-window", "1s")
"""There is time between two profiles, on a busy machine too."""
ORDERS = 20_000
parked = test_parked.parked


def evidence(report: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {each["name"]: each for each in report["evidence"]}


def with_orders(service: Service) -> None:
    """Many orders: the sum of them all, which `better` computes otherwise, takes a while then."""
    host, port = service.address().rsplit(":", 1)
    connection = http.client.HTTPConnection(host, int(port), timeout=300)
    body = json.dumps([{"quantity": 1, "unit_price": 1}])
    for _ in range(ORDERS):
        connection.request("POST", "/orders", body)
        connection.getresponse().read()
    connection.close()


@contextmanager
def busy(url: str, path: str) -> Iterator[None]:
    """Somebody who keeps asking for `path`."""
    stop = Event()
    host, port = url.removeprefix("http://").rsplit(":", 1)

    def ask() -> None:
        connection = http.client.HTTPConnection(host, int(port), timeout=300)
        while not stop.is_set():
            connection.request("GET", path)
            connection.getresponse().read()
        connection.close()

    thread = Thread(target=ask, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def wait_for_samples(service: Service, count: int) -> None:
    def there() -> bool:
        return sum(each["samples"] for each in service.get("/debug/hotgate/heartbeat")["windows"]) >= count

    service.eventually(there)


@pytest.mark.long
def test_changes_are_ranked_by_the_windows_of_a_real_heartbeat(
    service_program: Build, parked: Callable[[str], Path], tmp_path: Path
) -> None:
    old, new = service_program(None), service_program("better")
    with running(old, tmp_path / "log", *BEAT) as (service, url), busy(url, "/orders"):
        with_orders(service)
        wait_for_samples(service, 4 * MIN_SAMPLES)
        report, _ = hotgate("check", old, new, "--live", url, "--wait", "60s")
        swapped, _ = hotgate("check", new, old, "--live", url)
        probed, _ = hotgate("probe", url)
        given, _ = hotgate("check", old, old, "--live", url)
        foreign, _ = hotgate("check", old, parked("exe"), "--live", url)
    (hot,) = [each for each in report["findings"] if each["rule"] == "HG208"]
    ranked = {each["function"]: each for each in hot["evidence"]["functions"]}
    assert ranked["example.com/live/orders.(*Book).Summary"]["flat"] > 0.01
    assert hot["evidence"]["with_callees"] >= hot["evidence"]["share"] > 0.01
    assert hot["evidence"]["samples"] >= MIN_SAMPLES
    assert hot["evidence"]["profile"].startswith("goprobe, ")
    assert evidence(report)["heat"]["status"] == evidence(report)["addresses"]["status"] == "ok"
    (renamed,) = [each for each in foreign["findings"] if each["subject"] == "profile addresses"]
    assert renamed["rule"] == "HG107"
    assert renamed["evidence"]["share"] > 0.5
    assert renamed["evidence"]["kept_apart"]
    # What runs is `old`: as NEW's profile it would be a lie.
    assert evidence(swapped)["heat"]["status"] == evidence(swapped)["addresses"]["status"] == "missing"
    assert "not of OLD" in evidence(swapped)["heat"]["reason"]
    assert "HG208" not in {each["rule"] for each in swapped["findings"]}
    assert evidence(probed)["heat"]["status"] == "ok"
    assert any(each["name"].endswith(".Summary") for each in probed["profile"]["heat"]["functions"])
    # Nothing changed, nothing moved.
    assert {"HG107", "HG208"}.isdisjoint(each["rule"] for each in given["findings"])
    assert evidence(given)["heat"]["status"] == "ok"


def test_a_service_without_work_has_no_heat_and_says_so(service_program: Build, tmp_path: Path) -> None:
    old = service_program(None)
    with running(old, tmp_path / "log", *SELDOM) as (service, url):
        service.eventually(lambda: service.get("/debug/hotgate/heartbeat")["windows"])
        report, _ = hotgate("check", old, service_program("better"), "--live", url, "--wait", "60s")
        required, _ = hotgate("check", old, old, "--live", url, "--require", "heat", "--wait", "60s")
    assert evidence(report)["heat"]["status"] == "missing"
    assert "too few" in evidence(report)["heat"]["reason"]
    assert "--profile" in evidence(report)["heat"]["reason"]
    blocking = [each for each in required["findings"] if each["severity"] == "block"]
    assert (required["verdict"], blocking) == ("inconclusive", [])


def test_a_profile_that_is_given_spares_the_service_the_questions(
    service_program: Build, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from click.testing import CliRunner  # noqa: PLC0415 - only here

    from gate.cli import cli  # noqa: PLC0415 - only here

    async def refuse(*_: object) -> None:
        raise AssertionError("asked for windows")

    old = service_program(None)
    folder = tmp_path / "windows"
    folder.mkdir()
    with running(old, tmp_path / "log", *BEAT, "-windows", str(folder)) as (service, url):
        service.eventually(lambda: len(list(folder.glob("*.json"))) > 1)
        monkeypatch.setattr(stored_profiles, "of_heartbeat", refuse)
        arguments = ["check", str(old), str(old), "--live", url, "--format", "json"]
        done = CliRunner().invoke(cli, [*arguments, "--profile", str(folder)])
        assert done.exit_code in {0, 10, 11}, done.output
        assert CliRunner().invoke(cli, arguments).exit_code == 1  # the same without, so that it is seen to be asked


def test_a_plain_service_gives_the_second_that_it_is_profiled_for(
    parked: Callable[[str], Path], service_program: Build
) -> None:
    program, another = parked("exe"), service_program(None)
    with test_parked.running(program, "work") as (_, url):
        for _ in range(100):  # one second is little on a machine that has other work
            report, _ = hotgate("check", program, program, "--live", url)
            if evidence(report)["heat"]["status"] == "ok":
                break
    heat = report["profile"]["heat"]
    # Nearly a second, where the machine has other work.
    assert re.match(r"net/http/pprof, 1 profile of (0\.[5-9]|[1-9])", heat["source"])
    assert heat["samples"] >= MIN_SAMPLES
    assert heat["functions"][0]["name"] == "main.work"
    with test_parked.running(program, "quiet") as (_, url):
        idle, _ = hotgate("check", program, program, "--live", url)
        other, _ = hotgate("check", another, program, "--live", url)
    assert "too few" in evidence(idle)["heat"]["reason"]
    assert "not of OLD" in evidence(other)["heat"]["reason"]
