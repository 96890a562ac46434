"""The HTTP client against services that are slow, broken or hostile."""

from __future__ import annotations

import asyncio
import gzip
import time

import pytest

from probes.live.client import BadAnswer, Client, Refused, Unreachable, base_url
from probes.live.goprobe import wire
from tests.live.servers import dribble, http, serve


def get(url: str, *, seconds: float = 2.0, limit: int = 1 << 20, token: str = ""):
    async def run():
        async with Client(url, seconds=seconds, token=token) as client:
            return await client.get("/debug/x", limit=limit)

    return asyncio.run(run())


def ask(url: str, **options):
    async def run():
        async with Client(url, seconds=2.0, **options) as client:
            return await client.ask("status", wire.Status)

    return asyncio.run(run())


@pytest.mark.parametrize(
    "url",
    [
        "",
        "ftp://x",
        "file:///etc/passwd",
        "http://",
        "127.0.0.1:80",
        "http://user:secret@host/",
        "http://[::1",
        "//x",
        "http://h:99999",
        "http://h:0",
        "http://h:-1",
        "http://h h:80",
        "http://h:80/a b",
        " http://h:80",
        "http://h:80\n",
        "http://h:80/\x00",
        "http://h:80/\u00a0",
    ],
)
def test_what_is_no_url_of_a_service_is_refused(url):
    with pytest.raises(BadAnswer, match="not an http or https URL"):
        base_url(url)


@pytest.mark.parametrize(
    ("url", "base"),
    [
        ("http://127.0.0.1:80", "http://127.0.0.1"),
        ("http://h:8080/debug/pprof/", "http://h:8080"),
        ("http://h:8080/debug/pprof/profile", "http://h:8080"),
        ("http://h:65535", "http://h:65535"),
        ("http://h/a%20b%3Fc/debug/vars", "http://h/a%20b%3Fc"),
        ("https://h/app/debug/hotgate/status", "https://h/app"),
        ("http://[::1]:99/", "http://[::1]:99"),
    ],
)
def test_the_url_may_name_the_probe(url, base):
    assert base_url(url) == base
    assert base_url(base) == base


@pytest.mark.parametrize(
    "url",
    [
        "http://h/?token=geheim",
        "http://h?",
        "http://h/debug/pprof/profile?seconds=1",
        "http://h/#geheim",
        "http://h/app#",
    ],
)
def test_what_would_be_cut_off_a_url_is_refused(url):
    with pytest.raises(BadAnswer, match="no query and no fragment") as caught:
        base_url(url)
    assert "geheim" not in str(caught.value)


def test_a_password_in_a_url_is_not_repeated():
    with pytest.raises(BadAnswer) as caught:
        base_url("http://user:geheim@host/")
    assert "geheim" not in str(caught.value)


def test_nobody_listens():
    with pytest.raises(Unreachable, match=r"cannot connect \(Connection refused\)"):
        get("http://127.0.0.1:1")


@pytest.mark.parametrize("data", [http(b"x" * 100), b"HTTP/1.1 200 OK\r\nX-Long: " + b"a" * 100])
def test_a_byte_at_a_time_is_given_up_in_time(data):
    """Also while the headers come: a limit between two bytes would never end this."""
    with serve(dribble(data)) as url, pytest.raises(Unreachable, match="no answer in time"):
        get(url, seconds=0.7)


def test_a_service_that_never_answers_is_given_up_in_time():
    with serve(lambda _path, _connection: None) as url, pytest.raises(Unreachable, match="no answer in time"):
        get(url, seconds=0.5)


def test_a_request_may_have_more_time_than_the_client_gives():
    """A profile of 30 s comes after 30 s."""

    def late(_path, _connection):
        time.sleep(0.6)
        return http(b"late")

    async def run(url):
        async with Client(url, seconds=0.3) as client:
            return await client.get("/debug/x", seconds=60, retry=False)

    with serve(late) as url:
        assert asyncio.run(run(url)).body == b"late"


def test_an_answer_that_is_too_large_is_not_kept():
    with serve({"/debug/x": http(b"x" * 5000)}) as url, pytest.raises(BadAnswer, match="larger than"):
        get(url, limit=4999)


def test_headers_without_end_are_given_up():
    endless = b"HTTP/1.1 200 OK\r\n" + b"X-A: b\r\n" * 100_000
    with serve(lambda _path, _connection: endless) as url, pytest.raises((Unreachable, BadAnswer)):
        get(url)


def test_a_compressed_answer_that_nobody_asked_for_is_refused():
    bomb = gzip.compress(bytes(1 << 20))
    with (
        serve({"/debug/x": http(bomb, headers="Content-Encoding: gzip\r\n")}) as url,
        pytest.raises(BadAnswer, match="gzip"),
    ):
        get(url)


def test_a_connection_that_breaks_is_tried_once_more():
    asked = []

    def answer(path, _connection):
        asked.append(path)
        return http(b"good") if len(asked) == 2 else b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhal"

    with serve(answer) as url:
        assert get(url).text() == "good"
    assert len(asked) == 2


def test_a_connection_that_always_breaks_is_an_error():
    half = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhal"
    with serve(lambda _path, _connection: half) as url, pytest.raises(Unreachable, match="the connection broke"):
        get(url)


def test_when_to_come_back_is_obeyed_once():
    asked = []

    def answer(path, _connection):
        asked.append(path)
        busy = http(b"", status="503 Service Unavailable", headers="Retry-After: 0\r\n")
        return busy if len(asked) == 1 else http(b"good")

    with serve(answer) as url:
        assert get(url).text() == "good"
    assert len(asked) == 2


def test_a_redirect_within_the_service_is_followed():
    moved = http(b"", status="301 Moved Permanently", headers="Location: /elsewhere\r\n")
    with serve({"/debug/x": moved, "/elsewhere": http(b"here")}) as url:
        assert get(url).text() == "here"


def test_a_redirect_to_another_host_is_refused_and_the_token_stays():
    seen = []

    def thief(path, _connection):
        seen.append(path)
        return http(b"")

    with serve(thief) as other:
        moved = http(b"", status="302 Found", headers=f"Location: {other}/steal\r\n")
        with serve({"/debug/x": moved}) as url, pytest.raises(BadAnswer, match="redirects to another host"):
            get(url, token="secret")  # noqa: S106 - a test's
    assert seen == []


def test_redirects_in_circles_end():
    moved = http(b"", status="302 Found", headers="Location: /debug/x\r\n")
    with serve({"/debug/x": moved}) as url, pytest.raises(BadAnswer, match="circles"):
        get(url)


def test_an_error_of_goprobe_is_told_in_its_own_words():
    body = b'{"schema_version":"1","kind":"error","error":{"code":"unauthorized","message":"the token is missing or wrong"}}'
    answer = http(body, status="401 Unauthorized")
    refused = pytest.raises(Refused, match="the token is missing or wrong")
    with serve({"/debug/hotgate/status": answer}) as url, refused as caught:
        ask(url)
    assert caught.value.status == 401
    assert "--token-file" in caught.value.hint


@pytest.mark.parametrize(
    "body", [b"", b"<html>hello</html>", b"{}", b"[1]", b"null", b'{"schema_version":"2"}', b"\xff\xfe", b"[" * 100_000]
)
def test_an_answer_that_is_not_goprobes_is_refused(body):
    with serve({"/debug/hotgate/status": http(body)}) as url, pytest.raises(BadAnswer, match="not goprobe's answer"):
        ask(url)
