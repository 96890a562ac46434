"""Make, migrate, describe, trim and check the store."""

from __future__ import annotations

import click

from gate.cli._shared.audit import store_option
from gate.cli._shared.output import print_text
from gate.cli._shared.policy import resolve_policy

EXIT_DAMAGED = 10


@click.group("store")
def command() -> None:
    """Make, migrate, describe, trim and check the store: samples of services, verdicts and the audit log."""


def _place(store: str | None, policy: str | None) -> str:
    return store or resolve_policy(policy, None, None, ()).store


_policy = click.option("--policy", metavar="FILE", envvar="HOTGATE_POLICY", help="Policy file (default: hotgate.toml).")


@command.command("upgrade")
@store_option
@_policy
def upgrade(*, store: str | None, policy: str | None) -> None:
    """Make the tables, or bring those of an older version up to date. What is there is kept."""
    from gate.store.database import Database
    from gate.store.tables import REVISION

    with Database.connect(_place(store, policy)) as database:
        before = database.revision()
        database.upgrade()
        after = database.revision()
    said = f"already at {REVISION}" if before == after else f"{before or 'empty'} → {after}"
    print_text(f"{database.name}: {said}\n")


@command.command("info")
@store_option
@_policy
def info(*, store: str | None, policy: str | None) -> None:
    """How much the store holds, and since when."""
    from gate.store.database import Database
    from gate.store.retention import describe

    with Database.open(_place(store, policy), existing=True) as database:
        print_text("".join(f"{name:<16} {value}\n" for name, value in describe(database)))


@command.command("check")
@store_option
@_policy
def check(*, store: str | None, policy: str | None) -> int:
    """Read every page of the store, and exit with 10 when something is damaged; `hotgate audit verify` reads the log."""
    from gate.store.database import Database
    from gate.store.retention import integrity

    with Database.open(_place(store, policy), existing=True) as database:
        problems = integrity(database)
    from gate.report.text.clean import clean

    print_text("".join(f"{clean(problem)}\n" for problem in problems) or f"{clean(database.name)}: no damage found\n")
    return EXIT_DAMAGED if problems else 0


@command.command("trim")
@click.option("--keep", metavar="TIME", default="", help="Forget samples and reports that are older, such as 30d.")
@click.option("--size", metavar="SIZE", default="", help="Forget the oldest until it is no larger, such as 500MB.")
@store_option
@_policy
def trim(*, keep: str, size: str, store: str | None, policy: str | None) -> None:
    """Forget old samples, windows and reports. The audit log is never shortened."""
    from gate.policy.units import parse_seconds, parse_size
    from gate.store.database import Database
    from gate.store.retention import Retention
    from gate.store.retention import trim as trim_now

    limits = Retention(parse_seconds(keep) if keep else None, parse_size(size) if size else None)
    with Database.open(_place(store, policy), existing=True) as database:
        gone = trim_now(database, limits)
    print_text(f"{gone} rows forgotten\n")
