"""How NEW replaces OLD: what the command line or the policy says, else what OLD's own code says, else exec in place."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from gate.model import Mode

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gate.policy.model import Policy


def with_mode(policy: Policy, entries: Sequence[str], whose: str) -> Policy:
    """`policy` with the mode, and by what it is known.

    Args:
        policy: whose mode holds where anybody has said one.
        entries: the entries of restart libraries that the program calls, of `probes.go.restarts.entries_called`.
        whose: the program, in words: `OLD`.
    """
    if policy.mode_by or policy.mode is not Mode.EXEC:
        return policy
    if not entries:
        return replace(policy, mode=Mode.EXEC, mode_by=f"the default: {whose} calls no restart library")
    return replace(policy, mode=Mode.HANDOFF, mode_by=f"{whose} calls {entries[0]}")
