"""What The Update Framework is made against; `make release-proof` shows the lines."""

from __future__ import annotations

import pytest

from scripts.truth.release_proof.attacks import ATTACKS, attack
from tests.conftest import first


@pytest.mark.parametrize("done", first(3, ATTACKS), ids=lambda each: each.__name__)
def test_an_attack_is_refused_for_its_reason(scene, done):
    said = attack(scene, done)
    assert said.kind in ATTACKS[done], str(said)
    assert "\n" not in str(said)
