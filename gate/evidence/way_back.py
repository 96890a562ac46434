"""The way back: would OLD be able to take over from NEW, should NEW have to go?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from gate.evidence.types import TypeEvidence, type_evidence
from probes.code.facts import REGISTER, RegisteredState
from probes.errors import MalformedTable

if TYPE_CHECKING:
    from gate.policy.contract import Contract
    from probes.go.facts import BinaryFacts

NOTHING = "nothing says what is handed over: no contract, and no state that goprobe hands over"


class WayBackFacts(Struct, frozen=True):
    """What NEW hands to OLD when it is taken back.

    Attributes:
        types: the contract's types, from NEW to OLD; None where the contract names none.
        old_states: what OLD registers with goprobe, by its code; None where that cannot be told.
        new_states: the same of NEW.
    """

    types: TypeEvidence | None
    old_states: tuple[RegisteredState, ...] | None = None
    new_states: tuple[RegisteredState, ...] | None = None


def way_back(old: BinaryFacts, new: BinaryFacts, contract: Contract) -> WayBackFacts | None:
    """The facts of `old` taking over from `new`; None where nothing says what is handed over.

    Raises:
        MalformedTable: the types of one cannot be read, or not be compared with those of the other.
    """
    types = None
    if contract.state:
        from probes.drift.types.compare import layout_drift

        if old.types is None or new.types is None or old.arch != new.arch:
            raise MalformedTable("the contract's types cannot be compared")
        types = type_evidence(layout_drift(new.types.read(), old.types.read()), contract)
    if not any(side.functions is None or REGISTER.encode() in side.functions.name_bytes for side in (old, new)):
        return None if types is None else WayBackFacts(types, (), ())
    from probes.code.states import registered  # only where there is goprobe

    return WayBackFacts(types, *(registered(side) for side in (old, new)))
