"""What the profile endpoints answered."""

from __future__ import annotations

from msgspec import Struct

from probes.wording import count, some


class PprofFacts(Struct, frozen=True):
    """What the profile endpoints answered. `problems`: (endpoint, what is wrong)."""

    source: str
    answered: tuple[tuple[str, int], ...]
    """(endpoint, samples) of what was a profile."""
    problems: tuple[tuple[str, str], ...]

    def summary(self) -> str:
        """What it comes to, in words."""
        if self.problems:
            return some([f"{endpoint}: {problem}" for endpoint, problem in self.problems])
        return some([f"{endpoint}: {count(samples, 'sample')}" for endpoint, samples in self.answered])
