"""A workspace for pipelines, and a sidecar for those who ask one."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from tests.sidecar.conftest import Running, configuration, ports

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

__all__ = ["ports"]  # a fixture


@pytest.fixture
def job(tmp_path: Path, binary: Callable[[str], Path]) -> Path:
    """A workspace with OLD, a NEW that passes and one that is blocked."""
    folder = tmp_path / "work"
    (folder / "build").mkdir(parents=True)
    shutil.copy(binary("go1.27-amd64-exe"), folder / "build" / "running")
    shutil.copy(binary("go1.27-amd64-exe"), folder / "build" / "new")
    shutil.copy(binary("go1.27-arm64-exe"), folder / "build" / "blocked")
    return folder


@pytest.fixture(scope="module")
def served(ports: dict[str, list[int]], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with Running(tmp_path_factory.mktemp("examples"), configuration(ports)) as running:
        running.polled()
        running.eventually(lambda: running.get("/v1/services/good-0")["service"]["standing_verdict"])
        yield running
