"""Deltas of ten public pairs: bytes beside whole images, zstd and bsdiff, and the time to make and to apply them.

`make bench-delta`, or `python -m scripts.measure.deltas [--only PART] [--ways go,zstd]`. Every delta is made in a process of its own, within the
bounds that `hotgate release add` has, and applied; what comes out has to be the new image to the bit. Times are user and system CPU time.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from gate.release import image
from gate.release.delta.container import apply_delta, wrap
from scripts.fetch.public_binaries import NotFetched, by_name, fetch

PAIRS = (
    ("esbuild-0.25.0", "esbuild-0.25.1"),
    ("esbuild-arm64-0.25.0", "esbuild-arm64-0.25.1"),
    ("esbuild-0.25.1", "esbuild-0.25.12"),
    ("esbuild-0.28.0", "esbuild-0.28.2"),
    ("esbuild-0.24.2", "esbuild-0.25.0"),
    ("esbuild-0.20.2", "esbuild-0.21.5"),
    ("tsgo-20260705.1", "tsgo-20260707.2"),
    ("wandb-core-0.21.0", "wandb-core-0.21.1"),
    ("wandb-core-0.22.0", "wandb-core-0.22.1"),
    ("caddy-2.11.4", "caddy-2.11.7"),
)
WAYS = ("whole", "zstd", "bsdiff", "go")
GOAL = 60_000
"""Bytes for the first pair."""

SECONDS = 900
"""What bsdiff may take of the largest pairs."""


@dataclass(frozen=True)
class Result:
    """One delta: bytes, CPU seconds to make and to apply it, megabytes at most while it was made."""

    size: int
    making: float
    applying: float
    peak: int


def measure(old: Path, new: Path, way: str) -> Result | None:
    """The delta that `way` makes, applied; None when it could not be made in time.

    Raises:
        SystemExit: what came out is not the new image.
    """
    before, after = old.read_bytes(), new.read_bytes()
    if way == "whole":
        started = time.process_time()
        packed = image.pack(after)
        return Result(len(packed), time.process_time() - started, 0.0, 0)
    with tempfile.TemporaryDirectory(prefix="hotgate-bench-") as folder:
        place = Path(folder)
        (place / "old").write_bytes(before)
        (place / "new").write_bytes(after)
        process = subprocess.Popen(
            [sys.executable, "-m", "gate.release.delta.making", way, folder, str(8 << 30), str(SECONDS)]
        )
        deadline = time.monotonic() + SECONDS
        while True:
            pid, status, usage = os.wait4(process.pid, os.WNOHANG)
            if pid:
                break
            if time.monotonic() > deadline:
                process.kill()
                os.wait4(process.pid, 0)
                return None
            time.sleep(0.05)
        process.returncode = status
        if status:
            return None
        delta = wrap(way, before, after, (place / f"{way}.out").read_bytes())  # type: ignore[arg-type]
    base, sha256 = (hashlib.sha256(data).hexdigest() for data in (before, after))
    started = time.process_time()
    if apply_delta(before, delta, base=base, sha256=sha256, size=len(after)) != after:
        raise SystemExit(f"error: the {way} delta of {old.name} → {new.name} makes something else")
    return Result(len(delta), usage.ru_utime + usage.ru_stime, time.process_time() - started, usage.ru_maxrss // 1024)


def main() -> int:
    """Print a line a pair; 1 when a delta is not exact, or the goal is missed."""
    parser = argparse.ArgumentParser(description="deltas of public pairs")
    parser.add_argument("--only", default="", metavar="PART", help="pairs whose names have PART in them")
    parser.add_argument("--ways", default=",".join(WAYS), help=f"of {','.join(WAYS)}")
    asked = parser.parse_args()
    ways = [way for way in WAYS if way in asked.ways.split(",")]
    print(f"{'pair':<44} {'image':>9}  " + "  ".join(f"{way:>28}" for way in ways))
    print(f"{'':<44} {'MB':>9}  " + "  ".join(f"{'bytes   make s  apply s   MB':>28}" for _ in ways), flush=True)
    missed = False
    for old_name, new_name in PAIRS:
        if asked.only not in f"{old_name} {new_name}":
            continue
        try:
            old, new = fetch(by_name(old_name)), fetch(by_name(new_name))
        except NotFetched as exc:
            print(f"{old_name} → {new_name}: {exc}", file=sys.stderr)
            missed = True
            continue
        found = [measure(old, new, way) for way in ways]
        row = "  ".join(f"{'not in time':>28}" if each is None else _shown(each) for each in found)
        print(f"{old_name + ' → ' + new_name:<44} {new.stat().st_size / 1e6:9.1f}  {row}", flush=True)
        if (old_name, new_name) == PAIRS[0] and "go" in ways:
            goal = found[ways.index("go")]
            missed |= goal is None or goal.size > GOAL
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(f"all exact; this process, which applies them, had {peak} MB at most")
    return 1 if missed else 0


def _shown(result: Result) -> str:
    return f"{result.size:>9} {result.making:7.1f} {result.applying:7.2f} {result.peak:5}"


if __name__ == "__main__":
    sys.exit(main())
