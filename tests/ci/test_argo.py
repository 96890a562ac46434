"""What an analysis of the example for Argo Rollouts ends in, for what a rollback watch may say meanwhile."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from gate.sidecar.config.model import load_sidecar
from tests.ci.test_examples import EXAMPLES, document

if TYPE_CHECKING:
    from collections.abc import Callable


def analysis(metrics: list[dict[str, Any]], state: Callable[[float], str]) -> tuple[str, float]:
    """The phase that an analysis of Argo Rollouts ends in, and when (seconds), if the watch says `state(t)` at t.

    As its v1.8.3 does it (analysis/analysis.go): a measurement every `interval` until `count`; one whose result meets neither
    condition is inconclusive; a metric ends early beyond one of its limits, and ends the whole then. A metric that was not
    measured yet, for its `initialDelay`, does not keep the run from ending.
    """

    def holds(condition: str, result: str) -> bool:
        return result in re.findall(r'result == "(\w+)"', condition)

    taken: dict[str, list[str]] = {}
    phases: dict[str, str] = {}
    for t in range(3600):
        for metric in metrics:
            name, own = metric["name"], taken.get(metric["name"], [])
            due = seconds(metric.get("initialDelay", "0s")) + len(own) * seconds(metric.get("interval", "0s"))
            if name in phases or t < due:
                continue
            result = state(t)
            success, failure = (holds(metric[f"{key}Condition"], result) for key in ("success", "failure"))
            own = taken[name] = [*own, "Failed" if failure else "Successful" if success else "Inconclusive"]
            for phase in ("Failed", "Inconclusive"):
                if own.count(phase) > metric[f"{phase.lower().replace('failed', 'failure')}Limit"]:
                    return phase, t
            if len(own) == metric["count"]:
                phases[name] = "Successful"
        if taken.keys() == phases.keys():
            return "Successful", t
    raise AssertionError("it has no end")


def seconds(text: str) -> float:
    return sum(float(number) * {"m": 60, "s": 1}[unit] for number, unit in re.findall(r"(\d+)([ms])", text))


@pytest.mark.parametrize(
    ("seen", "fires", "end", "phase"),
    [
        (8, None, "clear", "Successful"),
        (55, None, "clear", "Successful"),
        (8, 20, "rollback", "Failed"),
        (8, 300, "rollback", "Failed"),
        (55, 299, "rollback", "Failed"),
        (8, None, "inconclusive", "Inconclusive"),  # its Prometheus never answered
        (55, None, "inconclusive", "Inconclusive"),
        (None, None, "", "Inconclusive"),  # the sidecar does not see this service's updates
    ],
)
def test_argo_takes_nothing_but_the_end_of_a_watch_for_success(
    seen: int | None, fires: int | None, end: str, phase: str
) -> None:
    """`seen`: when the sidecar sees the update; `fires`: how long after that a rule does; `end`: what the watch ends in."""
    watch = load_sidecar(str(EXAMPLES / "hotgate.toml")).services[0].watch
    assert watch is not None
    over = watch.within if fires is None else fires

    def state(t: float) -> str:
        if seen is None or t < seen:
            return "idle"
        return end if t >= seen + over else "watching"

    _, *watches = document("argo-rollouts.yaml")["spec"]["metrics"]
    found, at = analysis(watches, state)
    assert found == phase
    if phase == "Successful":
        assert seen is not None
        assert at >= seen + watch.within


def test_argo_does_not_take_what_stands_of_an_earlier_update_for_this_ones() -> None:
    """An outcome stands for five minutes; this update is never seen."""
    _, *watches = document("argo-rollouts.yaml")["spec"]["metrics"]
    assert analysis(watches, lambda t: "clear" if t < 300 else "idle")[0] == "Inconclusive"
