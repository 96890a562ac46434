"""The page behind the rollback button: what would run, a form that has to be filled in, and what came of it.

The form is safe from other sites: it has a value that only this sidecar's page gives, a browser's own word about where it was sent from is
heeded, and the token has to be typed in each time, which no other page knows.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import secrets
import time
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

from starlette.routing import Route

from gate.sidecar.verdicts.judge import Unanswerable
from gate.sidecar.web.guard import same
from gate.sidecar.web.page import renderer
from gate.store.errors import StoreError

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from gate.sidecar.app import Sidecar

MAX_FORM = 8192
FORM_SECONDS = 10.0
HOLDS = 600.0
"""Seconds for which a form can be sent."""


def routes(sidecar: Sidecar) -> list[Route]:
    """The form, and where it is sent to."""
    own = _Form(sidecar)
    return [
        Route("/services/{name}/rollback", own.show, methods=["GET"]),
        Route("/services/{name}/rollback", own.take, methods=["POST"]),
    ]


class _Form:
    def __init__(self, sidecar: Sidecar) -> None:
        self._sidecar = sidecar
        self._render = renderer()
        self._secret = secrets.token_bytes(32)

    async def show(self, request: Request) -> Response:
        """The form."""
        return await self._answer(request.path_params["name"])

    async def take(self, request: Request) -> Response:
        """What was filled in, and the rollback if all of it is right."""
        name = request.path_params["name"]
        try:
            given = await _form(request)
            self._check(request, name, given)
            client = "" if request.client is None else request.client.host
            reason = given.get("reason", "")
            found = await self._sidecar.actions.rollback(name, f"page, {client}", reason, force="force" in given)
        except (Unanswerable, StoreError) as exc:
            return await self._answer(name, getattr(exc, "status", 503), problem=str(exc), hint=exc.hint)
        return await self._answer(name, 200 if found["exit_code"] == 0 else 409, ended=found)

    def _check(self, request: Request, name: str, given: dict[str, str]) -> None:
        """Refuse what was not sent by a person who saw the form and has the token."""
        site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
        elsewhere = origin is not None and urlsplit(origin).netloc != request.headers.get("host", "")
        if elsewhere or site not in (None, "same-origin"):
            raise Unanswerable(403, "forbidden", "a page from elsewhere sends no form here")
        until, _, mark = given.get("form", "").partition(".")
        whole = until.isascii() and until.isdecimal() and len(until) < 20
        if not whole or not hmac.compare_digest(mark.encode(), self._mark(name, until).encode()):
            raise Unanswerable(403, "forbidden", "the form is not one of this page", hint="open it again")
        if int(until) < time.time():
            raise Unanswerable(403, "forbidden", "the form is older than ten minutes", hint="open it again")
        token = self._sidecar.actions.token()
        if not token or not same(given.get("token", "").encode("utf-8", "replace"), token):
            raise Unanswerable(401, "unauthorized", "the token of sidecar.actions is missing or wrong")
        if given.get("confirm", "") != name:
            raise Unanswerable(400, "bad_request", "the name was not typed in as the service has it")

    def _mark(self, name: str, until: str) -> str:
        return hmac.new(self._secret, f"{until} {name}".encode(), hashlib.sha256).hexdigest()

    async def _answer(
        self, name: str, status: int = 200, *, problem: str = "", hint: str = "", ended: dict[str, object] | None = None
    ) -> Response:
        if name not in self._sidecar.board.entries or name not in self._sidecar.config.hosts:
            return self._render("missing.html", 404, wanted=name[:200], now=time.time())
        found = None
        try:
            found = await self._sidecar.releases.look(name)
        except Unanswerable as exc:
            problem = problem or str(exc)
        until = str(int(time.time() + HOLDS))
        return self._render(
            "rollback.html",
            status,
            name=name,
            found=found,
            form=f"{until}.{self._mark(name, until)}",
            allowed=bool(self._sidecar.actions.token()),
            problem=problem,
            hint=hint,
            ended=ended,
            now=time.time(),
        )


async def _form(request: Request) -> dict[str, str]:
    """The fields of the form."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        raise Unanswerable(415, "no_form", "the body has to be a form")
    raw = bytearray()
    try:
        async with asyncio.timeout(FORM_SECONDS):
            async for piece in request.stream():
                raw += piece
                if len(raw) > MAX_FORM:
                    raise Unanswerable(413, "too_large", "the form is too large")
    except TimeoutError as exc:
        raise Unanswerable(408, "too_slow", "the form did not come in time") from exc
    try:
        return {key: values[0] for key, values in parse_qs(raw.decode("ascii"), max_num_fields=20).items()}
    except ValueError as exc:
        raise Unanswerable(400, "no_form", "the body is no form") from exc
