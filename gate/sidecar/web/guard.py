"""Who is answered: as in goprobe, a token compared in constant time, or loopback under a name that says so."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import ipaddress
import json
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import ASGIApp, Receive, Scope, Send

OPEN = ("/healthz",)
"""What is answered to everybody: it says whether the sidecar works, and nothing of any service."""

OURS = (b"same-origin", b"none")
"""Sec-Fetch-Site of what the page itself asks for, and of what a person does (w3c/webappsec-fetch-metadata)."""

MAX_QUERY = 8192
MAX_PATH = 2048

# The page brings all it needs along; should an escape ever be missing, nothing it smuggles in would run or be fetched.
HEADERS = [
    (
        b"content-security-policy",
        b"default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-store"),
    (b"cross-origin-resource-policy", b"same-origin"),
]


_SELF = b"form-action 'none'", b"form-action 'self'"

ACTION = re.compile(r"/v1/services/[^/]+/rollback")
"""What changes something. It is asked for with a token of its own, and by no other."""

FORM = re.compile(r"/services/[^/]+/rollback")
"""The one page with a form, which it sends to itself."""


class Guard:
    """ASGI middleware around everything that is served. `actions` gives the token of what changes something; "" where nothing may."""

    def __init__(self, app: ASGIApp, token: Callable[[], str], actions: Callable[[], str] = lambda: "") -> None:
        self._app = app
        self._token = token
        self._actions = actions

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or refuse without having read anything."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        refused = self._refusal(scope)
        if refused is not None:
            await _refuse(send, *refused)
            return

        async def with_headers(message: dict[str, object]) -> None:
            if message["type"] == "http.response.start":
                form = FORM.fullmatch(scope["path"]) is not None
                own = [(name, value.replace(*_SELF)) for name, value in HEADERS] if form else HEADERS
                message["headers"] = [*message["headers"], *own]  # type: ignore[misc]
            await send(message)

        await self._app(scope, receive, with_headers)  # type: ignore[arg-type]

    def _refusal(self, scope: Scope) -> tuple[int, str, str] | None:  # noqa: PLR0911 - one question after the other
        headers: list[tuple[bytes, bytes]] = scope["headers"]
        if len(scope.get("query_string", b"")) > MAX_QUERY or len(scope.get("raw_path") or b"") > MAX_PATH:
            return 414, "too_long", "the path or the query is too long"
        if scope["path"] in OPEN:
            return None
        # A browser says where the page is from that asks, with the password that it knows: each verdict is work and a record.
        # The same host on another port, which may be a service that is watched, is the same site and not the same origin.
        sites = [value for name, value in headers if name == b"sec-fetch-site"]
        if scope["path"].startswith("/v1/") and any(site not in OURS for site in sites):
            return 403, "forbidden", "a page from elsewhere asks for nothing here"
        if ACTION.fullmatch(scope["path"]) and scope["method"] == "POST":
            return self._action_refusal(headers)
        token = self._token()
        if token:
            given = _given([value for name, value in headers if name == b"authorization"])
            return None if same(given, token) else (401, "unauthorized", "the token is missing or wrong")
        # A web page can make a browser ask this address under a name of its own.
        if not all(_is_local(value) for name, value in headers if name == b"host"):
            return 403, "forbidden", "without a token the host has to be localhost or a loopback address"
        return None

    def _action_refusal(self, headers: list[tuple[bytes, bytes]]) -> tuple[int, str, str] | None:
        token = self._actions()
        if not token:
            return 403, "actions_off", "this sidecar only looks on: it has no [sidecar.actions]"
        if not same(_given([value for name, value in headers if name == b"authorization"]), token):
            return 401, "unauthorized", "the token of sidecar.actions is missing or wrong"
        return None


def same(given: bytes, token: str) -> bool:
    """Whether `given` is the token; how long it takes says nothing."""
    return hmac.compare_digest(_digest(given), _digest(token.encode("ascii"))) and bool(given)


def _given(values: list[bytes]) -> bytes:
    """The token of an Authorization header: Bearer, or the password of Basic, which is what a browser can send."""
    if len(values) != 1:
        return b""
    scheme, _, rest = values[0].partition(b" ")
    if scheme.lower() == b"bearer":
        return rest.strip()
    if scheme.lower() == b"basic":
        try:
            return base64.b64decode(rest.strip(), validate=True).partition(b":")[2]
        except (binascii.Error, ValueError):
            return b""
    return b""


def _digest(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def _is_local(host: bytes) -> bool:
    text = host.decode("latin-1")
    name = text[1 : text.find("]")] if text.startswith("[") else text.rpartition(":")[0] or text
    if name.lower() in ("localhost", ""):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


async def _refuse(send: Send, status: int, code: str, message: str) -> None:
    body = json.dumps({"schema_version": "1", "error": {"code": code, "message": message, "hint": ""}}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode()), *HEADERS]
    if status == 401:
        headers.append((b"www-authenticate", b'Basic realm="hotgate", charset="UTF-8"'))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
