"""The policy of one run: the file, then the environment, then the flags."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from gate.model import Mode, Severity
from gate.policy import Policy, find_policy_file
from gate.policy_env import apply_environment

if TYPE_CHECKING:
    from collections.abc import Sequence


def resolve_policy(path: str | None, mode: str | None, fail_on: str | None, require: Sequence[str]) -> Policy:
    """The policy in `path`, or in the working directory's file, or the default; then the environment; then the flags.

    Raises:
        PolicyError: the file, a variable or a flag says something that means nothing.
    """
    path = path or find_policy_file()
    policy = Policy()
    if path is not None:
        from gate.policy_file import load_policy

        policy = load_policy(path)
    return apply_environment(policy, os.environ).with_flags(
        mode=Mode(mode) if mode else None, fail_on=Severity(fail_on) if fail_on else None, require=require
    )
