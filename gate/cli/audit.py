"""List, show, export and verify the tamper-evident log of verdicts."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gate.cli import Failure
from gate.cli._shared.audit import store_option
from gate.cli._shared.output import print_text, write_whole
from gate.cli._shared.policy import resolve_policy

if TYPE_CHECKING:
    from gate.store.chain import Head, Record
    from gate.store.database import Database

EXIT_TAMPERED = 10
MAX_HEAD_BYTES = 1 << 20
MAX_PROBLEMS = 50

_FORMAT = click.option(
    "--format", "format_name", type=click.Choice(("terminal", "json")), default="terminal", show_default=True
)
_POLICY = click.option("--policy", metavar="FILE", envvar="HOTGATE_POLICY", help="Policy file (default: hotgate.toml).")


@click.group("audit")
def command() -> None:
    """List, show, export and verify the tamper-evident log of verdicts."""


@command.command("list")
@click.option(
    "-n", "--limit", type=click.IntRange(1, 100_000), default=20, show_default=True, help="How many, newest first."
)
@_FORMAT
@store_option
@_POLICY
def list_(*, limit: int, format_name: str, store: str | None, policy: str | None) -> None:
    """The newest verdicts: number, time, verdict, command and subject."""
    from gate.store import audit

    with _open(store, policy) as database, database.read() as connection:
        found = audit.newest(connection, limit)
    if format_name == "json":
        print_text(json.dumps([_shape(record) for record in found], indent=2) + "\n")
        return
    from gate.report.text.clean import clean

    for record in found:
        body = _body(record)
        words = (str(body.get(key, "?")) for key in ("verdict", "kind", "subject"))
        verdict, kind, subject = (clean(word) for word in words)
        print_text(f"{record.seq:>6}  {clean(record.at)[:19]}Z  {verdict:<12}  {kind:<6}  {subject}\n")


@command.command("show")
@click.argument("seq", type=click.IntRange(1, (1 << 63) - 1))
@click.option("--report", is_flag=True, help="The report of that verdict, as `hotgate render` takes it.")
@store_option
@_POLICY
def show(*, seq: int, report: bool, store: str | None, policy: str | None) -> None:
    """One record: what was decided, on which inputs, and its place in the chain."""
    from gate.store import audit
    from gate.store.verdicts import report_of

    with _open(store, policy) as database, database.read() as connection:
        record = audit.find(connection, seq)
        kept = report_of(connection, seq) if report else None
        name = database.name
    if record is None:
        raise Failure(f"no record {seq} in the audit log of {name}", hint="`hotgate audit list` shows the newest")
    if not report:
        print_text(json.dumps(_shape(record), indent=2) + "\n")
        return
    if kept is None:
        raise Failure(f"no report beside record {seq}: it is older than what the store keeps")
    from gate.store.entry import sha256

    if sha256(kept.encode("ascii", "replace")) != _body(record).get("report_sha256"):
        raise Failure(f"the report beside record {seq} is not the one that was recorded", hint="hotgate audit verify")
    print_text(kept)


@command.command("head")
@click.option("-o", "--output", metavar="FILE", help="Write it there; - or nothing: to stdout.")
@store_option
@_POLICY
def head(*, output: str | None, store: str | None, policy: str | None) -> None:
    """The last record's number and hash, as `SEQ:HASH`, for `audit verify --head`.

    Keep it where those who can write to the store cannot: a log that was cut off or written again is found out only by a head.
    """
    from gate.store import audit

    with _open(store, policy) as database, database.read() as connection:
        found = audit.last_head(connection)
    if output in (None, "-"):
        print_text(f"{found}\n")
    else:
        write_whole(str(output), f"{found}\n")


@command.command("verify", epilog="Exit codes: 0 the log is whole, 10 it is not, 2 it cannot be read.")
@click.option(
    "--head", "heads", metavar="FILE|HEAD", multiple=True, help="An exported head, or a file of them; repeatable."
)
@_FORMAT
@store_option
@_POLICY
def verify(*, heads: tuple[str, ...], format_name: str, store: str | None, policy: str | None) -> int:
    """Check every record, the chain between them, the reports beside them and the heads that were exported; 10 when anything is not as written."""
    from itertools import chain as both
    from itertools import islice

    from gate.inflection import count
    from gate.report.text.clean import clean
    from gate.store import audit, chain
    from gate.store.verdicts import disagreements

    exported = [head for text in heads for head in _heads(text)]
    with _open(store, policy) as database, database.read() as connection:
        last = audit.last_head(connection)
        found = chain.verify(audit.records(connection), audit.stored_head(connection), exported)
        problems = list(islice(both(found, disagreements(connection)), MAX_PROBLEMS))
        name = database.name
    if format_name == "json":
        shape = {
            "whole": not problems,
            "head": str(last),
            "exported_heads": len(exported),
            "problems": [{"seq": each.seq, "problem": each.what} for each in problems],
        }
        print_text(json.dumps(shape, indent=2) + "\n")
    elif problems:
        print_text("".join(f"{clean(each.what)}\n" for each in problems))
    else:
        against = f", and has the {len(exported)} exported" if exported else ""
        print_text(f"{clean(name)}: {count(last.seq, 'record')}, whole{against}; head {last}\n")
    if not exported and not problems:
        click.echo("note: without --head, a log that was cut off or written anew by its owner does not show", err=True)
    return EXIT_TAMPERED if problems else 0


def _open(store: str | None, policy: str | None) -> Database:
    from gate.store.database import Database

    return Database.open(store or resolve_policy(policy, None, None, ()).store, existing=True)


def _heads(text: str) -> list[Head]:
    """The heads in `text` itself or in the file of that name, one a line; lines of a CI log such as `audit: 7:…` count.

    Raises:
        Failure: there is none.
    """
    from gate.store.chain import parse_head

    own = parse_head(text)
    if own is not None:
        return [own]
    hint = "pass what `hotgate audit head` printed, such as 7:3f0a…, or a file that holds it"
    try:
        fd = os.open(text, os.O_RDONLY | os.O_NONBLOCK)
        with os.fdopen(fd, "rb") as file:
            raw = file.read(MAX_HEAD_BYTES + 1)
    except OSError as exc:
        raise Failure(f"neither a head nor a file ({exc.strerror}): {text}", hint=hint) from exc
    if len(raw) > MAX_HEAD_BYTES:
        raise Failure(f"larger than 1 MiB: {text}", hint=hint)
    found = [parse_head(line.removeprefix("audit: ")) for line in raw.decode("utf-8", "replace").splitlines()]
    heads = [head for head in found if head is not None]
    if not heads:
        raise Failure(f"no head in {Path(text)}", hint=hint)
    return heads


def _body(record: Record) -> dict[str, Any]:
    try:
        body = json.loads(record.body)
    except (ValueError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}


def _shape(record: Record) -> dict[str, Any]:
    return {"seq": record.seq, "at": record.at, "prev": record.prev, "hash": record.hash, "body": _body(record)}
