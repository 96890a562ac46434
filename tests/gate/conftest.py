"""What the tests of judgement share."""

from __future__ import annotations

import os
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import pytest

from gate.engine.judge import run_rules
from gate.report.sections.comparison import build_report
from gate.runs import comparison

if TYPE_CHECKING:
    from gate.report.models.report import Report
    from gate.rules.samples.binaries import Case

GOLDEN = Path(__file__).parent.parent / "golden"
TODAY = date(2026, 3, 1)
TIMINGS = {"read": 12.0, "compare": 30.5, "judge": 1.2, "total": 43.7}


class Golden(Protocol):
    def __call__(self, name: str, text: str) -> None: ...


@pytest.fixture
def golden() -> Golden:
    """Compares text with a file under tests/golden; UPDATE_GOLDEN=1 writes the file instead."""

    def compare(name: str, text: str) -> None:
        path = GOLDEN / name
        if os.environ.get("UPDATE_GOLDEN") == "1":
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")
        assert text == path.read_text("utf-8"), f"differs from {name}; UPDATE_GOLDEN=1 rewrites it"

    return compare


def report_of(case: Case) -> Report:
    judgement = run_rules(case.bundle(), case.policy, today=TODAY)
    return build_report(
        case.policy,
        case.old,
        case.new,
        case.drift(),
        judgement,
        created_at="2026-03-01T10:00:00Z",
        timings_ms=TIMINGS,
    )


class Reporter(Protocol):
    def __call__(self, case: Case) -> Report: ...


@pytest.fixture
def reporter() -> Reporter:
    return report_of


@pytest.fixture(autouse=True)
def scrubbed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No test sees the caller's settings, or a policy file of this repository."""
    for name in list(os.environ):
        if name.startswith("HOTGATE_") or name in {"NO_COLOR", "FORCE_COLOR", "COLUMNS", "SOURCE_DATE_EPOCH"}:
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


class Loader(Protocol):
    def __call__(self, case: Case) -> None: ...


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch) -> Loader:
    """Makes the engine see a hand-made case instead of files."""

    def patch(case: Case) -> None:
        monkeypatch.setattr(comparison, "load_binary", lambda path, **_: {"old": case.old, "new": case.new}[path])
        monkeypatch.setattr(comparison, "compare_binaries", lambda *_: case.drift())
        monkeypatch.setattr(comparison, "read_target", lambda: case.target)

    return patch
