"""A host with a running service, and a repository of good and bad releases of it, built once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from scripts.programs.gobuild import BuildFailed, can_build_cgo, host_arch
from scripts.truth.release_proof._site import WATCH, Site, build, site
from tests.conftest import built_once, missing

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="session")
def repository(go_toolchain: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not can_build_cgo(host_arch()):
        missing("no C compiler: apt-get install gcc libc6-dev")
    try:
        return built_once(tmp_path_factory, "releases", lambda folder: build(folder, go_toolchain)) / "repository"
    except BuildFailed as exc:
        missing(f"it cannot be built: {exc}")
        raise


@pytest.fixture
def images(repository: Path) -> Path:
    return repository.parent / "images"


@pytest.fixture
def host(repository: Path, tmp_path: Path) -> Iterator[Site]:
    """A host that runs 1.0.0, without a watch."""
    with site(tmp_path / "host", repository) as found:
        yield found


@pytest.fixture
def watched(repository: Path, tmp_path: Path) -> Iterator[Site]:
    """A host that runs 1.0.0, whose releases are watched for two looks."""
    with site(tmp_path / "host", repository, more=WATCH.format(within="5s")) as found:
        yield found
