"""A bounded HTTP client for services that may be slow, broken or hostile.

Every request has one deadline from the first to the last byte, so that a server which sends a byte a second is given up
like one that sends none. Bodies are read raw and capped, never decompressed here. Redirects are followed only within
the same origin, so that a token never reaches another host, and proxies of the environment are not used.
"""

from __future__ import annotations

import asyncio
import os
import re
import ssl
import time
from types import TracebackType
from typing import Self, TypeVar

from msgspec import Struct

from probes.errors import ProbeError
from probes.live.goprobe import wire
from probes.live.plain_httpx import httpx
from probes.live.transport import Transport
from probes.live.trust import trusted

A = TypeVar("A", bound=wire.Answer)

MAX_JSON = 8 << 20
MAX_PROFILE = 64 << 20
"""Of a profile, as it is sent and once decompressed. 100,000 goroutines whose stacks are all different and 128 deep have 25 MB."""
MAX_REDIRECTS = 3
CONNECT_SECONDS = 5.0
REQUEST_SECONDS = 10.0
RETRY_PAUSE = 0.2
MAX_RETRY_AFTER = 5.0
MAX_QUOTED = 120
_BLANK = re.compile(r"[\s\x00-\x20\x7f]")
TLS_HINT = "set SSL_CERT_FILE to the file of the authority that signed it"


class Unreachable(ProbeError):
    """There is no answer, or none in time."""


class BadAnswer(ProbeError):
    """There is an answer, and it is not what was asked for."""


class Refused(BadAnswer):
    """The service answered with an error."""

    def __init__(self, what: str, *, status: int, subject: str, body: str = "", hint: str = "") -> None:
        super().__init__(what, subject=subject, hint=hint)
        self.status = status
        self.body = body


class Response(Struct, frozen=True):
    """One answer: its status, its headers with lower-case names, and its body."""

    url: str
    status: int
    headers: dict[str, str]
    body: bytes

    def text(self) -> str:
        """The body as text; bytes that are none become U+FFFD."""
        return self.body.decode("utf-8", "replace")


class Limits(Struct, frozen=True):
    """How large answers may be that a client reads, in bytes: JSON, and profiles, as they are sent and once decompressed."""

    json: int = MAX_JSON
    profile: int = MAX_PROFILE


ORDINARY = Limits()


class Client:
    """Asks one service. Use it as an asynchronous context manager."""

    def __init__(
        self, base: str, *, token: str = "", seconds: float = REQUEST_SECONDS, limits: Limits = ORDINARY
    ) -> None:
        """`base` is the service's URL, with or without the path of its probe; `seconds` is the time for one request.

        Raises:
            BadAnswer: it is no http or https URL.
        """
        self.base = base_url(base)
        self._token = token
        self.seconds = seconds
        self.limits = limits
        self._transport = Transport(trusted() if self.base.startswith("https:") else None)
        self._http = httpx.AsyncClient(
            transport=self._transport,
            trust_env=False,
            follow_redirects=False,
            # Each request has a deadline of its own, which may be later than the client's.
            timeout=httpx.Timeout(None, connect=min(CONNECT_SECONDS, seconds)),
            headers={"Accept-Encoding": "identity", "User-Agent": "hotgate"},
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.aclose()

    def rest(self) -> None:
        """Nothing is asked for a while: close the connections, which would be too old by then."""
        self._transport.rest()

    async def get(
        self, path: str, *, limit: int | None = None, seconds: float | None = None, retry: bool = True
    ) -> Response:
        """GET `path`, whatever status it answers with.

        Args:
            path: from the service's root, with its query.
            limit: bytes of the body, when not the client's for JSON.
            seconds: for this request, when not the client's.
            retry: ask again once when the connection breaks, or when the service says when to come back. Not for
                requests that make the service work for a while, such as a profile.

        Raises:
            Unreachable: no connection, or no whole answer in time.
            BadAnswer: too large, or redirected elsewhere.
        """
        deadline = time.monotonic() + (self.seconds if seconds is None else seconds)
        limit = self.limits.json if limit is None else limit
        try:
            response = await self._timed(path, limit, deadline)
        except _Broken as exc:
            if not retry or time.monotonic() + RETRY_PAUSE >= deadline:
                raise Unreachable(exc.what, subject=exc.subject, hint=exc.hint) from exc
            await asyncio.sleep(RETRY_PAUSE)
            return await self._timed(path, limit, deadline)
        pause = _retry_after(response)
        if retry and pause is not None and time.monotonic() + pause < deadline:
            await asyncio.sleep(pause)
            return await self._timed(path, limit, deadline)
        return response

    async def ask(self, path: str, kind: type[A]) -> A:
        """GET one of goprobe's endpoints below `/debug/hotgate/`.

        Raises:
            Unreachable, Refused, BadAnswer: as for `get`; a status other than 200; not the JSON that was asked for.
        """
        response = await self.get(f"/debug/hotgate/{path}")
        if response.status != httpx.codes.OK:
            raise refused(response)
        try:
            return wire.read(response.body, kind)
        except wire.NotThat as exc:
            raise BadAnswer(
                f"not goprobe's answer: {exc.where or 'the answer'}: {exc.what}",
                subject=response.url,
                hint="does goprobe's version match this one's? hotgate understands schema_version 1",
            ) from exc

    async def _timed(self, path: str, limit: int, deadline: float) -> Response:
        url = self.base + path
        try:
            async with asyncio.timeout_at(asyncio.get_running_loop().time() + deadline - time.monotonic()):
                return await self._follow(url, limit)
        except (TimeoutError, httpx.TimeoutException) as exc:
            raise Unreachable(
                "no answer in time", subject=url, hint="is the service stuck, or the network slow?"
            ) from exc
        except httpx.ConnectError as exc:
            reason = _reason(exc)
            hint = TLS_HINT if "certificate" in reason else "does the service listen there?"
            raise Unreachable(f"cannot connect ({reason})", subject=url, hint=hint) from exc
        except (httpx.NetworkError, httpx.RemoteProtocolError) as exc:
            raise _Broken(f"the connection broke ({_reason(exc)})", subject=url) from exc
        except (httpx.HTTPError, httpx.InvalidURL, ssl.SSLError, ValueError) as exc:
            raise BadAnswer(f"cannot be asked ({_reason(exc)})", subject=url) from exc

    async def _follow(self, url: str, limit: int) -> Response:
        for _ in range(MAX_REDIRECTS + 1):
            headers = {"Authorization": f"Bearer {self._token}"} if self._token else {}
            async with self._http.stream("GET", url, headers=headers) as answer:
                location = answer.headers.get("location") if answer.is_redirect else None
                if location is None:
                    return await _read(answer, url, limit)
            target = httpx.URL(url).join(location)
            if _origin(target) != _origin(httpx.URL(url)):
                raise BadAnswer(
                    f"redirects to another host: {target.scheme}://{target.netloc.decode('ascii', 'replace')}",
                    subject=url,
                    hint="name the service itself: a token is not carried to other hosts",
                )
            url = str(target)
        raise BadAnswer("redirects in circles", subject=url)


class _Broken(Unreachable):
    """A connection that was there and broke: the one failure that is worth a second try."""


def base_url(url: str) -> str:
    """The service's root in `url`, which may name its probe: scheme, host, port and whatever comes before `/debug/`.

    A query or a fragment is refused, because it would not be asked for: what it was to change would stay as it is.

    Raises:
        BadAnswer: it is no http or https URL, or has more than those parts.
    """
    try:
        parsed = httpx.URL(url)
        good = parsed.scheme in ("http", "https") and bool(parsed.host) and not parsed.userinfo
        good = good and (parsed.port is None or 0 < parsed.port < 65536) and not _BLANK.search(url)
    except (httpx.InvalidURL, TypeError, ValueError):
        good = False
    # A password has no place in a log, and a token in a query neither.
    shown = _BLANK.sub("…", re.sub(r"[?#].*", "…", re.sub(r"//[^/@]*@", "//…@", url), flags=re.DOTALL))
    if not good:
        raise BadAnswer(
            "not an http or https URL", subject=shown, hint="such as http://127.0.0.1:8080, without a password"
        )
    if "?" in url or "#" in url:
        hint = "name the service only; a token goes into a file, its bearer token"
        raise BadAnswer("the URL of a service has no query and no fragment", subject=shown, hint=hint)
    path = parsed.raw_path.decode("ascii")  # as it is written: what comes out is a URL again, and the same one
    for probe in ("/debug/hotgate", "/debug/pprof", "/debug/vars"):
        path = path.partition(probe)[0]
    return f"{parsed.scheme}://{parsed.netloc.decode('ascii')}{path.rstrip('/')}"


def refused(response: Response) -> Refused:
    """The error that a response other than 200 stands for."""
    text = response.text()
    try:
        error = _error(response.body)
    except wire.NotThat:
        said = " ".join(text.split())[:MAX_QUOTED]
        what = f"HTTP {response.status}: {said}" if said and "<" not in said else f"HTTP {response.status}"
        return Refused(what, status=response.status, subject=response.url, body=text)
    hint = "pass --token-file FILE with the service's token" if error.code == "unauthorized" else error.hint
    return Refused(error.message, status=response.status, subject=response.url, body=text, hint=hint)


def _error(body: bytes) -> wire.ErrorBody:
    if not body.lstrip().startswith(b"{"):
        raise wire.NotThat("", "no object")  # a plain service's words, which need no second look
    return wire.read(body, wire.ErrorAnswer).error


async def _read(answer: httpx.Response, url: str, limit: int) -> Response:
    encoding = answer.headers.get("content-encoding", "identity")
    if encoding != "identity":
        raise BadAnswer(f"sent as {encoding[:MAX_QUOTED]!r}, which was not asked for", subject=url)
    body = bytearray()
    async for piece in answer.aiter_raw():
        body += piece
        if len(body) > limit:
            raise BadAnswer(f"larger than {limit >> 20} MB", subject=url)
    headers = {name.lower(): value for name, value in answer.headers.items()}
    return Response(url, answer.status_code, headers, bytes(body))


def _retry_after(response: Response) -> float | None:
    if response.status not in (httpx.codes.TOO_MANY_REQUESTS, httpx.codes.SERVICE_UNAVAILABLE):
        return None
    try:
        pause = float(response.headers.get("retry-after", ""))
    except ValueError:
        return None
    return pause if 0 <= pause <= MAX_RETRY_AFTER else None


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port


def _reason(exc: Exception) -> str:
    """The innermost reason in a few words."""
    cause: BaseException = exc
    while cause.__cause__ is not None or cause.__context__ is not None:
        cause = cause.__cause__ or cause.__context__ or cause
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"certificate not trusted: {cause.verify_message}"
        if isinstance(cause, ssl.SSLError):
            return f"TLS: {(cause.reason or 'failed').lower().replace('_', ' ')}"
        if isinstance(cause, OSError) and cause.errno:
            return os.strerror(cause.errno) if cause.errno > 0 else str(cause.strerror)
    return (str(exc) or type(exc).__name__)[:MAX_QUOTED]
