"""The live service, built once for all tests of this folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from scripts.programs import live_service
from scripts.programs.gobuild import can_build_cgo, host_arch
from tests.conftest import missing

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture(scope="session")
def service_program(go_toolchain: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str | None], Path]:
    """Builds a variant of the live service once; None is the good one."""
    if not can_build_cgo(host_arch()):
        missing("no C compiler: apt-get install gcc libc6-dev")
    folder = tmp_path_factory.mktemp("live")

    def build(variant: str | None) -> Path:
        out: Path = folder / (variant or "good")
        if not out.exists():
            live_service.build(out, go_toolchain, variant)
        return out

    return build
