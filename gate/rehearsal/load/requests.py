"""Requests: from a `.http` file, from a HAR file, or from lines such as `GET /orders`."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from msgspec import Struct

from gate.policy.errors import PolicyError
from gate.rehearsal.plan.addresses import is_loopback

MAX_BYTES = 16 << 20
MOST = 10_000
_LINE = re.compile(r"([A-Z]{1,20})\s+(\S{1,8000})(?:\s+HTTP/[\d.]+)?\s*")
_HEADER = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]{1,200}):[ \t]*([^\r\n\0]{0,8000})")
_OURS = {
    "host",
    "connection",
    "content-length",
    "transfer-encoding",
    "keep-alive",
    "upgrade",
    "te",
    "trailer",
    "expect",
}


class Request(Struct, frozen=True):
    """One request. `headers` are without those that frame a message: the generator writes these."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""


def read_requests(given: str | tuple[str, ...]) -> tuple[Request, ...]:
    """The requests in the file at `given`, or those that are written out.

    Raises:
        PolicyError: the file cannot be read, or holds something that is no request, or one for another machine.
    """
    if not isinstance(given, str):
        return tuple(Request(line.partition(" ")[0], line.partition(" ")[2]) for line in given)
    try:
        with Path(given).open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except OSError as exc:
        raise PolicyError(f"cannot read the requests ({exc.strerror}): {given}") from exc
    if len(raw) > MAX_BYTES:
        raise PolicyError(f"the requests are larger than 16 MiB: {given}")
    try:
        text = raw.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as exc:
        raise PolicyError(f"the requests are not UTF-8 text: {given}") from exc
    found = _of_har(given, text) if text.lstrip().startswith("{") else _of_http(given, text)
    if not found:
        raise PolicyError(
            f"no request in the file: {given}", hint="a .http file has requests such as `GET /orders`, ### between them"
        )
    if len(found) > MOST:
        raise PolicyError(f"more than {MOST:,} requests: {given}")
    return tuple(found)


def _of_http(path: str, text: str) -> list[Request]:
    """Requests between lines of `###`, as editors and HTTP clients have them: a line, headers, an empty line, a body."""
    found = []
    lines = text.split("\n")
    at = 0
    while at < len(lines):
        line = lines[at]
        if not line.strip() or line.startswith(("#", "//", "@")):
            at += 1
            continue
        start = at + 1
        match = _LINE.fullmatch(line)
        if match is None:
            raise PolicyError(f"{path}:{start}: not a request: {line[:60]!r}", hint="write it like GET /orders")
        headers, at = [], at + 1
        while at < len(lines) and lines[at].strip() and not lines[at].startswith("###"):
            header = _HEADER.fullmatch(lines[at])
            if header is None:
                raise PolicyError(f"{path}:{at + 1}: not a header: {lines[at][:60]!r}")
            if header[1].lower() not in _OURS:
                headers.append((header[1], header[2].strip()))
            at += 1
        body = []
        while at < len(lines) and not lines[at].startswith("###"):
            body.append(lines[at])
            at += 1
        written = "\n".join(body).strip("\n")
        found.append(Request(match[1], _target(f"{path}:{start}", match[2]), tuple(headers), written.encode()))
    return found


def _of_har(path: str, text: str) -> list[Request]:
    """The requests of an HTTP archive (w3c.github.io/web-performance/specs/HAR)."""
    try:
        entries: list[Any] = list(json.loads(text)["log"]["entries"])
        return [_of_entry(f"{path}: entry {number}", each["request"]) for number, each in enumerate(entries, 1)]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as exc:
        raise PolicyError(f"not an HTTP archive: {path}") from exc


def _of_entry(where: str, request: Any) -> Request:
    method, url = str(request["method"]), str(request["url"])
    if not _LINE.fullmatch(f"{method} {url}"):
        raise PolicyError(f"{where}: not a request")
    headers = []
    for each in request.get("headers", []):
        header = _HEADER.fullmatch(f"{each['name']}: {each['value']}")
        if header is not None and header[1].lower() not in _OURS:
            headers.append((header[1], header[2]))
    body = (request.get("postData") or {}).get("text", "")
    return Request(method, _target(where, url, anywhere=True), tuple(headers), str(body).encode())


def _target(where: str, url: str, *, anywhere: bool = False) -> str:
    """What follows the host in a URL; `anywhere`: it was recorded elsewhere, and is asked of the service here."""
    if url.startswith("/"):
        return url
    parts = urlsplit(url)
    named = parts.hostname or ""
    if parts.scheme not in ("http", "https") or not (anywhere or named.startswith("{{") or is_loopback(named)):
        raise PolicyError(f"{where}: not a loopback address: {url[:80]}", hint="write the path alone: GET /orders")
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
