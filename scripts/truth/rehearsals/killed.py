"""Rehearsals that are killed at any moment: no process, folder, namespace or port is left."""

from __future__ import annotations

import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from scripts.programs.gobuild import ROOT
from scripts.truth.rehearsals.bench import plan

if TYPE_CHECKING:
    from scripts.truth.rehearsals.bench import Bench

USUAL_ROUNDS = 300
PATIENCE = 60.0


def run(bench: Bench, rounds: int, beside: int) -> int:
    """How many left something."""
    chance = random.Random(17)  # noqa: S311 - which moments, no secret
    good = bench.program("good")
    ways = [
        (
            number,
            chance.choice(["auto", "no"]),
            chance.uniform(0.2, 12.0),
            chance.choice([signal.SIGKILL, signal.SIGTERM, signal.SIGINT]),
        )
        for number in range(rounds)
    ]

    def one(way: tuple[int, str, float, signal.Signals]) -> tuple[str, list[str], float]:
        number, isolate, after, sent = way
        where = Path(tempfile.mkdtemp(prefix="killed-", dir=bench.folder))
        (where / "hotgate.toml").write_text(plan(updates=4), "utf-8")
        command = [sys.executable, "-m", "gate", "rehearse", str(good), str(good), f"--isolate={isolate}"]
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(where)}
        process = subprocess.Popen(
            command, cwd=where, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        time.sleep(after)
        process.send_signal(sent)
        process.wait()
        begin = time.monotonic()
        while (remains := _remains(where)) and time.monotonic() - begin < PATIENCE:
            time.sleep(0.05)
        return f"round {number}, {isolate}, {sent.name} after {after:.1f} s", remains, time.monotonic() - begin

    left, times = 0, []
    with ThreadPoolExecutor(beside) as pool:
        for name, remains, took in pool.map(one, ways):
            times.append(took)
            left += bool(remains)
            if remains:
                print(f"BAD  {name}: {remains}", flush=True)
    middle = statistics.median(times)
    print(
        f"killed: {rounds} rounds, {left} left something; gone within {middle:.2f} s (median), {max(times):.2f} s (worst)"
    )
    return left


def _remains(where: Path) -> list[str]:
    """Folders below `where`, and processes that have it in their command line or as their working folder.

    A network namespace lives as long as a process in it, or a mount of it; none is mounted. A port lives as long as its process.
    """
    found = [str(each) for each in where.glob("hotgate-rehearsal-*")]
    name = os.fsencode(where)
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if name in (folder / "cmdline").read_bytes() or os.fsencode((folder / "cwd").readlink()).startswith(name):
                found.append(folder.name)
        except OSError:
            continue
    return found
