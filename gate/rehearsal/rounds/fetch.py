"""One answer of the service, whole."""

from __future__ import annotations

import http.client
import time
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from gate.rehearsal.stage.target import Target

MAX_BODY = 8 << 20


class Fetched(Struct, frozen=True):
    """An answer; header names are lower-case. `cut` says that the body was longer than what is kept of it."""

    status: int
    headers: dict[str, str]
    body: bytes
    cut: bool = False


def fetch(target: Target, path: str, timeout: float = 10.0, *, token: str = "") -> Fetched | None:
    """GET `path`, with a bearer token unless that is ""; None when there is no answer in time."""
    connection = http.client.HTTPConnection(target.host, target.port, timeout=timeout)
    deadline = time.monotonic() + timeout
    try:
        headers = {"User-Agent": "hotgate", "Connection": "close"} | (
            {"Authorization": f"Bearer {token}"} if token else {}
        )
        connection.request("GET", path, headers=headers)
        response = connection.getresponse()
        body = b""
        while len(body) <= MAX_BODY and time.monotonic() < deadline:
            piece = response.read1(65536)
            if not piece:
                break
            body += piece
        else:
            if time.monotonic() >= deadline:
                return None
        received = {name.lower(): value for name, value in response.getheaders()}
        return Fetched(response.status, received, body[:MAX_BODY], len(body) > MAX_BODY)
    except (OSError, http.client.HTTPException, ValueError):
        return None
    finally:
        connection.close()
