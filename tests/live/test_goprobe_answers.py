"""goprobe's answers as `goprobe/WIRE.md` shows them, and damaged ones."""

from __future__ import annotations

import asyncio
import json
import re
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from msgspec import MsgspecError
from msgspec.json import decode

from gate.cli import cli
from gate.policy.model import Policy
from gate.runs.service import probe
from probes.live.gathering import Asked, gather
from probes.live.goprobe import wire
from probes.live.goprobe.wire.base import moment
from probes.live.goprobe.wire.refusal import read_or_refuse
from probes.live.topics import TOPICS
from tests.live.servers import dribble, goroutine_profile, http, serve

WIRE = Path("goprobe/WIRE.md").read_text("utf-8")
ENDPOINTS = {"status": "status", "cgo": "cgo", "heartbeat": "heartbeat", "healthz": "health"}


def example(name: str) -> dict[str, Any]:
    match = re.search(rf"```json {name}\n(.*?)```", WIRE, re.DOTALL)
    assert match is not None
    found: dict[str, Any] = json.loads(match[1])
    return found


def answers(**changed: bytes) -> dict[str, bytes]:
    """All endpoints of a goprobe that answers as documented, but for those that are `changed`."""
    found = {path: json.dumps(example(name)).encode() for path, name in ENDPOINTS.items()} | changed
    served = {f"/debug/hotgate/{path}": http(body) for path, body in found.items()}
    profile = http(goroutine_profile(("runtime.gopark", "main.main")))
    return served | {"/debug/hotgate/pprof/goroutine": profile, "/debug/hotgate/heartbeat/41": profile}


def look(url: str):
    return asyncio.run(gather(Asked(url=url, seconds=2.0)))


def test_the_documented_answers_give_every_topic_but_privileges():
    with serve(answers()) as url:
        facts = look(url)
    assert {topic for topic in TOPICS if getattr(facts, topic) is None} == {
        "privileges",
        "executable",
        "room",
        "seccomp",
    }
    assert facts.profiler is not None
    assert (facts.profiler.running, facts.profiler.owner) == (True, "heartbeat")
    assert facts.canary is not None
    assert (facts.canary.thread_local, facts.canary.static) == ("holds", "broken")
    assert facts.heartbeat is not None
    assert [w.state for w in facts.heartbeat.windows] == ["ok", "yielded"]


def test_the_documented_answers_fire_the_rules_that_they_show():
    with serve(answers()) as url:
        report = probe(Policy(), lambda: look(url))
    fired = {finding.rule for finding in report.findings}
    assert {"HG501", "HG502", "HG503", "HG504", "HG506", "HG507", "HG510", "HG511"} <= fired
    assert report.verdict == "block"


def test_an_answer_on_c_from_before_is_not_taken_for_one_of_now(monkeypatch):
    """goprobe repeats it for a while when many ask."""
    monkeypatch.setattr("probes.live.gathering.STALE_SECONDS", 0.7)
    old, fresh = example("cgo"), example("cgo")
    old["taken_monotonic_ns"] -= 1
    bodies = iter([old, old, fresh])
    others = answers()

    def answer(path, _connection):
        body = json.dumps(next(bodies, old)).encode() if path == "/debug/hotgate/cgo" else None
        return others[path.partition("?")[0]] if body is None else http(body)

    with serve(answer) as url:
        assert look(url).calls is not None
        stale = look(url)
    assert stale.calls is None
    assert stale.missing["calls"] == "only an answer from before was given"


@pytest.mark.parametrize(("unread", "said"), [(1, "holds"), (1000, "unknown")])
def test_canaries_that_were_not_read_in_time_are_asked_for_again(monkeypatch, unread, said):
    """On a busy host goprobe's thread comes late; one that never comes stays a doubt."""
    monkeypatch.setattr("probes.live.gathering.STALE_SECONDS", 0.7)
    answer_on_c, asked = example("cgo"), iter(range(10_000))
    answer_on_c["threads"]["rows"] = []  # for which it would be asked again, too
    others = answers()

    def answer(path, _connection):
        if path != "/debug/hotgate/cgo":
            return others[path.partition("?")[0]]
        state = {"state": "unknown", "found": ""} if next(asked) < unread else {"state": "holds"}
        for each in ("thread_local", "static"):
            answer_on_c["canaries"][each] |= state
        answer_on_c["taken_monotonic_ns"] += 1
        return http(json.dumps(answer_on_c).encode())

    with serve(answer) as url:
        facts = look(url)
    assert facts.canary is not None
    assert (facts.canary.thread_local, facts.canary.static) == (said, said)


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    """The servers here give the same answer for ever."""
    monkeypatch.setattr("probes.live.gathering.STALE_SECONDS", 0.1)
    monkeypatch.setattr("probes.live.gathering.STALE_PAUSE", 0.05)


@pytest.mark.parametrize(("again", "fires"), [([], False), ([4251], True), ([9999], False)])
def test_a_thread_counts_as_foreign_when_two_looks_show_it(again, fires):
    """One that the runtime is just starting is in its books by the second."""
    first, second = example("cgo"), example("cgo")
    second["taken_monotonic_ns"] += 1_000_000_000
    row = second["threads"]["rows"][0]
    second["threads"]["rows"] = [{**row, "tid": tid} for tid in again]
    first["signal_handlers"]["rows"] = second["signal_handlers"]["rows"] = []
    bodies = iter([first, second])
    others = answers()

    def answer(path, _connection):
        if path == "/debug/hotgate/cgo":
            return http(json.dumps(next(bodies, second)).encode())
        return others[path.partition("?")[0]]

    with serve(answer) as url:
        report = probe(Policy(), lambda: look(url))
    assert ("HG511" in {finding.rule for finding in report.findings}) is fires


def test_lists_that_were_cut_off_are_not_taken_for_whole():
    status, cgo = example("status"), example("cgo")
    status["in_flight"] = {
        "count": 82,
        "over": True,
        "left_out": 237,
        "rows": [{"name": "a", "count": 0, "limit": 0, "state": "ok"}],
    }
    status["resources"] = {"left_out": 1, "rows": []}
    cgo["calls"] = {"known": True, "count": 0, "rows": [], "left_out": 0, "skipped": 1}
    with serve(answers(status=json.dumps(status).encode(), cgo=json.dumps(cgo).encode())) as url:
        report = probe(Policy(), lambda: look(url))
    doubts = {finding.rule for finding in report.findings if finding.evidence.get("verified") is False}
    assert {"HG504", "HG510"} <= doubts
    reasons = {item.name: item.reason for item in report.evidence if item.status != "ok"}
    assert "deeper stacks" in reasons["calls"]


def test_a_timer_that_somebody_left_armed_is_a_profile():
    status = example("status")
    status["profiler"] = {
        "running": False,
        "owner": "none",
        "itimer_prof": {"known": True, "armed": True, "interval_us": 10000, "value_us": 1},
    }
    with serve(answers(status=json.dumps(status).encode())) as url:
        facts = look(url)
    assert facts.profiler is not None
    assert facts.profiler.running is True


BAD = [
    b"",
    b"{}",
    b"null",
    b"<html>",
    b'{"schema_version":"1","kind":"cgo"}',
    b"[" * 50_000,
    b'{"schema_version":1e400}',
]


@pytest.mark.parametrize("body", BAD, ids=range(len(BAD)))
@pytest.mark.parametrize("endpoint", ["cgo", "heartbeat", "healthz"])
def test_one_bad_answer_is_missing_evidence_and_the_rest_stays(endpoint, body):
    topic = {"cgo": "calls", "heartbeat": "heartbeat", "healthz": "health"}[endpoint]
    with serve(answers(**{endpoint: body})) as url:
        facts = look(url)
    assert getattr(facts, topic) is None
    assert facts.missing[topic].startswith("not goprobe's answer")
    assert facts.image is not None


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_a_damaged_answer_never_ends_in_anything_but_a_verdict(endpoint):
    whole = example(ENDPOINTS[endpoint])
    for path in _paths(whole)[::9]:  # one service each; the models are shown every field below
        damaged = json.loads(json.dumps(whole))
        _set(damaged, path, None)
        with serve(answers(**{endpoint: json.dumps(damaged).encode()})) as url:
            report = probe(Policy(), lambda url=url: look(url))
        assert report.verdict in {"block", "inconclusive"}


@pytest.mark.parametrize("name", ENDPOINTS.values())
def test_damaged_answers_are_refused_or_read_by_the_models(name):
    model = {
        "status": wire.Status,
        "cgo": wire.CgoAnswer,
        "heartbeat": wire.HeartbeatAnswer,
        "health": wire.HealthAnswer,
    }
    whole, refused = example(name), 0
    for path in _paths(whole):
        for value in (None, -1, "x" * 300, [], {}, True, 1e300, 1 << 80):
            damaged = json.loads(json.dumps(whole))
            _set(damaged, path, value)
            try:
                wire.read(json.dumps(damaged).encode(), model[name])
            except wire.NotThat:
                refused += 1
    assert refused > 100


@pytest.mark.parametrize("name", ENDPOINTS.values())
def test_what_is_read_at_first_is_read_alike_at_second_sight(name):
    model = {
        "status": wire.Status,
        "cgo": wire.CgoAnswer,
        "heartbeat": wire.HeartbeatAnswer,
        "health": wire.HealthAnswer,
    }
    whole, taken = example(name), 0
    for path in _paths(whole):
        for value in (None, 0, 1, 2.5, 1 << 61, True, "ok", "2026-03-01T04:05:06.123456789+01:30", []):
            changed = json.loads(json.dumps(whole))
            _set(changed, path, value)
            body = json.dumps(changed).encode()
            with suppress(MsgspecError):
                assert decode(body, type=model[name], dec_hook=moment) == read_or_refuse(body, model[name])
                taken += 1
    assert taken > 20


def test_a_time_is_cut_off_after_its_microseconds():
    window = json.dumps(example("heartbeat")["windows"][0] | {"started_at": "2026-03-01T04:05:06.999999999Z"})
    assert wire.read(window.encode(), wire.Window).started_at.isoformat() == "2026-03-01T04:05:06.999999+00:00"


def _paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [p for key, item in items for p in [(*path, key), *_paths(item, (*path, key))]]


def _set(value: Any, path: tuple[Any, ...], new: Any) -> None:
    for key in path[:-1]:
        value = value[key]
    value[path[-1]] = new


def test_a_probe_that_dribbles_is_a_block_and_no_hang():
    with serve(dribble(http(b"x" * 100))) as url:
        report = probe(Policy(), lambda: asyncio.run(gather(Asked(url=url, seconds=0.5))))
    assert report.verdict == "block"
    assert [finding.rule for finding in report.findings] == ["HG601"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "name the service: URL, --pid PID or both"),
        (["http://127.0.0.1:1", "--wait", "soon"], "'soon' is no time"),
        (["http://127.0.0.1:1", "--wait", "2000m"], "longer than an hour"),
        (["http://127.0.0.1:1", "--token-file", "/nonexistent"], "cannot read the token file"),
        (["--pid", "0"], "--pid"),
        (["--pid", "4194303"], "no such process: PID 4194303"),
    ],
)
def test_usage_that_means_nothing_is_said_in_one_line(arguments, said, capsys):
    with pytest.raises(SystemExit) as caught:
        cli.main(["probe", *arguments])
    assert caught.value.code == 2
    assert said in capsys.readouterr().err
