"""Connections that goprobe keeps over updates in place, measured: what is lost, how long nothing is answered, what leaks.

Part of `make hazards`. The service and the crowd that talks to it are `testdata/programs/kept`, each a process of its own.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from scripts.programs.gobuild import ROOT, BuildFailed, GoBuild, host_arch

if TYPE_CHECKING:
    from collections.abc import Iterator

PROGRAM = ROOT / "testdata" / "programs" / "kept"
HALF_MS, ALL_MS = 500.0, 2000.0
"""The goals for the pause, from when the loops begin to stop."""
SPARE_DESCRIPTORS = 200
SETTLED = 10
"""The update from which on nothing may grow any more."""
MORE_GOROUTINES = 8  # that answer the probe's clients
MORE_MEMORY = 1.05
CROWD_SECONDS = 1800.0
LOOK_SECONDS = 2.0
QUIET = 0.2
"""The share of the processors' time that others may take where the pause is judged."""


@dataclass(frozen=True, slots=True)
class Service:
    """A running service: where it listens, and where its probe answers."""

    address: str
    status: str


def kept(connections: int, updates: int, goroot: Path, folder: Path) -> int:
    """Update a service with that many connections under traffic in both directions; how much was not as it has to be.

    Raises:
        BuildFailed: from the toolchain, or when the system allows too few descriptors.
    """
    room = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if room != resource.RLIM_INFINITY and room < connections + SPARE_DESCRIPTORS:
        raise BuildFailed(f"RLIMIT_NOFILE allows {room} descriptors, {connections:,} connections need more: ulimit -n")
    program = folder / "kept"
    GoBuild(goroot=goroot, source=PROGRAM, goarch=host_arch(), flags=("-trimpath",)).run(program)
    return (
        _under_traffic(program, connections, updates)
        + _refused(program, connections)
        + _again_and_again(program, max(connections // 10, 1), updates * 5)
    )


def _under_traffic(program: Path, connections: int, updates: int) -> int:
    load, busy = os.getloadavg()[0], _busy_share()
    print(f"\n{updates} updates in place with {connections:,} connections that ask and are pushed to:\n", flush=True)
    with _service(program) as service:
        found = _crowd(program, service, connections, updates)
    each = found["each"]
    print(f"  messages asked and answered {found['sent']:,}, pushed {found['pushed']:,}")
    print(f"  connections with a message lost, doubled or out of order, or closed: {found['failed']}")
    for reason in found["reasons"]:
        print(f"    {reason}")
    if not each:
        return 1
    half, last = [one["half_ms"] for one in each], [one["all_ms"] for one in each]
    memory = (median(one["kib"] for one in each) - found["idle_kib"]) / connections
    print(f"  until half of those that waited had an answer: median {median(half):,.0f} ms, worst {max(half):,.0f} ms")
    print(f"  until all had one: median {median(last):,.0f} ms, worst {max(last):,.0f} ms")
    print(f"  memory of a kept connection, resident, its goroutine included: {memory:.1f} KiB")
    print(f"  before, others took {busy:.0%} of the {os.cpu_count()} cores; load average {load:.1f}")
    wrong = int(found["failed"] > 0) + int(len(each) != updates)
    if busy > QUIET:
        print(f"  not judged: {HALF_MS:.0f} ms and {ALL_MS:.0f} ms are the goals for a machine that does nothing else")
        return wrong
    return wrong + int(max(half) > HALF_MS) + int(max(last) > ALL_MS)


def _busy_share() -> float:
    """The share of all processors' time that others take, over a moment: from 0 to 1. proc(5) has the file's form."""
    taken = []
    for pause in (LOOK_SECONDS, 0.0):
        with Path("/proc/stat").open(encoding="ascii") as file:
            fields = [int(field) for field in file.readline().split()[1:9]]
        taken.append((sum(fields), fields[3] + fields[4]))  # idle, waiting for a disk
        time.sleep(pause)
    everything, idle = (after - before for before, after in zip(*taken, strict=True))
    return 1.0 - idle / max(everything, 1)


def _refused(program: Path, connections: int) -> int:
    print(
        f"\nNew images that crash in their trial, or refuse a session, with {connections:,} connections:\n", flush=True
    )
    wrong = 0
    for fault in ("crash", "refuse"):
        with _service(program, fault=fault) as service:
            found = _crowd(program, service, connections, 2, "-refused")
        print(f"  {fault:<8}{found['refused']} of 2 refused, connections that lost something: {found['failed']}")
        wrong += int(found["refused"] != 2 or found["failed"] > 0)
    return wrong


def _again_and_again(program: Path, connections: int, updates: int) -> int:
    print(f"\n{updates} updates with {connections:,} connections:\n", flush=True)
    with _service(program) as service:
        found = _crowd(program, service, connections, updates, "-rest", "100ms")
    each = found["each"]
    if len(each) < SETTLED:
        print(f"  only {len(each)} updates")
        return 1
    # Every image is a fresh one: what it has at its start is compared, early and late.
    share = min(SETTLED, len(each) // 2)
    early, late = each[:share], each[-share:]
    wrong = int(found["failed"] > 0)
    print(f"  connections with a message lost, doubled or out of order, or closed: {found['failed']}")
    for name, key, more in (
        ("descriptors", "descriptors", 0),
        ("goroutines", "goroutines", MORE_GOROUTINES),
        ("resident KiB", "kib", None),
    ):
        before, after = median(one[key] for one in early), median(one[key] for one in late)
        most = before * MORE_MEMORY if more is None else before + more
        print(f"  {name:<14}{before:>10,.0f} in the first {share}, {after:>10,.0f} in the last {share}")
        wrong += int(after > most)
    return wrong


def _crowd(program: Path, service: Service, connections: int, updates: int, *options: str) -> dict[str, Any]:
    command = [program, "crowd", "-address", service.address, "-status", service.status]
    command += ["-connections", str(connections), "-updates", str(updates), *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=CROWD_SECONDS, check=False)
    if done.returncode:
        raise BuildFailed(f"the crowd gave up: {done.stderr[-2000:].strip()}")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@contextmanager
def _service(program: Path, *, fault: str = "") -> Iterator[Service]:
    command = [program, "serve", "-fault", fault]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            said = process.stdout.readline().split() if process.stdout else []
            if len(said) != 3:  # generation, address, status
                raise BuildFailed("the service did not come up")
            yield Service(said[1], said[2])
        finally:
            process.kill()
