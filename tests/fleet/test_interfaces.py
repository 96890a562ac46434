"""Breaking changes: each tool really run, its findings under its own names, one verdict."""

from __future__ import annotations

import json
import os
import re
from typing import TYPE_CHECKING, Any

import pytest

from scripts.fetch.fleet_tools import BUF, OASDIFF, SQUAWK, fetch
from scripts.programs.gobuild import BuildFailed
from tests.conftest import missing
from tests.fleet.plans import hotgate, write

if TYPE_CHECKING:
    from pathlib import Path

PROTO = 'syntax = "proto3";\npackage shop.v1;\nmessage Order {{ string id = 1; {kind} cents = 2; }}\n'
OPENAPI = """openapi: 3.0.3
info: {title: shop, version: "1"}
paths:
  /orders:
    get:
      responses: {"200": {description: ok}}
"""
DELETE = """    delete:
      responses: {"204": {description: gone}}
"""


@pytest.fixture
def tools(monkeypatch: pytest.MonkeyPatch) -> None:
    """All three, on PATH."""
    for tool in (BUF, OASDIFF, SQUAWK):
        try:
            fetch(tool)
        except BuildFailed as exc:
            missing(str(exc))
        monkeypatch.setenv("PATH", f"{tool.place.parent}:{os.environ['PATH']}")


def validated(folder: Path, interfaces: dict[str, Any], more: str = "") -> tuple[int, dict[str, Any]]:
    text = f"components:\n  - name: db\n    version: v2\n  - name: api\n    version: v2\n    interfaces: {json.dumps(interfaces)}\n{more}"
    done = hotgate("fleet", "validate", write(folder, text), "--format", "json")
    return done.exit_code, json.loads(done.stdout)


def proto(folder: Path, name: str, kind: str) -> str:
    (folder / name).mkdir()
    write(folder / name, PROTO.format(kind=kind), "orders.proto")
    return name


@pytest.mark.usefixtures("tools")
def test_buf_tells_a_message_that_cannot_be_read_any_more(tmp_path: Path) -> None:
    pair = {"old": proto(tmp_path, "old", "int64"), "new": proto(tmp_path, "new", "string")}
    code, found = validated(tmp_path, {"protobuf": pair})
    (finding,) = found["findings"]
    assert (code, found["verdict"]) == (10, "block")
    assert (finding["tool"], finding["rule"], finding["component"]) == ("buf breaking", "FIELD_SAME_TYPE", "api")
    assert finding["line"] == 3
    code, found = validated(tmp_path, {"protobuf": {"old": "old", "new": "old"}})
    assert (code, found["findings"]) == (0, [])


@pytest.mark.usefixtures("tools")
def test_oasdiff_tells_an_operation_that_is_gone(tmp_path: Path) -> None:
    write(tmp_path, OPENAPI + DELETE, "old.yaml")
    write(tmp_path, OPENAPI, "new.yaml")
    code, found = validated(tmp_path, {"openapi": {"old": "old.yaml", "new": "new.yaml"}})
    (finding,) = found["findings"]
    assert (code, finding["level"]) == (10, "block")
    assert (finding["tool"], finding["rule"]) == ("oasdiff breaking", "api-removed-without-deprecation")
    assert "DELETE /orders" in finding["message"]
    code, found = validated(tmp_path, {"openapi": {"old": "new.yaml", "new": "old.yaml"}})
    assert (code, found["findings"]) == (0, []), "a new operation breaks nobody"


@pytest.mark.usefixtures("tools")
def test_squawk_tells_a_column_that_goes_while_it_is_used_and_lets_a_contraction_drop_it(tmp_path: Path) -> None:
    write(tmp_path, "SET lock_timeout = '1s';\nALTER TABLE orders DROP COLUMN coupon;\n", "m.sql")
    code, found = validated(tmp_path, {"migrations": ["m.sql"]}, "    schema: {phase: expand, of: db}\n")
    assert code == 10
    dropped = next(each for each in found["findings"] if each["rule"] == "ban-drop-column")
    assert (dropped["level"], dropped["tool"], dropped["line"]) == ("block", "squawk", 2)
    assert found["findings"][0] == dropped, "what blocks comes first"
    code, found = validated(tmp_path, {"migrations": ["m.sql"]}, "    schema: {phase: contract, of: db}\n")
    assert (code, found["verdict"]) == (0, "pass")
    assert {each["level"] for each in found["findings"]} == {"info", "warn"}


@pytest.mark.usefixtures("tools")
def test_several_are_merged_to_one_verdict(tmp_path: Path) -> None:
    write(tmp_path, OPENAPI + DELETE, "old.yaml")
    write(tmp_path, OPENAPI, "new.yaml")
    write(tmp_path, "ALTER TABLE orders RENAME COLUMN a TO b;\n", "m.sql")
    pair = {"old": proto(tmp_path, "old", "int64"), "new": proto(tmp_path, "new", "string")}
    everything = {"protobuf": pair, "openapi": {"old": "old.yaml", "new": "new.yaml"}, "migrations": ["m.sql"]}
    code, found = validated(tmp_path, everything)
    assert code == 10
    blocking = {each["tool"] for each in found["findings"] if each["level"] == "block"}
    assert blocking == {"buf breaking", "oasdiff breaking", "squawk"}
    text = hotgate("fleet", "validate", str(tmp_path / "release.yaml")).stdout
    assert "Interfaces: BLOCK" in text
    assert re.search(r"block  api: .*\(squawk: renaming-column, .*m\.sql:1\)", text)


@pytest.mark.usefixtures("tools")
@pytest.mark.parametrize(
    ("interfaces", "said"),
    [
        ({"migrations": ["none.sql"]}, "no such file"),
        ({"migrations": ["bad.sql"]}, "cannot read"),
        ({"openapi": {"old": "bad.sql", "new": "bad.sql"}}, "oasdiff ended with"),
        ({"protobuf": {"old": "broken", "new": "broken"}}, "x.proto:1: "),
    ],
)
def test_what_a_tool_cannot_read_is_inconclusive(interfaces: dict[str, Any], said: str, tmp_path: Path) -> None:
    write(tmp_path, "ALTER TABEL x\n", "bad.sql")
    (tmp_path / "broken").mkdir()
    write(tmp_path / "broken", "message {", "x.proto")
    code, found = validated(tmp_path, interfaces)
    assert (code, found["verdict"]) == (11, "inconclusive")
    assert said in found["asked"][0]["problem"]


def test_a_tool_that_is_not_there_is_inconclusive_and_is_not_asked_without_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    write(tmp_path, "select 1;", "m.sql")
    code, found = validated(tmp_path, {"migrations": ["m.sql"]})
    assert (code, found["asked"][0]["problem"]) == (11, "squawk is not installed")
    assert validated(tmp_path, {})[0] == 0
    done = hotgate(
        "fleet",
        "validate",
        write(tmp_path, "components: [{name: a, version: v, interfaces: {migrations: [m.sql]}}]"),
        "--no-tools",
    )
    assert done.exit_code == 0


def test_a_tool_that_never_ends_or_answers_something_else_is_inconclusive(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr("gate.fleet.interfaces.running.SECONDS", 1)
    write(tmp_path, "select 1;", "m.sql")
    for script, said in (
        ("sleep 30", "did not end within"),
        ("echo '{}'", "no list of findings"),
        ("echo x", "not JSON"),
        ("exit 7", "ended with 7"),
    ):
        program = tmp_path / "squawk"
        program.write_text(f"#!/bin/sh\n{script}\n", "utf-8")
        program.chmod(0o755)
        code, found = validated(tmp_path, {"migrations": ["m.sql"]})
        assert code == 11
        assert said in found["asked"][0]["problem"]
