"""What blocks and what must be known: files, variables, suppressions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from probes.lazily import lazily

if TYPE_CHECKING:
    from gate.policy.errors import PolicyError
    from gate.policy.file import load_policy
    from gate.policy.model import Policy

__all__ = ["Policy", "PolicyError", "load_policy"]

__getattr__ = lazily(
    globals(),
    {
        "Policy": "gate.policy.model",
        "PolicyError": "gate.policy.errors",
        "load_policy": "gate.policy.file",
    },
)
