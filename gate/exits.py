"""Exit codes, which every command shares."""

from __future__ import annotations

from typing import Literal

VerdictName = Literal["pass", "block", "inconclusive"]

EXIT_CODES: dict[VerdictName, int] = {"pass": 0, "block": 10, "inconclusive": 11}
EXIT_BUG = 1
EXIT_USAGE = 2
EXIT_TAKEN_BACK = 12
"""Of `apply` and `rollback`: the switch was made, and the release before runs again."""
