"""The API: what is known of the services, and verdicts that deployments obey."""

from __future__ import annotations

import asyncio
import json
import math
import time
from functools import wraps
from typing import TYPE_CHECKING, Any

from msgspec import to_builtins
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from gate.report.formats.json import render, to_dict
from gate.sidecar.metrics import CONTENT_TYPE
from gate.sidecar.verdicts.judge import Unanswerable, reasons
from gate.sidecar.web import openapi
from gate.store.errors import StoreError
from gate.watch.canary import decide
from gate.watch.canary import shape as canary_shape
from gate.watch.outcome import AHEAD
from probes.live.goprobe import wire

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request

    from gate.sidecar.app import Sidecar
    from gate.sidecar.state.board import Entry
    from gate.sidecar.verdicts.judge import Answer

    Handler = Callable[[Request], Awaitable[Response]]

SCHEMA_VERSION = "1"
MAX_BODY = 64 << 10
BODY_SECONDS = 10.0

# Flagger and other webhooks go by the status: everything but 2xx stops them, and what stopped them can be told apart.
STATUS = {"pass": 200, "block": 409, "inconclusive": 424}
ENDED = {0: 200, 10: 409, 11: 424, 12: 409}
"""Exit code of `hotgate rollback` -> status. Blocked and taken back are told apart by `ending`: neither release was left half-way."""


def routes(sidecar: Sidecar) -> list[Route]:
    """All paths below `/v1`, and those for machines beside it."""
    own = _Api(sidecar)
    return [
        Route("/healthz", _safely(own.health), methods=["GET"]),
        Route("/metrics", _safely(own.metrics), methods=["GET"]),
        Route("/openapi.json", _safely(own.openapi), methods=["GET"]),
        Route("/v1/fleet", _safely(own.fleet), methods=["GET"]),
        Route("/v1/services", _safely(own.services), methods=["GET"]),
        Route("/v1/services/{name}", _safely(own.service), methods=["GET"]),
        Route("/v1/services/{name}/verdict", _safely(own.report), methods=["GET"]),
        Route("/v1/services/{name}/watch", _safely(own.watch), methods=["GET"]),
        Route("/v1/services/{name}/releases", _safely(own.releases), methods=["GET"]),
        Route("/v1/services/{name}/rollback", _safely(own.roll_back), methods=["POST"]),
        Route("/v1/services/{name}/canary", _safely(own.canary), methods=["POST"]),
        Route("/v1/verdict", _safely(own.metric), methods=["GET"]),
        Route("/v1/verdict", _safely(own.hook), methods=["POST"]),
        Route("/v1/rollback", _safely(own.rollback), methods=["POST"]),
    ]


def error(status: int, code: str, message: str, hint: str = "") -> JSONResponse:
    """The one shape of every error."""
    headers = {"Retry-After": "5"} if status in (429, 503) else None
    shape = {"schema_version": SCHEMA_VERSION, "error": {"code": code, "message": message, "hint": hint}}
    return JSONResponse(to_dict(shape), status, headers=headers)


def _safely(handler: Handler) -> Handler:
    @wraps(handler)
    async def answer(request: Request) -> Response:
        try:
            return await handler(request)
        except Unanswerable as exc:
            return error(exc.status, exc.code, str(exc), exc.hint)
        except StoreError as exc:
            # Not acknowledged, so not given: a client that obeys a verdict must be able to show it later.
            return error(503, "store", str(exc), exc.hint)

    return answer


class _Api:
    def __init__(self, sidecar: Sidecar) -> None:
        self._sidecar = sidecar

    async def health(self, request: Request) -> Response:
        del request
        problem = bool(self._sidecar.recorder.problem)
        shape = {"schema_version": SCHEMA_VERSION, "status": "store" if problem else "ok"}
        return JSONResponse(shape, 503 if problem else 200)

    async def metrics(self, request: Request) -> Response:
        del request
        return Response(self._sidecar.metrics.text(), headers={"content-type": CONTENT_TYPE})

    async def openapi(self, request: Request) -> Response:
        del request
        return JSONResponse(openapi.document())

    async def fleet(self, request: Request) -> Response:
        del request
        looked = self._sidecar.fleet.latest()
        from gate.fleet.status.drift import shape

        seen_at = _iso(looked.at)
        found = await asyncio.to_thread(shape, looked.plan, looked.status)
        return JSONResponse(to_dict(found | {"seen_at": seen_at, "problem": self._sidecar.fleet.problem}))

    async def services(self, request: Request) -> Response:
        del request
        now = time.time()
        entries = sorted(self._sidecar.board.entries.items())
        rows = [service_shape(name, entry, now) for name, entry in entries]
        return JSONResponse(to_dict({"schema_version": SCHEMA_VERSION, "services": rows}))

    async def service(self, request: Request) -> Response:
        entry = self._entry(request.path_params["name"])
        shape = service_shape(entry.config.name, entry, time.time())
        shape["strip"] = list(entry.strip)
        shape["standing"] = None if entry.standing is None else to_dict(entry.standing)
        return JSONResponse(to_dict({"schema_version": SCHEMA_VERSION, "service": shape}))

    async def report(self, request: Request) -> Response:
        entry = self._entry(request.path_params["name"])
        answer = await self._sidecar.judge.answer(entry.config, request.query_params.get("new", ""))
        headers = {"X-Hotgate-Audit": f"{answer.record.seq}:{answer.record.hash}"}
        return Response(render(answer.report), media_type="application/json", headers=headers)

    async def metric(self, request: Request) -> Response:
        """For readers of a web metric: always 200, and the verdict in the body."""
        name = request.query_params.get("service", "")
        answer = await self._sidecar.judge.answer(self._entry(name).config, request.query_params.get("new", ""))
        return JSONResponse(verdict_shape(answer))

    async def hook(self, request: Request) -> Response:
        """For webhooks: the status is the verdict."""
        name, new = _wanted(await _body(request))
        answer = await self._sidecar.judge.answer(self._entry(name).config, new)
        return JSONResponse(verdict_shape(answer), STATUS[answer.report.verdict])

    async def watch(self, request: Request) -> Response:
        entry = self._entry(request.path_params["name"])
        since = _since(request.query_params.get("since"))
        return JSONResponse(to_dict(await self._sidecar.watching.state(entry, since)))

    async def canary(self, request: Request) -> Response:
        """For goprobe's URLJudge: it sends how its canary stands, and obeys the decision. Nothing is kept of it but its end."""
        entry = self._entry(request.path_params["name"])
        try:
            now = wire.read(await _raw(request), wire.CanaryStatus)
        except wire.NotThat as exc:
            raise Unanswerable(400, "bad_request", f"not the status of a canary: {exc}") from exc
        decision, reason, rulings = decide(now, entry.config.canary)
        rules = [{"name": r.rule, "fires": r.fires, "said": r.said, "chance": r.chance} for r in rulings]
        shape = {"schema_version": SCHEMA_VERSION, "service": entry.config.name}
        return JSONResponse(to_dict({**shape, "decision": decision, "reason": reason, "rules": rules}))

    async def rollback(self, request: Request) -> Response:
        """For Flagger's rollback hook, which rolls back on 2xx."""
        body = await _body(request)
        shape = await self._sidecar.watching.state(self._entry(_wanted(body)[0]), _since(_one(body, "since")))
        return JSONResponse(to_dict(shape), 200 if shape["state"] == "rollback" else 409)

    async def releases(self, request: Request) -> Response:
        name = request.path_params["name"]
        self._entry(name)
        found = await self._sidecar.releases.look(name)
        return JSONResponse(to_dict({"schema_version": SCHEMA_VERSION, "releases": to_builtins(found)}))

    async def roll_back(self, request: Request) -> Response:
        """Run `hotgate rollback`; the status is what it ended in."""
        name = request.path_params["name"]
        self._entry(name)
        body = await _body(request)
        force, reason = body.get("force", False), body.get("reason", "")
        if not isinstance(force, bool) or not isinstance(reason, str):
            raise Unanswerable(400, "bad_request", "reason has to be a text, and force true or false")
        client = "" if request.client is None else request.client.host
        found = await self._sidecar.actions.rollback(name, f"API, {client}", reason, force=force)
        return JSONResponse(to_dict(found), ENDED.get(found["exit_code"], 422))

    def _entry(self, name: str) -> Entry:
        if not name:
            raise Unanswerable(400, "no_service", "which service?", hint="name it: service=NAME, or metadata.service")
        entry = self._sidecar.board.entries.get(name)
        if entry is None:
            raise Unanswerable(404, "no_service", f"no such service: {name[:200]}", hint="GET /v1/services lists them")
        return entry


def service_shape(name: str, entry: Entry, now: float) -> dict[str, Any]:
    """One service, as the API gives it."""
    good, last = entry.good, entry.last
    return {
        "name": name,
        "url": entry.config.url,
        "state": "waiting" if last is None else last.state,
        "error": "" if last is None else last.error,
        "stale": entry.is_stale(now),
        "failures": entry.failures,
        "seen_at": None if good is None else _iso(good.due_ms / 1000),
        "updated_at": _iso(entry.updated_at) if entry.updated_at else None,
        "source": None if good is None else good.source,
        "epoch": None if good is None else good.epoch,
        "generation": None if good is None else good.generation,
        "health": None if good is None else good.health,
        "coverage": None if good is None else good.coverage,
        "continuity": None if good is None else good.continuity,
        "goroutines": None if good is None else good.goroutines,
        "in_flight": None if good is None else good.in_flight,
        "connections": None if good is None else good.connections,
        "connections_kept": None if good is None else good.connections_kept,
        "standing_verdict": entry.standing_verdict(now),
        "standing_at": _iso(entry.standing_at) if entry.standing is not None else None,
        "rehearsed": None if entry.rehearsed is None else entry.rehearsed.verdict,
        "rehearsed_at": None if entry.rehearsed is None else _iso(entry.rehearsed.at_ms / 1000),
        "canary": None if entry.canary is None else canary_shape(name, entry.canary),
    }


def verdict_shape(answer: Answer) -> dict[str, Any]:
    """A verdict for a client that obeys it."""
    report = answer.report
    shape = {
        "schema_version": SCHEMA_VERSION,
        "service": answer.service,
        "verdict": report.verdict,
        "pass": report.verdict == "pass",
        "exit_code": report.exit_code,
        "reasons": reasons(report),
        "created_at": report.created_at,
        "audit": f"{answer.record.seq}:{answer.record.hash}",
    }
    out: dict[str, Any] = to_dict(shape)
    return out


def _iso(moment: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(moment))


async def _raw(request: Request) -> bytes:
    """The body.

    Raises:
        Unanswerable: there is none, or not in time. Only JSON is taken: a page of another site cannot send that unasked.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise Unanswerable(415, "not_json", "the body has to be application/json")
    raw = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for piece in request.stream():
                raw += piece
                if len(raw) > MAX_BODY:
                    raise Unanswerable(413, "too_large", "the body is larger than 64 KiB")
    except TimeoutError as exc:
        raise Unanswerable(408, "too_slow", f"the body took longer than {BODY_SECONDS:.0f} s") from exc
    return bytes(raw)


async def _body(request: Request) -> dict[str, Any]:
    """The JSON object in the body.

    Raises:
        Unanswerable: as for `_raw`, or it is none.
    """
    raw = await _raw(request)
    try:
        body = json.loads(raw)
    except (ValueError, RecursionError) as exc:
        raise Unanswerable(400, "not_json", "the body is not JSON") from exc
    if not isinstance(body, dict):
        raise Unanswerable(400, "not_json", "the body is not a JSON object")
    return body


def _wanted(body: dict[str, Any]) -> tuple[str, str]:
    """The service and NEW of a webhook's body: `metadata` has them in Flagger's, and `name` is the canary's."""
    name, new = _one(body, "service") or body.get("name") or "", _one(body, "new") or ""
    if not isinstance(name, str) or not isinstance(new, str):
        raise Unanswerable(400, "bad_request", "service and new have to be texts")
    return name, new


def _one(body: dict[str, Any], key: str) -> Any:
    """What the metadata of a webhook's body has, or the body itself."""
    metadata = body.get("metadata")
    return (metadata.get(key) if isinstance(metadata, dict) else None) or body.get(key)


def _since(value: Any) -> float | None:
    """Seconds since 1970, as a number or a text; None and "" for nothing said."""
    if value in (None, ""):
        return None
    try:
        since = float(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else math.nan
    except (ValueError, OverflowError):
        since = math.nan
    if not 0 <= since <= time.time() + AHEAD:
        hint = "seconds since 1970, such as `date +%s` from before the update"
        raise Unanswerable(400, "bad_request", "since is no time of an update", hint=hint)
    return since
