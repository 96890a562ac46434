"""The part of SARIF 2.1.0 that we write, as a JSON Schema that allows nothing else.

Written from the standard's sections 3.13 to 3.58; `test_sarif_schema.py` holds reports against the official schema
as well.
"""

from __future__ import annotations

from typing import Any

STRING = {"type": "string"}
TEXT = {"type": "string", "minLength": 1}
INDEX = {"type": "integer", "minimum": 0}
LEVEL = {"enum": ["none", "note", "warning", "error"]}
URI = {"type": "string", "pattern": r"^[A-Za-z0-9%/._~@+:-]*$"}
BAG = {"type": "object"}


def closed(required: str, **properties: Any) -> dict[str, Any]:
    """An object with these properties and no others; `required` names those that must be there."""
    return {"type": "object", "properties": properties, "required": required.split(), "additionalProperties": False}


def several(item: Any, **more: Any) -> dict[str, Any]:
    return {"type": "array", "items": item, **more}


MESSAGE = closed("text", text=TEXT)
MARKUP = closed("text", text=TEXT, markdown=TEXT)
ARTIFACT_LOCATION = closed("uri", uri=URI, index=INDEX)
PHYSICAL = closed(
    "artifactLocation",
    artifactLocation=ARTIFACT_LOCATION,
    region=closed("startLine", startLine={"type": "integer", "minimum": 1}),
)
LOCATION = closed(
    "physicalLocation logicalLocations",
    physicalLocation=PHYSICAL,
    logicalLocations=several(closed("fullyQualifiedName", fullyQualifiedName=STRING, kind={"const": "function"})),
)
RULE = closed(
    "id shortDescription",
    id={"type": "string", "pattern": "^HG[1-9][0-9]{2}$"},
    name={"type": "string", "pattern": "^[A-Z][A-Za-z0-9]+$"},
    shortDescription=MESSAGE,
    fullDescription=MESSAGE,
    help=MARKUP,
    defaultConfiguration=closed("level", level=LEVEL),
    properties=closed("tags inconclusive", tags=several(TEXT, uniqueItems=True), inconclusive={"type": "boolean"}),
)
NOTIFICATION = closed(
    "level message",
    level=LEVEL,
    message=MESSAGE,
    descriptor=closed("id", id=TEXT),
    associatedRule=closed("id", id=TEXT),
)
INVOCATION = closed(
    "executionSuccessful exitCode exitCodeDescription endTimeUtc",
    executionSuccessful={"type": "boolean"},
    exitCode={"enum": [0, 10, 11]},
    exitCodeDescription=TEXT,
    endTimeUtc={"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$"},
    toolExecutionNotifications=several(NOTIFICATION),
    toolConfigurationNotifications=several(NOTIFICATION),
)
ARTIFACT = closed(
    "location length roles hashes",
    location=ARTIFACT_LOCATION,
    description=MESSAGE,
    length={"type": "integer", "minimum": -1},
    roles=several({"const": "analysisTarget"}),
    hashes=closed("sha-256", **{"sha-256": {"type": "string", "pattern": "^[0-9a-f]{64}$"}}),
)
RESULT = closed(
    "ruleId ruleIndex level message locations partialFingerprints suppressions",
    ruleId=TEXT,
    ruleIndex=INDEX,
    level=LEVEL,
    message=MESSAGE,
    locations=several(LOCATION, minItems=1, maxItems=1),
    partialFingerprints=closed("hotgateFinding/v1", **{"hotgateFinding/v1": {"pattern": "^[0-9a-f]{16}$"}}),
    suppressions=several(
        closed("kind", kind={"const": "external"}, status={"const": "accepted"}, justification=STRING)
    ),
    properties=BAG,
    baselineState={"enum": ["new", "unchanged", "absent"]},
)
DRIVER = closed(
    "name rules", name=TEXT, semanticVersion=TEXT, shortDescription=MESSAGE, rules=several(RULE, uniqueItems=True)
)
RUN = closed(
    "tool invocations artifacts results",
    tool=closed("driver", driver=DRIVER),
    automationDetails=closed("id", id=TEXT),
    invocations=several(INVOCATION, minItems=1, maxItems=1),
    artifacts=several(ARTIFACT, minItems=2, maxItems=2),
    results=several(RESULT),
    properties=BAG,
)
SHAPE = closed(
    "$schema version runs",
    **{"$schema": {"type": "string", "format": "uri"}, "version": {"const": "2.1.0"}, "runs": several(RUN, minItems=1)},
)
