"""The JSON Schema of `release.yaml`, derived from its tables; `schema.json` is its shipped copy."""

from __future__ import annotations

from importlib import resources
from typing import Any

TITLE = "hotgate release plan"
DIALECT = "https://json-schema.org/draft/2020-12/schema"


def shipped() -> str:
    """The text of `schema.json`."""
    return resources.files("gate.fleet.release").joinpath("schema.json").read_text("utf-8")


def generate() -> dict[str, Any]:
    """The schema (JSON Schema 2020-12) of a plan as editors see it: a version or a batch may be written as a number."""
    from gate.fleet.release.tables import Release

    schema = Release.model_json_schema(by_alias=True, mode="validation")
    definitions: dict[str, Any] = schema["$defs"]
    for table in (schema, *definitions.values()):
        table["description"] = " ".join(table.get("description", "").split())
        for prop in table["properties"].values():
            prop.pop("title", None)
    _also_number(definitions["Component"]["properties"]["version"])
    _also_number(schema["properties"]["batches"]["items"])
    schema.pop("title", None)
    return {"$schema": DIALECT, "title": TITLE, **schema}


def _also_number(prop: dict[str, Any]) -> None:
    prop["type"] = ["string", "number"]
