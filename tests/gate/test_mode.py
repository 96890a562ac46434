"""Which mode holds: what was said, by whomever, before what OLD's code tells."""

from __future__ import annotations

import pytest

from gate.engine.mode import with_mode
from gate.model import Mode
from gate.policy.model import Policy

TABLEFLIP = ("github.com/cloudflare/tableflip.New",)


@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize("by", ["--mode", "hotgate.toml"])
def test_what_was_said_holds(mode: Mode, by: str) -> None:
    policy = Policy(mode=mode, mode_by=by)
    assert with_mode(policy, TABLEFLIP, "OLD") is policy


@pytest.mark.parametrize("mode", [mode for mode in Mode if mode is not Mode.EXEC])
def test_a_mode_other_than_the_default_was_said_by_somebody(mode: Mode) -> None:
    assert with_mode(Policy(mode=mode), TABLEFLIP, "OLD").mode is mode


def test_where_nobody_said_anything_the_code_tells() -> None:
    assert with_mode(Policy(), TABLEFLIP, "OLD").mode is Mode.HANDOFF
    assert with_mode(Policy(), (), "OLD").mode is Mode.EXEC
    assert with_mode(Policy(), (), "OLD").mode_by == "the default: OLD calls no restart library"
