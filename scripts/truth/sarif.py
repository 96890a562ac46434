"""Holds SARIF reports against the official JSON Schema (errata 01 of SARIF 2.1.0).

With files as arguments, those are checked instead of the reports of `tests/gate/cases.py`, which
`tests/gate/test_sarif_schema.py` checks too.
"""

from __future__ import annotations

import argparse
import json
import sys
from datetime import date
from pathlib import Path

from jsonschema import Draft4Validator, FormatChecker

from gate.engine.judge import run_rules
from gate.report.formats import sarif
from gate.report.sections.comparison import build_report
from scripts.fetch.sarif_schema import official_schema
from scripts.programs.gobuild import BuildFailed
from tests.gate.cases import CASES


def validator() -> Draft4Validator:
    """What checks a report. BuildFailed when the schema cannot be had."""
    return Draft4Validator(official_schema(), format_checker=FormatChecker())


def own_reports() -> dict[str, str]:
    """A report for each case of the tests."""
    out = {}
    for name, case in CASES.items():
        judgement = run_rules(case.bundle(), case.policy, today=date(2026, 3, 1))
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
    try:
        checker = validator()
    except BuildFailed as exc:
        sys.exit(f"error: {exc}")
    texts = {str(path): path.read_text("utf-8") for path in files} or own_reports()
    bad = 0
    for name, text in texts.items():
        for error in checker.iter_errors(json.loads(text)):
            bad += 1
            print(f"{name}: {error.json_path}: {error.message[:200]}")
    print(f"{len(texts)} reports against {checker.schema['title']}: {bad or 'no'} errors")
    sys.exit(bool(bad))


if __name__ == "__main__":
    main()
