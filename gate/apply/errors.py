"""Why a release cannot be brought to a host, in one line."""

from __future__ import annotations

from gate.exits import EXIT_USAGE


class ApplyError(Exception):
    """An operation that cannot go on; `hint` says what to do, `exit_code` is the command's."""

    def __init__(self, message: str, *, hint: str = "", exit_code: int = EXIT_USAGE) -> None:
        super().__init__(message)
        self.hint = hint
        self.exit_code = exit_code
