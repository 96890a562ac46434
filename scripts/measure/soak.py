"""Two thousand simulated services, polled by one sidecar: what it takes, how late it is, and what it missed.

`python -m scripts.measure.soak` runs ten minutes. `--seconds` and `--services` are for less.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select

from gate.store.database import Database
from gate.store.tables import SAMPLES, SERVICES
from scripts.programs.gobuild import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_CORES = 1.0
MAX_BYTES = 400e6
NUMBER = 2000
PER_PLACE = 16
"""Services to one poll that may be under way. One in eleven never answers, and takes its timeout, half an interval, until it
is asked less often: 22 would be just enough."""

ON_TIME = 0.99
LATE_MS = 1000
START_SECONDS = 15.0
"""The first round is not measured: everything is imported and connected to."""

SETTLE_SECONDS = 10.0
"""What was due in the last moment is in the store by then, on a busy machine too."""

TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was seen. `cores` is CPU seconds a second, `peak` bytes.

    `missed` are polls of good services that were due, `unseen` are good services without any poll. `unanswered` are polls that a good service
    did not answer in time, `good_failed` those that it answered with something else than what it was asked for.
    """

    services: int
    seconds: float
    polls: int
    on_time: float
    worst_ms: int
    missed: int
    unseen: int
    unanswered: int
    good_failed: int
    cores: float
    peak: int

    def problems(self) -> list[str]:
        """Which bounds do not hold."""
        return self.lost() + self.slow()

    def slow(self) -> list[str]:
        """Which bounds do not hold that other work on the machine may be to blame for."""
        found = []
        if self.on_time < ON_TIME:
            found.append(f"{self.on_time:.2%} of polls within {LATE_MS} ms, fewer than {ON_TIME:.0%}")
        if self.missed > 0:
            found.append(f"{self.missed} polls of good services are not in the store")
        return found

    def lost(self) -> list[str]:
        """Which bounds do not hold that are the same on every machine, however busy."""
        found = []
        if self.cores > MAX_CORES:  # CPU time, which other work leaves as it is
            found.append(f"{self.cores:.2f} cores, more than {MAX_CORES}")
        if self.peak > MAX_BYTES:
            found.append(f"{self.peak / 1e6:.0f} MB, more than {MAX_BYTES / 1e6:.0f}")
        if self.unseen:
            found.append(f"{self.unseen} good services were never polled")
        if self.unanswered > self.polls * (1 - ON_TIME):
            found.append(f"{self.unanswered} polls of good services had no answer in time")
        if self.good_failed:
            found.append(f"{self.good_failed} polls of good services failed")
        return found


@contextmanager
def simulated(counts: dict[str, int]) -> Iterator[dict[str, list[int]]]:
    """The services, in a process of their own; their ports by kind."""
    argv = [
        sys.executable,
        "-m",
        "scripts.measure.simulated",
        *(f"--{kind}={number}" for kind, number in counts.items()),
    ]
    process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT)
    assert process.stdin is not None and process.stdout is not None  # noqa: S101, PT018 - both are pipes
    try:
        yield json.loads(process.stdout.readline())
    finally:
        process.stdin.close()
        process.stdout.close()
        process.wait(10)


def config(ports: dict[str, list[int]], interval: str, store: str) -> str:
    """A configuration for all of them."""
    head = f'store = "{store}"\n[sidecar]\nlisten = "127.0.0.1:0"\ninterval = "{interval}"\n'
    head += f"concurrency = {max(64, sum(map(len, ports.values())) // PER_PLACE)}\n"
    rows = [(f"{kind}-{n}", port) for kind, numbers in ports.items() for n, port in enumerate(numbers)]
    return head + "".join(
        f'[[sidecar.service]]\nname = "{name}"\nurl = "http://127.0.0.1:{port}"\n' for name, port in rows
    )


def shares(services: int) -> dict[str, int]:
    """How many of `services` there are of each kind: one in ten is dead, one in 25 trickles, one in 50 sends garbage."""
    bad = {"dead": services // 10, "dribble": services // 25, "garbage": services // 50}
    return {"good": services - sum(bad.values())} | bad


def usage(pid: int) -> tuple[float, int]:
    """CPU seconds of a process, and the most bytes that it ever had resident, by proc(5)."""
    fields = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
    peak = re.search(r"^VmHWM:\s*(\d+) kB$", Path(f"/proc/{pid}/status").read_text("utf-8"), re.MULTILINE)
    assert peak is not None  # noqa: S101 - every process that is there has it
    return (int(fields[11]) + int(fields[12])) / TICKS, int(peak[1]) << 10


def run(counts: dict[str, int], seconds: float, interval: float, folder: Path) -> Outcome:
    """Poll for that long."""
    store = folder / "soak.db"
    with simulated(counts) as ports:
        path = folder / "hotgate.toml"
        path.write_text(config(ports, f"{interval:g}s", str(store)), "utf-8")
        argv = [sys.executable, "-m", "gate", "sidecar", "--config", str(path)]
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(argv, stderr=log, cwd=ROOT)
        try:
            time.sleep(START_SECONDS)
            begun, (cpu, _) = time.time(), usage(process.pid)
            time.sleep(seconds)
            end, (spent, peak) = time.time(), usage(process.pid)
            time.sleep(SETTLE_SECONDS)
        finally:
            process.send_signal(signal.SIGTERM)
            code = process.wait(600)  # on a busy machine what is under way takes its time
    if code:
        raise RuntimeError(f"the sidecar left with {code}: {(folder / 'log').read_text('utf-8')[-2000:]}")
    figures = read(str(store), begun, end, interval, counts["good"])
    return Outcome(sum(counts.values()), end - begun, **figures, cores=(spent - cpu) / (end - begun), peak=peak)


def read(store: str, begun: float, end: float, interval: float, good: int) -> dict[str, Any]:
    """What the store has of the time between `begun` and `end`."""
    within = SAMPLES.c.due_ms.between(int(begun * 1000), int(end * 1000) - 1)
    ours = SERVICES.c.name.like("good-%")
    with Database.open(store) as database, database.read() as connection:
        polls, worst = connection.execute(select(func.count(), func.max(SAMPLES.c.late_ms)).where(within)).one()
        late = connection.execute(
            select(func.count()).where(within, SAMPLES.c.late_ms > LATE_MS).select_from(SAMPLES)
        ).scalar_one()
        joined = SAMPLES.join(SERVICES)
        per = connection.execute(
            select(SERVICES.c.name, func.count()).select_from(joined).where(within, ours).group_by(SERVICES.c.name)
        ).all()
        states = connection.execute(
            select(SAMPLES.c.state, func.count()).select_from(joined).where(within, ours).group_by(SAMPLES.c.state)
        ).all()
    counted = {row[0]: int(row[1]) for row in states}
    unanswered = counted.get("unreachable", 0)
    # A service is due once in each interval: that many times at least, whatever its phase.
    due = int((end - begun) // interval)
    missed = sum(max(0, due - number) for _, number in per) + (good - len(per)) * due
    return {
        "polls": polls,
        "on_time": (polls - late) / polls if polls else 0.0,
        "worst_ms": worst or 0,
        "missed": missed,
        "unseen": good - len(per),
        "unanswered": unanswered,
        "good_failed": sum(counted.values()) - counted.get("ok", 0) - unanswered,
    }


def main() -> int:
    """Soak, and say what was seen."""
    parser = argparse.ArgumentParser(description="poll simulated services and measure")
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--interval", type=float, default=10.0)
    parser.add_argument("--services", type=int, default=NUMBER)
    arguments = parser.parse_args()
    counts = shares(arguments.services)
    with tempfile.TemporaryDirectory(prefix="hotgate-soak-") as folder:
        seen = run(counts, arguments.seconds, arguments.interval, Path(folder))
    print(f"{seen.services} services every {arguments.interval:g} s for {seen.seconds:.0f} s: {seen.polls:,} polls,")
    print(f"{seen.on_time:.3%} within {LATE_MS / 1000:g} s of their time, the worst {seen.worst_ms} ms late;")
    print(
        f"{seen.missed} polls of good services missed, {seen.unanswered} without an answer in time, {seen.good_failed} failed;"
    )
    print(f"{seen.cores:.3f} cores, {seen.peak / 1e6:.0f} MB at most")
    for problem in seen.problems():
        print(f"error: {problem}", file=sys.stderr)
    return 1 if seen.problems() else 0


if __name__ == "__main__":
    sys.exit(main())
