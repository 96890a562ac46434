"""Why a rehearsal cannot be performed: its plan, or OLD itself, which says nothing about NEW."""

from __future__ import annotations


class CannotRehearse(Exception):
    """One line that says what, and `hint` what next."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint
