"""The JSON Schema of the report, derived from the report model; `schema.json` is its shipped copy."""

from __future__ import annotations

from importlib import resources
from inspect import cleandoc
from typing import Any

TITLE = "hotgate report"
DIALECT = "https://json-schema.org/draft/2020-12/schema"
NULL = {"type": "null"}


def shipped() -> str:
    """The text of `schema.json`."""
    return resources.files("gate.report.models").joinpath("schema.json").read_text("utf-8")


def generate() -> dict[str, Any]:
    """The schema (JSON Schema 2020-12) of `gate.report.models.report.Report`."""
    from msgspec.json import schema as described

    from gate.report.models.report import Report

    definitions = described(Report)["$defs"]
    for table in definitions.values():
        table["description"] = cleandoc(table["description"])
        table["required"] = [name for name, prop in table["properties"].items() if prop.get("default", "") is not None]
        for prop in table["properties"].values():
            absent = prop.pop("default", "") is None  # a section: absent, never null
            if "anyOf" in prop:  # msgspec before 0.22 has null first where another record may be
                kinds = [kind for kind in prop.pop("anyOf") if kind != NULL]
                prop.update(kinds[0] if absent else {"anyOf": [*kinds, NULL]})
    schema = {**definitions.pop("Report"), "$defs": definitions}
    schema["$defs"]["RuleItem"]["properties"]["rule"]["pattern"] = "^HG[1-9][0-9]{2}$"
    schema["properties"]["exit_code"] = {"enum": [0, 10, 11]}
    for name in ("FindingItem", "FixedItem"):
        finding = schema["$defs"][name]["properties"]
        finding["rule"]["pattern"] = "^HG[1-9][0-9]{2}$"
        finding["fingerprint"]["pattern"] = "^[0-9a-f]{16}$"
    schema["$defs"]["BinaryInfo"]["properties"]["sha256"]["pattern"] = "^[0-9a-f]{64}$"
    schema["title"] = TITLE
    return {"$schema": DIALECT, **schema}
