"""Hand-made ways back for the samples of rules: open, or closed by one thing."""

from __future__ import annotations

from typing import Any

from gate.evidence.way_back import WayBackFacts
from gate.policy.contract import Contract
from gate.policy.model import Policy
from gate.rules.samples.binaries import Case, field_moved, types
from probes.code.facts import RegisteredState

ORDERS = RegisteredState("orders", 1, (1,))
MEMORY = Policy(contract=Contract(state={"main.Order": "memory"}))


def opened(**changes: Any) -> Case:
    """A comparison of two programs with the same state."""
    return Case(way_back=WayBackFacts(None, (ORDERS,), (ORDERS,)), **changes)


def closed(by: str) -> Case:
    """The same, where the way back is closed by `types`, `version` or `state`, or is in `doubt` or of `unknown` versions."""
    found = {
        "types": WayBackFacts(types(reached={"main.Order": (field_moved(),)}), (), ()),
        "version": WayBackFacts(None, (ORDERS,), (RegisteredState("orders", 2, (1, 2)),)),
        "state": WayBackFacts(None, (ORDERS,), (ORDERS, RegisteredState("users", 1, (1,)))),
        "doubt": WayBackFacts(None, (ORDERS,), None),
        "unknown": WayBackFacts(None, (RegisteredState("orders", 1, None),), (RegisteredState("orders", 2, (1, 2)),)),
    }[by]
    return Case(way_back=found, policy=MEMORY if by == "types" else Policy())
