"""The command's side of a rehearsal."""

from __future__ import annotations

import subprocess

import pytest

from gate.rehearsal.problem import CannotRehearse
from gate.rehearsal.run import _converse, _end


def test_a_keeper_that_was_killed_before_it_was_asked_is_one_line() -> None:
    keeper = subprocess.Popen(["true"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    keeper.wait()
    with pytest.raises(CannotRehearse, match="ended from outside"):
        _converse(keeper, "x" * 100_000, print)  # type: ignore[arg-type] - whatever it is, nobody reads it
    _end(keeper)
