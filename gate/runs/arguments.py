"""The command line that a service runs with, held against both programs."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from gate.model import Mode

if TYPE_CHECKING:
    from gate.evidence.model import Bundle
    from gate.policy.model import Policy
    from probes.go.facts import BinaryFacts


def with_arguments(
    bundle: Bundle, sides: tuple[BinaryFacts, BinaryFacts], line: tuple[tuple[str, ...], str], policy: Policy
) -> Bundle:
    """The evidence, with what becomes of the flags of a command line where there is one."""
    words, source = line
    if not words or policy.mode is Mode.PLUGIN:
        return bundle
    from gate.evidence.live import ARGUMENTS
    from probes.commandline.comparison import compare  # only with a command line

    return bundle.with_live({ARGUMENTS: partial(compare, *sides, words, source)})
