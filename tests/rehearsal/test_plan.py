"""The `[rehearsal]` table: what it means, and what is refused with a line and the nearest."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gate.policy import PolicyError, load_policy
from gate.rehearsal.plan.addresses import elsewhere, filled, ports_named
from gate.rehearsal.plan.model import DRILLS, Plan
from gate.rehearsal.plan.reading import load_plan

if TYPE_CHECKING:
    from pathlib import Path

PLAN = """fail_on = "warn"
[rehearsal]
command = ["{binary}", "-listen", "127.0.0.1:{port}"]
ready = "http://127.0.0.1:{port}/healthz"
trigger = "SIGUSR2"
within = "10s"
[rehearsal.load]
requests = ["GET /v1/quote?id=1"]
rate = 200
keep = 5
keep_as = "events"
keep_at = "/events"
[rehearsal.state]
read = "/v1/state"
[rehearsal.drills]
kill = false
[rehearsal.limits]
memory = "500MB"
"""


def written(tmp_path: Path, text: str) -> str:
    path = tmp_path / "hotgate.toml"
    path.write_text(text, "utf-8")
    return str(path)


def test_a_plan(tmp_path: Path) -> None:
    path = written(tmp_path, PLAN)
    assert load_policy(path).fail_on.value == "warn"  # the rest of the file is the policy
    plan = load_plan(path)
    assert plan is not None
    assert (plan.within, plan.updates, plan.trigger, plan.state.read) == (10.0, 10, "SIGUSR2", ("/v1/state",))
    assert (plan.load.rate, plan.load.keep_as, plan.load.timeout) == (200, "events", 5.0)
    assert plan.drills == tuple(name for name in DRILLS if name != "kill")
    assert plan.limits.memory == 500_000_000
    assert ports_named(plan.texts) == ("port",)


def test_no_table_is_no_plan_and_an_empty_one_has_the_defaults(tmp_path: Path) -> None:
    assert load_plan(written(tmp_path, "")) is None
    plan = load_plan(written(tmp_path, "[rehearsal]\n"))
    assert plan is not None
    assert (plan.command, plan.drills, plan.load) == ((), Plan().drills, Plan().load)
    assert plan.max_age == 31 * 86400


def test_a_pyproject_has_it_below_tool_hotgate(tmp_path: Path) -> None:
    path = tmp_path / "pyproject.toml"
    path.write_text("[tool.hotgate.rehearsal]\nupdates = 3\n", "utf-8")
    plan = load_plan(str(path))
    assert plan is not None
    assert plan.updates == 3


@pytest.mark.parametrize(
    ("old", "new", "message", "hint"),
    [
        ("trigger =", "triger =", "5: unknown key rehearsal.triger", "did you mean trigger?"),
        ("rate =", "raet =", "9: unknown key rehearsal.load.raet", "did you mean rate?"),
        ("kill =", "kil =", "16: unknown key rehearsal.drills.kil", "did you mean kill?"),
        ('"SIGUSR2"', '"SIGUSER2"', "5: rehearsal.trigger: unknown signal: SIGUSER2", "did you mean SIGUSR2?"),
        ('"SIGUSR2"', '"SIGKILL"', "5: rehearsal.trigger: unknown signal: SIGKILL", "SIGILL"),
        ('"10s"', '"10"', "6: rehearsal.within: not a time", "500ms"),
        ('"10s"', '"2h"', "6: rehearsal.within: 2h is not between", ""),
        ("200", '"x"', "9: rehearsal.load.rate: input should be a valid integer", ""),
        ("200", "0", "9: rehearsal.load.rate: input should be greater than or equal to 1", ""),
        ("GET /v1", "GET v1", "8: rehearsal.load.requests[0]: not a request", "GET /v1/orders"),
        ("{port}/h", "{prot}/h", "4: rehearsal.ready: unknown placeholder: {prot}", "did you mean {port}?"),
        ("http://127.0.0.1:{port}/h", "http://shop.example/h", "4: rehearsal.ready: not a loopback address: shop.example", "127.0.0.1"),
        ('127.0.0.1:{port}"]', '0.0.0.0:{port}"]', "3: rehearsal.command[2]: not a loopback address: 0.0.0.0:{port}", "127.0.0.1"),
        ('127.0.0.1:{port}"]', ':{port}"]', "3: rehearsal.command[2]: not a loopback address: :{port}", "127.0.0.1"),
        ('keep_at = "/events"', "", "10: rehearsal.load.keep needs keep_at", "a path"),
        ('"/events"', '"127.0.0.1:{port}"', "12: rehearsal.load.keep_at is a path for events", ""),
        ('["GET /v1/quote?id=1"]', '"lost.http"', "8: rehearsal.load.requests: no such file", ""),
        ('"/v1/state"', '"state"', "14: rehearsal.state.read: not a path of the service", "/v1/orders"),
        ('"500MB"', '"500"', "18: rehearsal.limits.memory: not a size", "500MB"),
    ],
)  # fmt: skip
def test_what_means_nothing_is_refused(tmp_path: Path, old: str, new: str, message: str, hint: str) -> None:
    assert old in PLAN
    path = written(tmp_path, PLAN.replace(old, new, 1))
    with pytest.raises(PolicyError) as refused:
        load_plan(path)
    assert f"{path}:{message}" in str(refused.value)
    assert hint in refused.value.hint
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "text",
    [
        "10.1.2.3:80",
        "-addr=:8080",
        "-db=postgres://db.internal/shop",
        "http://[2001:db8::1]/",
        "0.0.0.0",  # noqa: S104 - refused
        "*:80",
        "host:9000,127.0.0.1:80",
    ],
)
def test_addresses_of_other_machines_are_found(text: str) -> None:
    assert elsewhere(text)


@pytest.mark.parametrize(
    "text",
    [
        "127.0.0.1:{port}",
        "localhost:80",
        "http://[::1]:{port2}/x",
        "-v=2",
        "a:b",
        "/var/lib/x",
        "unix:///run/x.sock",
        "2026-01-02T10:20:30",
        "127.8.9.1:1",
    ],
)
def test_loopback_and_other_texts_are_not(text: str) -> None:
    assert elsewhere(text) is None


def test_placeholders() -> None:
    assert filled("{binary} {port} {pid}", {"binary": "/x", "port": "80"}) == "/x 80 {pid}"
