"""What two images of a service have promised each other: the types that are handed over, and what they must keep."""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003 - msgspec evaluates the annotation
from typing import Annotated

from msgspec import Meta, Struct, field

CODECS = ("memory", "gob", "json", "protobuf")
"""How a type is handed over. `memory`: as it lies there; nothing of its layout may change."""


class Contract(Struct, frozen=True, forbid_unknown_fields=True):
    """The `[contract]` table of a policy.

    `state`: full names of the types that are handed over, each with its codec. `interfaces`, `globals`: full names of
    interfaces whose method sets, and of package variables whose size and type, must stay. `protected_packages`, `budget`:
    as the policy's `protected_packages` and `thresholds.max_changed_functions`; both hold.
    """

    state: Mapping[str, str] = field(default_factory=dict)
    interfaces: tuple[str, ...] = ()
    globals: tuple[str, ...] = ()
    protected_packages: tuple[str, ...] = ()
    budget: Annotated[int, Meta(ge=0)] | None = None

    @property
    def types(self) -> tuple[str, ...]:
        """The types that must be found in NEW."""
        return (*self.state, *self.interfaces)
