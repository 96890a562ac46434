"""Prometheus's answers, good and bad; and a whole watch against a server that gives them."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest

from gate.watch.config import WatchConfig, WatchRule
from gate.watch.judge import joined, rule
from gate.watch.measure import Span, measure
from gate.watch.prometheus import value_of
from probes.live.client import BadAnswer
from tests.live.servers import http, serve

if TYPE_CHECKING:
    import socket


def vector(*values: str) -> dict[str, Any]:
    rows = [{"metric": {"i": str(n)}, "value": [1.5, value]} for n, value in enumerate(values)]
    return {"status": "success", "data": {"resultType": "vector", "result": rows}}


@pytest.mark.parametrize(
    ("answer", "value"),
    [
        (vector("2.5"), 2.5),
        (vector(), None),
        (vector("NaN"), None),
        (vector("+Inf"), None),
        ({"status": "success", "data": {"resultType": "scalar", "result": [1, "7"]}}, 7.0),
    ],
)
def test_one_number(answer: object, value: float | None) -> None:
    assert value_of(answer, "p") == value


@pytest.mark.parametrize(
    "answer",
    [
        {},
        [],
        None,
        "x",
        {"status": "error", "error": "parse error"},
        {"status": "success"},
        {"status": "success", "data": {"resultType": "matrix", "result": []}},
        {"status": "success", "data": {"resultType": "vector", "result": [{}]}},
        {"status": "success", "data": {"resultType": "vector", "result": [{"value": [1]}]}},
        {"status": "success", "data": {"resultType": "vector", "result": [{"value": [1, "many"]}]}},
        {"status": "success", "data": {"resultType": "vector", "result": 3}},
        {"status": "success", "data": {"resultType": "scalar", "result": None}},
        vector("1", "2"),
        {"status": "success", "data": {"resultType": "scalar", "result": [0, 10**400]}},
    ],
)
def test_anything_else_is_an_error(answer: object) -> None:
    with pytest.raises(BadAnswer):
        value_of(answer, "p")


RULES = (
    WatchRule("error rate", "ratio", "prometheus", "sum(increase(e[$window]))", "sum(increase(r[$window]))", "", 3, 10),
    WatchRule("p99", "level", "prometheus", "", "", "p99[$window]", 2, 10),
)
SINCE, NOW = 10_000.0, 10_060.0


def look(answers: dict[tuple[str, str], str], config: WatchConfig, url: str = "") -> list[bool | None]:
    asked = []

    def answer(path: str, _: socket.socket) -> bytes:
        query = {name: values[0] for name, values in parse_qs(urlsplit(path).query).items()}
        asked.append(query)
        value = answers.get((query["query"], query["time"]))
        return http(json.dumps(vector() if value is None else vector(value)).encode())

    with serve(answer) as own:
        chosen = WatchConfig(config.join, config.within, config.baseline, url or own, config.rules)
        found = asyncio.run(measure(chosen, Span(SINCE, SINCE, NOW), ((), ())))
    return [rule(each, measured).fires for each, measured in zip(chosen.rules, found, strict=True)]


def test_before_and_after_are_asked_for_with_their_own_windows() -> None:
    config = WatchConfig("any", 300, 1800, "", RULES)
    answers = {
        ("sum(increase(e[1800s]))", "10000.000"): "6",
        ("sum(increase(r[1800s]))", "10000.000"): "18000",
        ("sum(increase(e[60s]))", "10060.000"): "40",
        ("sum(increase(r[60s]))", "10060.000"): "600",
        ("p99[1800s]", "10000.000"): "0.2",
        ("p99[60s]", "10060.000"): "0.25",
    }
    assert look(answers, config) == [True, False]
    assert look({}, config) == [None, None]
    assert look({}, config, "http://127.0.0.1:9") == [None, None], "nobody answers: nobody can tell"


def test_counters_of_the_store_are_compared_too() -> None:
    expvar = WatchRule("failed", "ratio", "expvar", "failed", "served", "", 3, 10)
    level = WatchRule("queue", "level", "expvar", "", "", "queue", 2, 10)
    config = WatchConfig("any", 300, 1800, "", (expvar, level))
    before = [json.dumps({"failed": 10 + n // 10, "served": 1000 * n, "queue": 5}) for n in range(60)]
    after = [json.dumps({"failed": 20 * n, "served": 100 * n, "queue": 4}) for n in range(5)]
    found = asyncio.run(measure(config, Span(SINCE, SINCE, NOW), (before, after)))
    rulings = [rule(own, each) for own, each in zip(config.rules, found, strict=True)]
    assert [each.fires for each in rulings] == [True, False]
    assert "80 of 400" in rulings[0].said
    assert joined(rulings, "any", over=False) == "rollback"
    blank = asyncio.run(measure(config, Span(SINCE, SINCE, NOW), ((), ())))
    assert [rule(own, each).fires for own, each in zip(config.rules, blank, strict=True)] == [None, None]
