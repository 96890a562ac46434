"""The shapes of what the API answers and takes, as JSON Schema; those of reports come with the report."""

from __future__ import annotations

from typing import Any

TEXT: dict[str, Any] = {"type": "string"}
MAYBE_TEXT: dict[str, Any] = {"type": ["string", "null"]}
MAYBE_NUMBER: dict[str, Any] = {"type": ["number", "null"]}
MAYBE_INT: dict[str, Any] = {"type": ["integer", "null"]}
FLAG: dict[str, Any] = {"type": "boolean"}
_VERDICT = {"type": "string", "enum": ["pass", "block", "inconclusive"]}
_STATE = {"type": "string", "enum": ["waiting", "ok", "partial", "unreachable", "refused", "garbage"]}


def shape(**properties: Any) -> dict[str, Any]:
    """An object with these properties, each of which is always there."""
    return {"type": "object", "properties": properties, "required": list(properties)}


_RULINGS = {
    "type": "array",
    "items": shape(name=TEXT, fires={"type": ["boolean", "null"]}, said=TEXT, chance=MAYBE_NUMBER),
}
"""What rules of a watch or of a canary say."""
_CANARY_SIDE = {
    name: {"type": "integer", "minimum": 0}
    for name in ("connections", "requests", "failed", "under_way", "timed", "slow", "p50_ns", "p99_ns")
}

SCHEMAS: dict[str, Any] = {
    "Error": shape(schema_version=TEXT, error=shape(code=TEXT, message=TEXT, hint=TEXT)),
    "Health": shape(schema_version=TEXT, status={"type": "string", "enum": ["ok", "store"]}),
    "Service": shape(
        name=TEXT,
        url=TEXT,
        state=_STATE,
        error=TEXT,
        stale=FLAG,
        failures={"type": "integer"},
        seen_at=MAYBE_TEXT,
        updated_at=MAYBE_TEXT,
        source=MAYBE_TEXT,
        epoch=MAYBE_TEXT,
        generation=MAYBE_INT,
        health=MAYBE_NUMBER,
        coverage=MAYBE_NUMBER,
        continuity=MAYBE_NUMBER,
        goroutines=MAYBE_INT,
        in_flight=MAYBE_INT,
        connections=MAYBE_INT,
        connections_kept=MAYBE_INT,
        standing_verdict={"type": ["string", "null"], "enum": ["pass", "block", "inconclusive", None]},
        standing_at=MAYBE_TEXT,
        rehearsed={"type": ["string", "null"], "enum": ["pass", "block", "inconclusive", None]},
        rehearsed_at=MAYBE_TEXT,
        canary={"type": ["object", "null"], "description": "How a canary stands, or how the last one ended"},
    ),
    "Verdict": shape(
        schema_version=TEXT,
        service=TEXT,
        verdict=_VERDICT,
        **{"pass": FLAG},
        exit_code={"type": "integer", "enum": [0, 10, 11]},
        reasons={"type": "array", "items": TEXT},
        created_at=TEXT,
        audit=TEXT,
    ),
    "Watch": shape(
        schema_version=TEXT,
        service=TEXT,
        state={"type": "string", "enum": ["idle", "watching", "rollback", "clear", "inconclusive"]},
        exit_code={"type": "integer", "enum": [0, 10, 11]},
        join=MAYBE_TEXT,
        since=MAYBE_TEXT,
        epoch=MAYBE_TEXT,
        said=TEXT,
        rules=_RULINGS,
    ),
    "Releases": shape(
        name=TEXT,
        folder=TEXT,
        current=TEXT,
        previous=TEXT,
        runs=TEXT,
        pid=MAYBE_INT,
        releases={
            "type": "array",
            "items": shape(
                version=TEXT,
                current=FLAG,
                previous=FLAG,
                running=FLAG,
                sha256=TEXT,
                build_id=TEXT,
                size={"type": "integer"},
                installed_at=TEXT,
                verdict=TEXT,
                against=TEXT,
                judged_at=TEXT,
                audit=TEXT,
            ),
        },
        operations={
            "type": "array",
            "items": shape(
                operation=TEXT,
                kind={"type": "string", "enum": ["apply", "rollback"]},
                version=TEXT,
                before=TEXT,
                at=TEXT,
                ending=TEXT,
                said=TEXT,
                hint=TEXT,
                stages={
                    "type": "array",
                    "items": shape(stage=TEXT, at=TEXT, seconds=MAYBE_NUMBER, said=TEXT),
                },
            ),
        },
        problems={"type": "array", "items": TEXT},
        busy=TEXT,
        unfinished=TEXT,
    ),
    "RolledBack": {
        **shape(schema_version=TEXT, name=TEXT, ending=TEXT, said=TEXT, hint=TEXT, exit_code={"type": "integer"}),
        "description": "What `hotgate rollback` ended in, as its last line of JSON has it.",
    },
    "Rollback": {
        "type": "object",
        "properties": {"reason": {"type": "string", "maxLength": 500}, "force": FLAG},
    },
    "CanaryDecision": shape(
        schema_version=TEXT,
        service=TEXT,
        decision={"type": "string", "enum": ["wait", "promote", "end", "undecided"]},
        reason=TEXT,
        rules=_RULINGS,
    ),
    "CanaryStatus": {
        "type": "object",
        "description": "How a canary stands: `canary` of goprobe's status (WIRE.md).",
        "properties": {
            "over": FLAG,
            "share": {"type": "number", "minimum": 0, "maximum": 1},
            "old": shape(**_CANARY_SIDE),
            "new": shape(**_CANARY_SIDE),
        },
    },
    "Fleet": shape(
        schema_version=TEXT,
        release=TEXT,
        state={"type": "string", "enum": ["as planned", "drift", "not known"]},
        exit_code={"type": "integer", "enum": [0, 10, 11]},
        seen_at=TEXT,
        problem=TEXT,
        components={
            "type": "array",
            "items": shape(
                name=TEXT,
                planned=TEXT,
                hosts={"type": "integer"},
                versions={"type": "object", "additionalProperties": {"type": "integer"}},
                differ={"type": "array", "items": shape(host=TEXT, version=MAYBE_TEXT, problem=MAYBE_TEXT)},
                unknown={"type": "array", "items": shape(host=TEXT, version=MAYBE_TEXT, problem=MAYBE_TEXT)},
            ),
        },
        batches={
            "type": "array",
            "items": shape(
                stage={"type": "integer"},
                number={"type": "integer"},
                count={"type": "integer"},
                done={"type": "integer"},
            ),
        },
    ),
    "Hook": {
        "type": "object",
        "description": "Flagger's webhook payload, or {service, new}.",
        "properties": {
            "service": TEXT,
            "new": TEXT,
            "name": TEXT,
            "namespace": TEXT,
            "phase": TEXT,
            "checksum": TEXT,
            "metadata": {"type": "object", "properties": {"service": TEXT, "new": TEXT, "since": TEXT}},
        },
    },
}
