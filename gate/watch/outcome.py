"""What a watch says, as the API and the audit log have it; and what watches before it ended in."""

from __future__ import annotations

import json
import time
from datetime import datetime
from typing import TYPE_CHECKING, Any

from gate.exits import EXIT_CODES
from gate.store import samples, verdicts
from gate.store.chain import canonical
from gate.store.entry import Entry, Kind, sha256

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

    from gate.store.database import Database
    from gate.watch.judge import Ruling, State

SCHEMA_VERSION = "1"
REMEMBERED = 16
"""Outcomes of a service that are looked through."""

KIND: Kind = "watch"
AHEAD = 60.0
"""Seconds by which the clock of the caller, who says when an update was begun, may be ahead."""


def shape(  # noqa: PLR0913 - keywords, one a fact
    name: str,
    state: State,
    rulings: Sequence[Ruling] = (),
    *,
    since: float | None = None,
    join: str | None = None,
    epoch: str | None = None,
    said: str = "",
) -> dict[str, Any]:
    """What a watch says. `exit_code` is the one of `hotgate watch`: 10 means: roll back.

    `epoch` is of the image that is watched, where that is known. `said` is why there is nothing to say: no update, or which
    rules that could not be evaluated.
    """
    if state == "inconclusive":
        said = said or "; ".join(f"{each.rule}: {each.said}" for each in rulings if each.fires is None)
    code = {"rollback": EXIT_CODES["block"], "clear": EXIT_CODES["pass"]}.get(state, EXIT_CODES["inconclusive"])
    return {
        "schema_version": SCHEMA_VERSION,
        "service": name,
        "state": state,
        "exit_code": code,
        "join": join,
        "since": None if since is None else iso(since),
        "epoch": epoch,
        "said": said,
        "rules": [{"name": r.rule, "fires": r.fires, "said": r.said, "chance": r.chance} for r in rulings],
    }


def keep(database: Database, name: str, found: dict[str, Any], *, slack: float = -1.0) -> dict[str, Any]:
    """Put what a watch ended in into the audit log, and give what stands.

    That is `found`, unless the watch of the same image, begun at most `slack` seconds earlier or later, has ended before:
    a sidecar that looks again after a restart, or a second one, has the last word no more than the first.

    Raises:
        StoreError: it was not kept.
    """
    text = json.dumps(found, indent=2) + "\n"
    state = str(found["state"])
    told = {"kind": KIND, "subject": name, "verdict": state, "report_sha256": sha256(text.encode("ascii")), **found}
    key = samples.service_ids(database, [(name, "")])[name]
    standing: list[dict[str, Any]] = []

    def known(connection: Connection) -> bool:
        standing.extend(each for each in outcomes(connection, key) if same(each, found, slack))
        return bool(standing)

    entry = Entry(KIND, name, state, int(found["exit_code"]), canonical(told), text)
    record = verdicts.keep(database, entry, service_id=key, unless=known)
    return found if record is not None else standing[0]


def outcomes(connection: Connection, service_id: int) -> list[dict[str, Any]]:
    """What the newest watches of a service ended in, the newest first; what is none any more is left out."""
    found = []
    for each in verdicts.newest(connection, service_id, KIND, REMEMBERED):
        try:
            body = json.loads(each.report)
            moment(body["since"])
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            continue
        if set(body) == set(shape("", "idle")):
            found.append(body)
    return found


def same(one: dict[str, Any], other: dict[str, Any], slack: float) -> bool:
    """Whether two outcomes are of one update; never for those of no image."""
    if one["epoch"] is None or one["epoch"] != other["epoch"]:
        return False
    return abs(moment(one["since"]) - moment(other["since"])) <= slack


def iso(seconds: float) -> str:
    """UTC to the second."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def moment(text: str) -> float:
    """The seconds since 1970 that `iso` wrote."""
    return datetime.fromisoformat(text).timestamp()
