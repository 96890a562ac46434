"""Plans and inventories that several tests use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from click.testing import CliRunner

from gate.cli import cli
from gate.fleet.inventory.ini import parse_ini
from gate.fleet.plan.model import Plan, make_plan
from gate.fleet.release.reading import load_release

if TYPE_CHECKING:
    from pathlib import Path

    from click.testing import Result

SEED = """components:
  - name: database
    version: v2
    depends_on: []
  - name: cache
    version: v2
    depends_on: [database]
  - name: api
    version: v2
    depends_on: [cache]
    consumes: [orders-queue]
    schema: {phase: expand, of: database}
  - name: gateway
    version: v2
    depends_on: [api]
strategy: rolling            # rolling | parallel
batches: [2, 10%, 100%]      # hosts of a component; observe between
observe: 10m
rollback_policy: auto        # auto | manual
"""
"""The example of the design."""

TOGETHER = """name: shop
hosts: shop
components:
  - {name: database, version: v2}
  - {name: cache, version: v2, depends_on: [database]}
  - {name: api, version: v2, depends_on: [cache]}
  - {name: gateway, version: v2, depends_on: [api]}
batches: [2, 10%, 100%]
observe: 10m
"""
"""The same four on the same hosts."""

HOSTS = "[shop]\nh[01:24]\n"


def hotgate(*arguments: str) -> Result:
    """The command in this process; a traceback is a failure of the test."""
    return CliRunner(catch_exceptions=False).invoke(cli, arguments, env={"HOTGATE_DEBUG": "1"})


def write(folder: Path, text: str, name: str = "release.yaml") -> str:
    """The path of a file with that text."""
    path = folder / name
    path.write_text(text, "utf-8")
    return str(path)


def planned(folder: Path, text: str, hosts: str = HOSTS) -> Plan:
    """The plan of `text` over an inventory."""
    return make_plan(load_release(write(folder, text)), parse_ini("hosts.ini", hosts) if hosts else None)
