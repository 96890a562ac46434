"""Watches services that were updated, and says `rollback` when a rule of theirs fires."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from typing import TYPE_CHECKING, Any

from gate.model import EXIT_CODES
from gate.store import samples, verdicts
from gate.store.chain import canonical
from gate.store.entry import Entry as Kept
from gate.store.entry import Kind
from gate.store.errors import StoreError
from gate.watch.judge import Ruling, State, joined, rule
from gate.watch.measure import measure

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gate.sidecar.board import Board, Entry
    from gate.sidecar.config import WatchConfig
    from gate.store.database import Database

LOG = logging.getLogger("hotgate.watch")
EVERY = 5.0
AT_ONCE = 8
"""Watches that look at the same time: a Prometheus may take its whole time to give no answer, which the others do not wait for."""

SCHEMA_VERSION = "1"


class Watching:
    """One watch for each service that has rules, from the update that was seen on."""

    def __init__(self, board: Board, database: Database) -> None:
        self._board = board
        self._database = database
        self._settled: dict[str, dict[str, Any]] = {}
        """What a watch ended in; it stands until the next update."""
        self._looking: dict[str, asyncio.Lock] = {}

    async def run(self) -> None:
        """Look at every watch that is on, for ever; a look that is not over yet is not begun again."""
        slots = asyncio.Semaphore(AT_ONCE)
        under_way: set[str] = set()
        try:
            async with asyncio.TaskGroup() as group:
                while True:
                    await asyncio.sleep(EVERY)
                    for name, entry in self._board.entries.items():
                        if entry.config.watch is not None and entry.updated_at and name not in under_way:
                            under_way.add(name)
                            group.create_task(self._turn(entry, slots, under_way))
        except ExceptionGroup as bugs:
            raise bugs.exceptions[0] from bugs  # whoever logs it wants the one that it is

    async def _turn(self, entry: Entry, slots: asyncio.Semaphore, under_way: set[str]) -> None:
        name = entry.config.name
        try:
            async with slots:
                await self.state(entry)
        except StoreError as exc:
            LOG.error("%s: the watch cannot look: %s", name, exc)  # noqa: TRY400
        finally:
            under_way.discard(name)

    async def state(self, entry: Entry) -> dict[str, Any]:
        """What the watch of a service says, and each of its rules.

        Raises:
            StoreError: the samples cannot be read, or a rollback could not be kept in the audit log.
        """
        name, config = entry.config.name, entry.config.watch
        if config is None or not entry.updated_at:
            why = "no rules are configured" if config is None else "no update was seen"
            return shape(name, "idle", (), since=None, join=None, said=why)
        async with self._looking.setdefault(name, asyncio.Lock()):
            settled = self._settled.get(name)
            if settled is not None and settled["since"] == iso(entry.updated_at):
                return settled
            return await self._look(entry, config)

    async def _look(self, entry: Entry, config: WatchConfig) -> dict[str, Any]:
        name, since = entry.config.name, entry.updated_at
        now = min(time.time(), since + config.within)
        over = now >= since + config.within
        rulings = await look(config, self._database, name, since, now)
        state = joined(rulings, config.join, over=over)
        found = shape(name, state, rulings, since=since, join=config.join)
        if state == "watching":
            return found
        if state == "rollback":
            LOG.warning("%s: rollback: %s", name, "; ".join(each.said for each in rulings if each.fires))
        elif state == "inconclusive":
            LOG.warning("%s: the watch ends: inconclusive: %s", name, found["said"])
        else:
            LOG.info("%s: the watch ends: %s", name, state)
        await asyncio.to_thread(keep, self._database, name, found)
        self._settled[name] = found
        return found


async def look(config: WatchConfig, database: Database, name: str, since: float, now: float) -> list[Ruling]:
    """What each rule says of the time since the update."""
    texts: tuple[Sequence[str], Sequence[str]] = ((), ())
    if any(each.source == "expvar" for each in config.rules):
        texts = await asyncio.to_thread(_texts, database, name, since - config.baseline, since, now)
    measured = await measure(config, since, now, texts)
    return [rule(own, each) for own, each in zip(config.rules, measured, strict=True)]


def _texts(database: Database, name: str, start: float, since: float, now: float) -> tuple[list[str], list[str]]:
    with database.read() as connection:
        key = samples.service_id(connection, name)
        rows = [] if key is None else samples.samples_since(connection, key, int(start * 1000), 100_000)
    before, after = sides(rows, round(since * 1000), now * 1000)
    return [row.counters for row in before], [row.counters for row in after]


def sides(rows: Sequence[Any], split: int, end: float) -> tuple[list[Any], list[Any]]:
    """Samples before and after the update at `split` (milliseconds); `end` is the last moment that counts.

    Who says when an update was begun says a time at which the old image still runs: what it counts until it is gone is no
    part of the time after.
    """
    rows = [row for row in rows if row.due_ms <= end]
    first = sum(row.due_ms < split for row in rows)
    old = next((row.epoch for row in reversed(rows[:first]) if row.epoch), "")
    while old and first < len(rows) and rows[first].epoch in (old, ""):
        first += 1
    return rows[:first], rows[first:]


def shape(  # noqa: PLR0913 - keywords, one a fact
    name: str, state: State, rulings: Sequence[Ruling], *, since: float | None, join: str | None, said: str = ""
) -> dict[str, Any]:
    """What a watch says, as the API gives it. `exit_code` is the one of `hotgate watch`: 10 means: roll back.

    `said` is why there is nothing to say: no update, or which rules nobody can tell of.
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
        "said": said,
        "rules": [{"name": r.rule, "fires": r.fires, "said": r.said, "chance": r.chance} for r in rulings],
    }


def keep(database: Database, name: str, found: dict[str, Any]) -> None:
    """Put what a watch ended in into the audit log."""
    kind: Kind = "watch"
    verdict = str(found["state"])
    body = canonical({"kind": kind, "subject": name, "verdict": verdict, **found})
    text = json.dumps(found, indent=2) + "\n"
    key = samples.service_ids(database, [(name, "")])[name]
    verdicts.keep(database, Kept(kind, name, verdict, int(found["exit_code"]), body, text), service_id=key)


def iso(moment: float) -> str:
    """UTC to the second."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(moment))
