"""The options that keep a verdict, and the keeping: before the report is shown and the exit code given."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from gate.policy.model import Policy
    from gate.report.models.report import Report
    from gate.store.database import Database
    from gate.store.entry import Kind

F = TypeVar("F", bound="Callable[..., Any]")


def store_option(function: F) -> F:
    """Give a command `store`."""
    return click.option(
        "--store", metavar="URL", help="The store: a path, or an SQLAlchemy URL (default: HOTGATE_STORE, the policy)."
    )(function)


def audit_options(function: F) -> F:
    """Give a command `audit` and `store`."""
    option = click.option(
        "--audit/--no-audit", default=None, help="Append the verdict to the audit log before it is given."
    )
    return option(store_option(function))


def open_audit(policy: Policy, audit: bool | None, store: str | None) -> Database | None:
    """The store, if the verdict is to be kept: opened before any work is done.

    Raises:
        StoreError: the verdict could not be kept.
    """
    if not (policy.audit if audit is None else audit):
        return None
    from gate.store.database import Database

    return Database.open(store or policy.store)


def keep_verdict(  # noqa: PLR0913 - keywords, one a fact
    database: Database | None,
    kind: Kind,
    report: Report,
    policy: Policy,
    *,
    subject: str,
    inputs: Mapping[str, str | None],
) -> None:
    """Append the verdict, and tell on stderr the head that it makes: a CI log keeps it where the store's owner cannot reach.

    Raises:
        StoreError: it was not kept, so it must not be given.
    """
    if database is None:
        return
    from gate.store.chain import Head
    from gate.store.entry import of_report
    from gate.store.verdicts import keep

    with database:
        record = keep(database, of_report(kind, report, policy, subject=subject, inputs=inputs))
    click.echo(f"audit: {Head(record.seq, record.hash)}", err=True)
