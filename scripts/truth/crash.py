"""Kills hotgate with SIGKILL in the middle of its work, again and again, and looks whether anything acknowledged is lost.

`python -m scripts.truth.crash --rounds 300` does it to programs that append to the audit log, to `hotgate check --audit` and to
the sidecar. An SQLite file is made for each kind; with `--postgresql` a database of a server that is started for it.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import random
import re
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from contextlib import ExitStack
from pathlib import Path
from typing import IO, TYPE_CHECKING

from gate.store import audit, chain
from gate.store.database import Database
from gate.store.retention import integrity
from scripts.measure.soak import config, simulated
from scripts.programs.gobuild import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

ACKNOWLEDGED = re.compile(rb"^(?:audit: )?(\d+:[0-9a-f]{64})$", re.MULTILINE)
PATIENCE = 90.0

APPENDER = """
import sys
from gate.store import audit, chain
from gate.store.database import Database
from gate.store.chain import Head
with Database.open(sys.argv[1]) as database:
    for n in range(1 << 30):
        record = audit.append(database, chain.canonical({"n": n, "pad": "x" * (n * 97 % 5000)}))
        sys.stdout.write(f"{Head(record.seq, record.hash)}\\n")
        sys.stdout.flush()
"""


def appender(store: str) -> list[str]:
    """A program that appends record after record, and says so when one is acknowledged."""
    return [sys.executable, "-c", APPENDER, store]


def checker(store: str, binary: Path) -> list[str]:
    """`hotgate check --audit`, which tells the head on stderr."""
    return [sys.executable, "-m", "gate", "check", str(binary), str(binary), "--audit", "--store", store]


def kill_once(argv: Sequence[str], delay: float | None, enough: int = 1) -> list[chain.Head]:
    """Start `argv`, kill it after `delay` seconds or, without, after `enough` answers; give the heads it acknowledged."""
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(argv, stdout=said, stderr=said, cwd=ROOT)
        end = time.monotonic() + (PATIENCE if delay is None else delay)
        while process.poll() is None and (left := end - time.monotonic()) > 0:
            time.sleep(min(left, 0.02))
            if delay is None and len(_acknowledged(said)) >= enough:
                break
        process.kill()
        process.wait(PATIENCE)
        return _acknowledged(said)


def _acknowledged(said: IO[bytes]) -> list[chain.Head]:
    found = (chain.parse_head(each.decode()) for each in ACKNOWLEDGED.findall(os.pread(said.fileno(), 1 << 30, 0)))
    return [head for head in found if head is not None]


def look(store: str, acknowledged: Sequence[chain.Head]) -> list[str]:
    """What is wrong with the store: what its log lacks or has otherwise, and damage."""
    with Database.open(store) as database:
        with database.read() as connection:
            log = chain.verify(audit.records(connection), audit.stored_head(connection), acknowledged)
            found = [each.what for each in log]
        return found + integrity(database)


def rounds(
    number: int, argv: Sequence[str], store: str, longest: float, chance: random.Random
) -> tuple[int, int, list[str]]:
    """Kill `number` times: rounds that acknowledged something, records, and problems.

    At the first answer once, so that it is known how long one takes here; then after up to `longest` seconds.
    """
    heads: list[chain.Head] = []
    busy, problems = 0, []
    for n in range(number):
        begun = time.monotonic()
        found = kill_once(argv, chance.uniform(0.05, longest) if n else None)
        if n == 0:
            longest = max(longest, 1.5 * (time.monotonic() - begun))
        else:
            longest *= 0.97 if found else 1.2  # so that a slow machine, too, is hit before, in and after its appends
        busy += bool(found)
        heads += found
        # The store is opened after every crash; the whole log is read every tenth time and at the end.
        wrong = look(store, heads) if n % 10 == 9 or n == number - 1 else look_briefly(store, found)
        if wrong:
            problems += [f"round {n + 1}: {each}" for each in wrong]
            break
    return busy, len(heads), problems


def look_briefly(store: str, heads: Sequence[chain.Head]) -> list[str]:
    """Whether the store opens, and has what was just acknowledged."""
    with Database.open(store) as database, database.read() as connection:
        kept = ((head, audit.find(connection, head.seq)) for head in heads)
        return [f"record {head.seq} is lost" for head, row in kept if row is None or row.hash != head.hash]


def main() -> int:
    """Kill, look, and say what was seen."""
    parser = argparse.ArgumentParser(description="kill hotgate in mid-append and look what is left")
    parser.add_argument("--rounds", type=int, default=300, metavar="N", help="kills of each kind")
    parser.add_argument(
        "--kind", choices=("append", "check", "sidecar"), action="append", help="only this kind; repeatable"
    )
    parser.add_argument("--store", metavar="URL", help="of an empty PostgreSQL database, instead of SQLite files")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--postgresql", action="store_true", help="start a PostgreSQL server for it, which is gone afterwards"
    )
    arguments = parser.parse_args()
    kinds = arguments.kind or ["append", "check", "sidecar"]
    failed = False
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="hotgate-crash-"))
        server = None
        if arguments.postgresql:
            from tests import postgres  # noqa: PLC0415 - as the tests start one

            server = stack.enter_context(postgres.running())
        for kind in kinds:
            store = arguments.store or (server.new_database() if server else str(Path(folder, f"{kind}.db")))
            with Database.connect(store) as database:
                database.upgrade()
            begun = time.monotonic()
            busy, records, problems = KINDS[kind](arguments.rounds, store, random.Random(arguments.seed))  # noqa: S311 - no secret
            took = time.monotonic() - begun
            print(
                f"{kind:<8} {arguments.rounds} kills, {busy} after something was acknowledged: {records} records,",
                end=" ",
            )
            print(f"{len(problems)} problems, {took:.0f} s", *problems, sep="\n" if problems else " ", flush=True)
            failed |= bool(problems) or not records
    return 1 if failed else 0


def _append(number: int, store: str, chance: random.Random) -> tuple[int, int, list[str]]:
    return rounds(number, appender(store), store, 1.2, chance)


def _check(number: int, store: str, chance: random.Random) -> tuple[int, int, list[str]]:
    from tests import matrix  # noqa: PLC0415 - the fixtures

    return rounds(number, checker(store, matrix.unpack("go1.27-amd64-exe")), store, 1.6, chance)


def _sidecar(number: int, store: str, chance: random.Random) -> tuple[int, int, list[str]]:
    """Verdicts asked of a sidecar that polls three services twice a second, until it is killed."""
    heads: list[chain.Head] = []
    busy, problems, longest = 0, [], 2.5
    first = 0.0
    with simulated({"good": 2, "garbage": 1}) as ports, tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "hotgate.toml")
        path.write_text(config(ports, "500ms", store), "utf-8")
        for n in range(number):
            with Path(folder, "log").open("wb") as log:
                argv = [sys.executable, "-m", "gate", "sidecar", "--config", str(path), "--store", store]
                process = subprocess.Popen(argv, stderr=log, cwd=ROOT)
            begun = time.monotonic()
            # The first is killed some time after its first answer, so that it is known how long one takes here.
            killer = threading.Timer(chance.uniform(0.3, longest) if n else PATIENCE, process.kill)
            killer.start()
            found, answered = _ask(Path(folder, "log"), process, 0 if n else 20)
            killer.cancel()
            process.wait(PATIENCE)
            busy += bool(found)
            # Killed before, in and after the first answers, however slow the machine is.
            took = answered - begun if found else 1.3 * first
            first = 0.8 * (first or took) + 0.2 * took
            longest = max(1.7 * first, 0.5) if first else longest * 1.2
            heads += found
            problems += look(store, heads) if n % 10 == 9 or n == number - 1 else look_briefly(store, found)
            if problems:
                break
    return busy, len(heads), problems


def _ask(log: Path, process: subprocess.Popen[bytes], enough: int) -> tuple[list[chain.Head], float]:
    """The heads that a sidecar answers verdicts with until it is gone, and when the first came.

    After `enough` answers, where that is not 0, it is killed.
    """
    first = 0.0
    heads: list[chain.Head] = []
    address = ""
    while process.poll() is None:
        if not address:
            served = re.search(r"serving (http://[0-9.:]+)", log.read_text("utf-8", "replace"))
            address = served[1] if served else ""
            time.sleep(0.02)
            continue
        try:
            with urllib.request.urlopen(f"{address}/v1/verdict?service=good-0", timeout=PATIENCE) as answer:  # noqa: S310 - our own
                head = chain.parse_head(json.load(answer)["audit"])
        except (OSError, ValueError, http.client.HTTPException):
            continue
        if head is not None:
            first = first or time.monotonic()
            heads.append(head)
        if enough and len(heads) >= enough:
            process.kill()
            process.wait(PATIENCE)
    return heads, first


KINDS: dict[str, Callable[[int, str, random.Random], tuple[int, int, list[str]]]] = {
    "append": _append,
    "check": _check,
    "sidecar": _sidecar,
}


if __name__ == "__main__":
    sys.exit(main())
