"""A repository with two releases, made once; what a test changes is a copy."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

pytest.importorskip("tuf")

from scripts.truth.release_proof._scene import Scene

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    """Not to be changed."""
    return Scene(tmp_path_factory.mktemp("release") / "scene")


@pytest.fixture
def scene(made: Scene, tmp_path: Path) -> Scene:
    """A copy that may be changed."""
    copy = Scene.__new__(Scene)
    copy.__dict__.update(made.__dict__)
    copy.folder = tmp_path / "scene"
    shutil.copytree(made.folder, copy.folder)
    copy.repo, copy.keys, copy.root = (copy.folder / name for name in ("repo", "keys", "root.json"))
    return copy
