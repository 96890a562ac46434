"""A pairing of types that another process may have made, and that this one makes again if it is asked for."""

from __future__ import annotations

from collections.abc import Callable

from probes.drift.types.pairing import Pairing


class PairingOnDemand:
    """Which type of OLD is which of NEW. A copy of it in another process leaves the pairing behind, with both files' tables."""

    __slots__ = ("_make", "_pairing")

    def __init__(self, pairing: Pairing | None = None) -> None:
        self._pairing = pairing
        self._make: Callable[[], Pairing] | None = None

    def made_by(self, make: Callable[[], Pairing]) -> None:
        """Where the pairing comes from, if it was left behind."""
        self._make = make

    def get(self) -> Pairing:
        """The pairing.

        Raises:
            RuntimeError: it was left behind, and `made_by` was not told from where it comes.
        """
        if self._pairing is None:
            if self._make is None:
                raise RuntimeError("the pairing of types was left in another process")
            self._pairing = self._make()
        return self._pairing

    def __reduce__(self) -> tuple[type[PairingOnDemand], tuple[()]]:
        return PairingOnDemand, ()
