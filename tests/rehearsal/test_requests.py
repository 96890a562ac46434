"""Requests from files, which are hostile until they are read."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from gate.policy import PolicyError
from gate.rehearsal.load.requests import Request, read_requests

if TYPE_CHECKING:
    from pathlib import Path

HTTP = """### list
GET /orders

### add
POST http://localhost:8080/orders?x=1 HTTP/1.1
Content-Type: application/json
Host: shop.example
Content-Length: 7

[{"quantity": 2}]

###
DELETE {{host}}/orders/1
""".replace("{{host}}", "http://127.0.0.1")


def test_a_http_file(tmp_path: Path) -> None:
    path = tmp_path / "r.http"
    path.write_text(HTTP, "utf-8")
    assert read_requests(str(path)) == (
        Request("GET", "/orders"),
        Request("POST", "/orders?x=1", (("Content-Type", "application/json"),), b'[{"quantity": 2}]'),
        Request("DELETE", "/orders/1"),
    )


def test_an_archive(tmp_path: Path) -> None:
    entry = {
        "request": {
            "method": "POST",
            "url": "https://shop.example/v1/orders?id=1",
            "headers": [
                {"name": ":authority", "value": "x"},
                {"name": "Accept", "value": "*/*"},
                {"name": "Host", "value": "x"},
            ],
            "postData": {"text": "{}"},
        }
    }
    path = tmp_path / "r.har"
    path.write_text(json.dumps({"log": {"entries": [entry]}}), "utf-8")
    assert read_requests(str(path)) == (Request("POST", "/v1/orders?id=1", (("Accept", "*/*"),), b"{}"),)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no request in the file"),
        ("get orders\n", ":1: not a request"),
        ("GET http://shop.example/\n", ":1: not a loopback address"),
        ("GET /x\nno header\n\n", ":2: not a header"),
        ("GET /x\nX: a\x00b\n\n", ":2: not a header"),
        ("{", "not an HTTP archive"),
        ('{"log": {"entries": [{"request": {"method": "GET /x\\r\\nX: y", "url": "/"}}]}}', "not a request"),
        ("{" * 3000 + "}" * 3000, "not an HTTP archive"),
    ],
)  # fmt: skip
def test_what_is_none_is_refused_in_one_line(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "r.http"
    path.write_text(text, "utf-8")
    with pytest.raises(PolicyError) as refused:
        read_requests(str(path))
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)
