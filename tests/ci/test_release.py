"""Preparing a release, and what a wheel brings."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from datetime import date
from pathlib import Path

import pytest

from scripts.docs import man
from scripts.release import NotReady, dated, numbered, try_wheel

ROOT = Path(__file__).parents[2]
LOG = "# Changelog\n\n## [Unreleased]\n\n### Added\n\n- A thing.\n\n## [0.1.0] - 2026-01-01\n"


def test_what_is_unreleased_gets_version_and_day() -> None:
    assert dated(LOG, "0.2.0", date(2026, 12, 1)).startswith(
        "# Changelog\n\n## [Unreleased]\n\n## [0.2.0] - 2026-12-01\n\n### Added\n\n- A thing.\n\n## [0.1.0]"
    )


@pytest.mark.parametrize(
    ("log", "version", "words"),
    [
        (LOG.replace("### Added\n\n- A thing.\n\n", ""), "0.2.0", "nothing under"),
        ("# Changelog\n", "0.2.0", "nothing under"),
        (LOG, "0.1.0", "has 0.1.0 already"),
    ],
)
def test_without_news_there_is_no_release(log: str, version: str, words: str) -> None:
    with pytest.raises(NotReady, match=words):
        dated(log, version, date(2026, 12, 1))


def test_the_version_is_replaced_in_its_one_place() -> None:
    assert numbered('x\n__version__ = "1.2.3rc1"\n', "1.2.3") == 'x\n__version__ = "1.2.3"\n'


@pytest.mark.parametrize("version", ["1.2.2", "1.2.3rc1", "1.2", "v1.2.4", "1.2.4; rm"])
def test_what_is_no_later_version(version: str) -> None:
    with pytest.raises(NotReady):
        numbered('__version__ = "1.2.3"\n', version)


def test_the_man_page_is_that_of_the_commands() -> None:
    assert man.PAGE.read_text("utf-8") == man.page(), "python -m scripts.docs.man"


@pytest.mark.long
def test_a_wheel_installs_into_an_empty_environment_and_runs(tmp_path: Path) -> None:
    subprocess.run(["git", "clone", "--quiet", str(ROOT), tmp_path / "clone"], check=True)
    assert try_wheel(tmp_path / "clone").startswith("hotgate ")
    uv = Path(sys.executable).with_name("uv")
    subprocess.run([uv, "build", "--quiet", "--wheel", "--out-dir", tmp_path, tmp_path / "clone"], check=True)
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert "gate/py.typed" in names
    assert "probes/py.typed" in names
    assert any(name.endswith("share/man/man1/hotgate.1") for name in names)
    assert not [name for name in names if name.startswith(("tests/", "scripts/", "testdata/"))]
