"""The OpenAPI document: what is served, and in which shape."""

from __future__ import annotations

from functools import cache
from typing import Any

from gate import __version__
from gate.report.models.schema import generate
from gate.sidecar.web.schemas import SCHEMAS, TEXT, shape

_NAME = {"name": "name", "in": "path", "required": True, "schema": {"type": "string", "minLength": 1, "maxLength": 128}}
_NEW = {
    "name": "new",
    "in": "query",
    "required": False,
    "description": "The file to update to, below one of sidecar.releases; without it: could it be updated now?",
    "schema": {"type": "string", "maxLength": 4096},
}
_SINCE = {
    "name": "since",
    "in": "query",
    "required": False,
    "description": "When the update was begun, in seconds since 1970: what an earlier one ended in is no answer",
    "schema": {"type": "number", "minimum": 0},
}
_SERVICE = {
    "name": "service",
    "in": "query",
    "required": True,
    "schema": {"type": "string", "minLength": 1, "maxLength": 128},
}


def _ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


def _json(description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def _answers(good: dict[str, Any], **more: dict[str, Any]) -> dict[str, Any]:
    errors = {
        "400": "not what is asked here",
        "401": "the token is missing or wrong",
        "403": "a foreign host name without a token, or NEW is no release",
        "404": "no such service",
        "414": "the path or the query is too long",
    }
    found = {"200": good} | {status: _json(said, _ref("Error")) for status, said in errors.items()}
    return found | {name.removeprefix("_"): shape for name, shape in more.items()}


_ASKED = {
    "_422": _json("the comparison could not be made", _ref("Error")),
    "_429": _json("too many verdicts are being asked for", _ref("Error")),
    "_503": _json("the verdict could not be kept, so it is not given", _ref("Error")),
}
_BODY = {
    "_408": _json("the body did not come in time", _ref("Error")),
    "_413": _json("the body is larger than 64 KiB", _ref("Error")),
    "_415": _json("the body is not JSON", _ref("Error")),
}


def _get(summary: str, answers: dict[str, Any], *parameters: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"get": {"summary": summary, "parameters": list(parameters), "responses": answers, **more}}


@cache
def document() -> dict[str, Any]:
    """The document, OpenAPI 3.1."""
    report = {key: value for key, value in generate().items() if key not in ("$id", "$schema")}
    definitions = report.pop("$defs", {})
    schemas = SCHEMAS | _moved({"Report": report} | definitions)
    services = shape(schema_version=TEXT, services={"type": "array", "items": _ref("Service")})
    one = shape(schema_version=TEXT, service=_ref("Service"))
    metrics = {"description": "exposition format 0.0.4", "content": {"text/plain": {"schema": TEXT}}}
    hook = {"required": True, "content": {"application/json": {"schema": _ref("Hook")}}}
    blocked = {"_409": _json("block", _ref("Verdict")), "_424": _json("inconclusive", _ref("Verdict"))}
    verdict = _json("the verdict, whatever it is", _ref("Verdict"))
    watch = _json("what the watch says", _ref("Watch"))
    health = {"200": _json("it works", _ref("Health")), "503": _json("the store cannot be written", _ref("Health"))}
    health["414"] = _json("the path or the query is too long", _ref("Error"))
    paths = {
        "/healthz": _get("Whether the sidecar works; needs no token", health, security=[{}]),
        "/metrics": _get("Metrics for Prometheus", _answers(metrics)),
        "/openapi.json": _get("This document", _answers(_json("OpenAPI", {"type": "object"}))),
        "/v1/fleet": _get(
            "Versions by component and host, drift from the plan, and how far the batches are; where there is a table [fleet]",
            _answers(
                _json("as it was seen last", _ref("Fleet")), _503=_json("it has not been seen yet", _ref("Error"))
            ),
        ),
        "/v1/services": _get("All services", _answers(_json("by name", services))),
        "/v1/services/{name}": _get("One service", _answers(_json("the service", one)), _NAME),
        "/v1/services/{name}/verdict": _get(
            "The verdict with its whole report", _answers(_json("the report", _ref("Report")), **_ASKED), _NAME, _NEW
        ),
        "/v1/services/{name}/watch": _get(
            "What the rollback watch says of the last update; `idle` where none was seen `since`",
            _answers(watch, _503=_ASKED["_503"]),
            _NAME,
            _SINCE,
        ),
        "/v1/services/{name}/releases": _get(
            "The releases on this host, and what became of the last operations",
            _answers(
                _json("what is there", shape(schema_version=TEXT, releases=_ref("Releases"))),
                _422=_json("it cannot be read", _ref("Error")),
            ),
            _NAME,
        ),
        "/v1/services/{name}/rollback": {
            "post": {
                "summary": "Runs `hotgate rollback`: 200 is done, 409 blocked or taken back, 424 inconclusive. With the token of sidecar.actions",
                "parameters": [_NAME],
                "requestBody": {"required": True, "content": {"application/json": {"schema": _ref("Rollback")}}},
                "responses": _answers(
                    _json("the release before runs", _ref("RolledBack")),
                    _409=_json("blocked, and nothing has changed; or taken back", _ref("RolledBack")),
                    _422=_json("it could not be begun", _ref("Error")),
                    _424=_json("inconclusive", _ref("RolledBack")),
                    _503=_json("it could not be put into the audit log, so it is not done", _ref("Error")),
                    _504=_json("it has not come to its end yet, and goes on", _ref("Error")),
                    **_BODY,
                ),
            },
        },
        "/v1/services/{name}/canary": {
            "post": {
                "summary": "For goprobe's URLJudge: what becomes of a canary that stands like this",
                "parameters": [_NAME],
                "requestBody": {
                    "required": True,
                    "content": {"application/json": {"schema": _ref("CanaryStatus")}},
                },
                "responses": _answers(_json("the decision", _ref("CanaryDecision")), **_BODY),
            },
        },
        "/v1/verdict": {
            **_get(
                "For a web metric: always 200, the verdict in the body", _answers(verdict, **_ASKED), _SERVICE, _NEW
            ),
            "post": {
                "summary": "For webhooks: 200 is pass, 409 block, 424 inconclusive",
                "requestBody": hook,
                "responses": _answers(_json("pass", _ref("Verdict")), **blocked, **_ASKED, **_BODY),
            },
        },
        "/v1/rollback": {
            "post": {
                "summary": "For Flagger's rollback hook: 200 means roll back, 409 does not",
                "requestBody": hook,
                "responses": _answers(
                    _json("roll back", _ref("Watch")),
                    _409=_json("nothing says so", _ref("Watch")),
                    _503=_ASKED["_503"],
                    **_BODY,
                ),
            },
        },
    }
    return {
        "openapi": "3.1.0",
        "info": {"title": "hotgate sidecar", "version": __version__},
        "security": [{"bearer": []}, {"basic": []}],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "basic": {"type": "http", "scheme": "basic", "description": "the token is the password"},
            },
        },
    }


def _moved(value: Any) -> Any:
    """A schema whose definitions are in `components`."""
    if isinstance(value, dict):
        return {
            key: item.replace("#/$defs/", "#/components/schemas/")
            if key == "$ref" and isinstance(item, str)
            else _moved(item)
            for key, item in value.items()
        }
    return [_moved(item) for item in value] if isinstance(value, list) else value
