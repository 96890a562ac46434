"""A canary beside the old image: what the watch's formula says of its two sides, and how its end is recorded."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Literal

from msgspec import to_builtins

from gate.exits import EXIT_CODES
from gate.store import samples, verdicts
from gate.store.chain import canonical
from gate.store.entry import Entry, Kind, sha256
from gate.watch.judge import Ruling, worse

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from gate.store.database import Database
    from gate.watch.config import CanaryLimits
    from probes.live.goprobe import wire

SCHEMA_VERSION = "1"
KIND: Kind = "canary"
REMEMBERED = 16
OVER = ("ended", "promoted")
MAX_SAID = 300
MAX_RULES = 16

Decision = Literal["wait", "promote", "end", "undecided"]
"""`undecided` ends it as `end` does, and says nothing against NEW."""


def decide(now: wire.CanaryStatus, limits: CanaryLimits) -> tuple[Decision, str, list[Ruling]]:
    """What becomes of a canary, why, and what each rule says. Pure; the same as goprobe's own CountsJudge."""
    old, new = now.old, now.new
    rulings = [
        _ruling("failures", (old.failed, old.requests), (new.failed, new.requests), limits),
        _ruling("latency", (old.slow, old.timed), (new.slow, new.timed), limits),
    ]
    for each in rulings:
        if each.fires:
            return "end", f"{each.rule}: {each.said}", rulings
    if not now.over:
        return "wait", "", rulings
    if min(old.requests, old.timed, new.requests, new.timed) < limits.min_requests:
        said = f"too few requests to judge by: {new.requests} ({new.timed} since the warm-up), and {old.requests} ({old.timed}) beside it"
        said += f", of {limits.min_requests}"
        return "undecided", said, rulings
    return "promote", f"{new.requests:,} requests, {new.failed:,} failed", rulings


def _ruling(name: str, beside: tuple[int, int], own: tuple[int, int], limits: CanaryLimits) -> Ruling:
    if not beside[1] or not own[1]:
        return Ruling(name, None, "nothing was counted yet")
    fires, _, chance = worse(beside, own, limits.times, limits.min_count)
    said = f"{own[0]:,} of {own[1]:,} ({own[0] / own[1]:.3%}), beside it {beside[0]:,} of {beside[1]:,} ({beside[0] / beside[1]:.3%})"
    return Ruling(name, fires, said, chance)


def shape(name: str, now: wire.CanaryStatus) -> dict[str, Any]:
    """A canary as the API, the command and the audit log have it. `exit_code`: 0 promoted, 10 NEW is bad, else 11."""
    body: dict[str, Any] = to_builtins(now)
    for key in ("state", "decision", "code", "reason", "started_at", "path", "epoch", "go_build_id", "gnu_build_id"):
        body[key] = _short(body[key])
    body["rules"] = [{**each, "name": _short(each["name"])} for each in body["rules"][:MAX_RULES]]
    return {"schema_version": SCHEMA_VERSION, "service": name, "exit_code": exit_code(now), **body}


def exit_code(now: wire.CanaryStatus) -> int:
    """What a canary comes to."""
    if now.state == "promoted":
        return EXIT_CODES["pass"]
    bad = now.state == "ended" and now.decision != "undecided"
    return EXIT_CODES["block"] if bad else EXIT_CODES["inconclusive"]


def keep(database: Database, name: str, now: wire.CanaryStatus) -> bool:
    """Put the end of a canary into the audit log, unless it is there; whether it was not.

    Raises:
        StoreError: it was not kept.
    """
    found = shape(name, now)
    text = json.dumps(found, indent=2) + "\n"
    code = found["exit_code"]
    told = {
        "kind": KIND,
        "subject": name,
        "verdict": found["state"],
        "report_sha256": sha256(text.encode("ascii")),
        **found,
    }
    key = samples.service_ids(database, [(name, "")])[name]

    def known(connection: Connection) -> bool:
        return any(each["epoch"] == found["epoch"] for each in ends(connection, key))

    entry = Entry(KIND, name, found["state"], code, canonical(told), text)
    return verdicts.keep(database, entry, service_id=key, unless=known) is not None


def ends(connection: Connection, service_id: int, limit: int = REMEMBERED) -> list[dict[str, Any]]:
    """How the last canaries of a service ended, the newest first, each with `at_ms` and `audit_seq`; what is none is left out."""
    found = []
    for each in verdicts.newest(connection, service_id, KIND, limit):
        try:
            body = json.loads(each.report)
            wanted = {key: str(body[key]) for key in ("state", "code", "reason", "epoch")}
        except (ValueError, TypeError, KeyError, RecursionError):
            continue
        found.append({**wanted, "at_ms": each.at_ms, "audit_seq": each.audit_seq})
    return found


def _short(text: str) -> str:
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode("utf-8")[:MAX_SAID]
