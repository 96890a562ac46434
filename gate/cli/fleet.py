"""Many hosts and components: check and order a release plan, write it for Ansible or Argo, ask what runs."""

from __future__ import annotations

import click

from gate.cli import CommandFiles


class _Fleet(CommandFiles):
    """One command a module."""

    package = "gate.cli._fleet"


@click.group("fleet", cls=_Fleet)
def command() -> None:
    """Check and order a release of many components on many hosts, write it for Ansible or Argo, and ask what runs.

    hotgate schedules nothing itself: it plans and writes, engines that exist carry it out, and each host is updated by
    `hotgate apply`.
    """
