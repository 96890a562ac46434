"""What is wrong with a policy, and what was perhaps meant."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class PolicyError(Exception):
    """A policy that cannot be obeyed; `hint` says what would be right."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


def nearest(word: str, valid: Iterable[str], *, cutoff: float = 0.5) -> str:
    """`did you mean X? ` for the closest of `valid`, or "" when none is as close as `cutoff` (0 to 1)."""
    from difflib import get_close_matches

    by_folded = {candidate.casefold(): candidate for candidate in valid}
    close = get_close_matches(word.casefold(), by_folded, n=1, cutoff=cutoff)
    return f"did you mean {by_folded[close[0]]}? " if close else ""


def checked_docs_url(url: str) -> str:
    """The address of a published documentation site, without a slash at its end.

    Raises:
        PolicyError: it is no http or https address of printable ASCII.
    """
    found = url.rstrip("/")
    if found and not re.fullmatch(r"https?://[!#-;=?-\[\]_a-z~]{1,500}", found):
        raise PolicyError(f"docs_url is no http or https address: {url[:80]}")
    return found
