"""The live service, built once for all tests of this folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from scripts.programs.gobuild import can_build_cgo, host_arch
from tests.conftest import live_programs, missing

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture(scope="session")
def service_program(go_toolchain: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str | None], Path]:
    """Builds a variant of the live service once; None is the good one."""
    if not can_build_cgo(host_arch()):
        missing("no C compiler: apt-get install gcc libc6-dev")
    return live_programs(go_toolchain, tmp_path_factory)
