"""What is wrong with a release plan or an inventory."""

from __future__ import annotations

from gate.policy.errors import PolicyError


class FleetError(PolicyError):
    """One line that names the file and the line; `hint` says what would be right."""
