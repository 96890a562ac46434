"""What Kubernetes takes for names, and what a plan has to keep to where Argo carries it out."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from gate.fleet.errors import FleetError
from gate.fleet.release.names import LABEL

if TYPE_CHECKING:
    from gate.fleet.release.model import Release

TAG = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}"
"""Of an image (the distribution specification)."""
LONGEST = 52
"""Of a component's name: it becomes that of a task, with `look-` or `back-` before it."""


def check(release: Release) -> None:
    """Raise FleetError for a name that Kubernetes would not take."""
    for each in release.components:
        own = each.kubernetes
        for what, name in (("name", each.name), ("rollout", own.rollout), ("container", own.container)):
            if not re.fullmatch(LABEL, name) or len(name) > LONGEST:
                raise FleetError(
                    f"{release.source}:{each.line}: the {what} {name} of {each.name} is none for Kubernetes",
                    hint=f"lower-case letters, digits and '-', at most {LONGEST} of them; see kubernetes: in the plan",
                )
        if not re.fullmatch(TAG, each.version):
            raise FleetError(
                f"{release.source}:{each.line}: the version {each.version} of {each.name} is no tag of an image",
                hint="letters, digits, '.', '_' and '-'",
            )
