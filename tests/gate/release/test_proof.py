"""The parts of `make release-proof`."""

from __future__ import annotations

import importlib
import inspect

import pytest

import scripts.truth.release_proof as package
from scripts.truth.release_proof.__main__ import PARTS


@pytest.mark.parametrize("name", PARTS)
def test_every_part_can_be_asked_for_alone_and_quickly(name: str) -> None:
    prove = importlib.import_module(f"{package.__name__}.{name}").prove
    assert "quick" in inspect.signature(prove).parameters
