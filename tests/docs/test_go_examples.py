"""The Go programs in the documentation build as they stand there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from scripts.programs.gobuild import GoBuild, host_arch

ROOT = Path(__file__).parents[2]
PROGRAM = re.compile(r"^```go\n(package main\n.*?)^```$", re.MULTILINE | re.DOTALL)
PROGRAMS = [(page, text) for page in sorted((ROOT / "docs").glob("*.md")) for text in PROGRAM.findall(page.read_text())]


def test_there_are_programs() -> None:
    assert {page.name for page, _ in PROGRAMS} == {"live.md"}


@pytest.mark.parametrize(
    ("page", "text"), PROGRAMS, ids=[f"{page.name}-{number}" for number, (page, _) in enumerate(PROGRAMS)]
)
def test_a_program_builds(page: Path, text: str, go_toolchain: Path, tmp_path: Path) -> None:
    assert page
    (tmp_path / "main.go").write_text(text)
    (tmp_path / "go.mod").write_text(
        f"module example.com/documented\n\ngo 1.21\n\nrequire hotgate/goprobe v0.0.0\n\n"
        f"replace hotgate/goprobe => {ROOT / 'goprobe'}\n"
    )
    GoBuild(goroot=go_toolchain, source=tmp_path, goarch=host_arch(), flags=("-mod=mod",)).run(tmp_path / "program")
