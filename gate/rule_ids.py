"""The ids of all rules, by the names of their files: no rule is imported."""

from __future__ import annotations

import pkgutil
from functools import cache
from pathlib import Path


@cache
def rule_ids() -> tuple[str, ...]:
    """Ids such as `HG101`, sorted."""
    folder = Path(__file__).parent / "checks"
    return tuple(sorted({info.name.partition("_")[0].upper() for info in pkgutil.iter_modules([str(folder)])}))
