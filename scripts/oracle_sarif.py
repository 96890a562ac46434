"""Holds SARIF reports against the official JSON Schema (errata 01 of SARIF 2.1.0).

The schema is not kept here. A Go module that validates reports carries it, and `go mod download` fetches that module
and checks its sum. With files as arguments, those are checked instead of the reports of `tests/gate/cases.py`.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any

import jsonschema

from gate import engine
from gate.report.build import build_report
from gate.report.formats import sarif
from scripts.gobuild import installed_go
from tests.gate.cases import CASES

MODULE = "github.com/owenrumney/go-sarif/v3@v3.3.1"
MEMBER = "pkg/report/v210/sarif/schema.go"


def official_schema(go: Path) -> dict[str, Any]:
    """The schema, which stands between backticks in a Go file of the module."""
    done = subprocess.run([go, "mod", "download", "-json", MODULE], capture_output=True, text=True, check=False)
    said = json.loads(done.stdout or "{}")
    if "Dir" not in said:
        sys.exit(f"error: cannot fetch {MODULE}: {said.get('Error') or done.stderr.strip()}")
    text = re.search(r"`(\{.*\})\s*`", (Path(said["Dir"]) / MEMBER).read_text("utf-8"), re.DOTALL)
    if text is None:
        sys.exit(f"error: {MEMBER} of {MODULE} holds no schema")
    schema: dict[str, Any] = json.loads(text[1])
    return schema


def own_reports() -> dict[str, str]:
    """A report for each case of the tests."""
    out = {}
    for name, case in CASES.items():
        judgement = engine.run_rules(case.bundle(), case.policy, today=date(2026, 3, 1))
        report = build_report(
            case.policy,
            case.old,
            case.new,
            case.drift(),
            judgement,
            created_at="2026-03-01T10:00:00Z",
            timings_ms={"total": 1.0},
        )
        out[name] = sarif.render(report)
    return out


def main() -> None:
    """Check, and say how many hold."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("files", nargs="*", type=Path)
    files: list[Path] = parser.parse_args().files
    root = installed_go()
    if root is None:
        sys.exit("error: no Go toolchain of 1.21 or newer")
    schema = official_schema(root / "bin" / "go")
    validator = jsonschema.Draft4Validator(schema, format_checker=jsonschema.FormatChecker())
    texts = {str(path): path.read_text("utf-8") for path in files} or own_reports()
    bad = 0
    for name, text in texts.items():
        for error in validator.iter_errors(json.loads(text)):
            bad += 1
            print(f"{name}: {error.json_path}: {error.message[:200]}")
    print(f"{len(texts)} reports against {schema['title']}: {bad or 'no'} errors")
    sys.exit(bool(bad))


if __name__ == "__main__":
    main()
