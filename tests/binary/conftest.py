"""Images made by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from probes.elf.headers import open_elf
from probes.elf.image import Image
from probes.elf.source import read_source
from tests.binary import tools

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def image(tmp_path: Path) -> Callable[..., Image]:
    """`image(data, dynamic=...)` is the image of `tools.elf_file`, without relocations applied."""

    def make(data: bytes, **options: object) -> Image:
        path = tmp_path / "made"
        path.write_bytes(tools.elf_file(data, **options))
        source = read_source(str(path))
        return Image(open_elf(source), source.buffer, source.data)

    return make
