"""Answers compared: what differs by itself is noise, and what is left is a short diff."""

from __future__ import annotations

import json

import pytest

from gate.rehearsal.rounds.answers import differences, facets, is_ignored, noise, shown
from gate.rehearsal.rounds.fetch import Fetched


def of(body: object, kind: str = "application/json", status: int = 200, **headers: str) -> Fetched:
    data = (
        body if isinstance(body, bytes) else json.dumps(body).encode() if kind.endswith("json") else str(body).encode()
    )
    return Fetched(status, {"content-type": kind, **headers}, data)


def changed(
    old: Fetched, new: Fetched, *, noisy: list[Fetched] | None = None, ignore: tuple[str, ...] = ()
) -> dict[str, tuple[str, ...]]:
    return differences(facets(old), facets(new), noise(map(facets, noisy or [])), ignore)


def test_json_by_pointer() -> None:
    old, new = of({"a": 1, "b": [1, {"c": "x"}]}), of({"a": 1, "b": [1, {"c": "y"}], "d": None})
    assert changed(old, new) == {"$.b[1].c": ('-"x"', '+"y"'), "$.d": ("+null",)}
    assert changed(old, old) == {}
    assert changed(of({}), of({"a": {}}))  # an empty object is something
    assert changed(of({"a": 1}), of({"a": 1.0}))


def test_noise_of_one_image_is_none_of_the_other() -> None:
    samples = [of({"time": n, "list": list(range(n)), "total": 3}) for n in range(3)]
    assert changed(samples[0], of({"time": 99, "list": [5, 6, 7, 8], "total": 3}), noisy=samples) == {}
    assert "$.total" in changed(samples[0], of({"time": 99, "list": [], "total": 4}), noisy=samples)


def test_text_by_lines_and_others_by_digest() -> None:
    old, new = of("a\nb\nc", "text/plain"), of("a\nx\nb\nc", "text/plain")
    assert changed(old, new) == {"text": ("+x",)}
    assert changed(old, new, ignore=("line:x",)) == {}
    assert set(changed(of(b"\x00\x01", "image/png"), of(b"\x00\x02", "image/png"))) == {"body"}
    assert set(changed(of(b"not json"), of(b"no json"))) == {"text"}


def test_status_headers_and_no_answer() -> None:
    assert changed(of({}), of({}, status=500)) == {"status": ("-200", "+500")}
    assert changed(of({}, **{"x-shop": "1", "date": "now"}), of({}, **{"x-shop": "2", "date": "then"})) == {
        "header:x-shop": ("-1", "+2")
    }
    assert changed(of({}, **{"x-shop": "1"}), of({}), ignore=("header:X-Shop",)) == {}
    assert "status" in differences(facets(of({})), facets(None), set(), ())


@pytest.mark.parametrize(
    ("rule", "name", "covered"),
    [
        ("$.a", "$.a", True),
        ("$.a", "$.a.b", True),
        ("$.a", "$.ab", False),
        ("$.a[*].b", "$.a[3].b", True),
        ("$.a[*].b", "$.a[3].c", False),
        ("$.a.b", "$.a", False),
        ("header:Date", "header:date", True),
    ],
)
def test_ignore_rules(rule: str, name: str, covered: bool) -> None:
    assert is_ignored(name, [rule]) is covered


def test_deep_and_large_json_is_compared_by_digest() -> None:
    deep = b"[" * 500 + b"]" * 500
    assert "$" not in facets(of(deep))
    assert set(changed(of(list(range(30_000))), of(list(range(30_001))))) <= {"text", "body"}


def test_secrets_are_shown_by_length_and_digest() -> None:
    assert shown("$.total", ("-1", "+2"), values=True) == ("-1", "+2")
    for hidden in (shown("$.api_key", ("-abc", "+abd"), values=True), shown("$.total", ("-abc",), values=False)):
        assert "abc" not in " ".join(hidden)
        assert hidden[0].startswith("-3 characters, sha256 ")
