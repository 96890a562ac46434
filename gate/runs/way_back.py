"""The judgement of an update taken back: OLD replaces NEW. Import it only to do so."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from msgspec.structs import replace

from gate.engine.binaries import compare_binaries, examine, read_abi, with_health
from gate.engine.judge import run_rules
from gate.evidence.model import Bundle
from gate.runs.arguments import with_arguments
from probes.fork import Fork

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import date

    from gate.engine.judgement import Judgement
    from gate.policy.model import Policy
    from probes.go.facts import BinaryFacts
    from probes.host import TargetFacts


def judge_way_back(  # noqa: PLR0913 - what the comparison had
    old: BinaryFacts,
    new: BinaryFacts,
    policy: Policy,
    host: Callable[[], TargetFacts],
    *,
    line: tuple[tuple[str, ...], str],
    today: date,
    forks: bool,
) -> Judgement:
    """Judge OLD replacing NEW by all that the two files tell: of a service that runs NEW nothing is known yet.

    `host` runs both; `line`: the command line, and where it is from; `forks`: copies of the process may do a part of the work.
    """
    old = with_health(old, examine(old))
    drift = compare_binaries(new, old, policy.mode, Fork if forks else None)
    if old.health.unverifiable:
        drift = replace(drift, functions=None)
    bundle = Bundle.gather(new, old, drift, policy, host, abi=partial(read_abi, new, old))
    bundle = with_arguments(bundle, (new, old), line, policy)
    return run_rules(bundle, policy, today=today)
