"""A canary inside a host, measured: how exact the share is, who stays where, and what a good and a bad NEW cost.

`python -m scripts.truth.release_proof.canary` prints all tables; `--rounds` says how often, `--connections` over how many the
share is counted. The service and its crowds are `testdata/programs/canary`, each a process of its own.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from scripts.programs.gobuild import ROOT, BuildFailed, GoBuild, go_version, host_arch, require_go

if TYPE_CHECKING:
    from collections.abc import Iterator

PROGRAM = ROOT / "testdata" / "programs" / "canary"
PATIENCE = 90.0
DRIFT = 20
"""Connections by which the share may be off at any time (goprobe/internal/canary/chooser.go)."""
EXACT = 0.01
"""The goal: off by at most that over 10,000 connections."""
SHARES = ((0.01, 10_000), (0.05, 10_000), (0.05, 1000), (0.05, 8), (0.05, 1), (0.5, 1000))
"""(share, addresses of clients)."""
SHARE = 0.1
HANG_SECONDS = 3.0
ENDS = {
    "500": ("failures", 15.0),
    "some": ("failures", 15.0),
    "slow": ("latency", 15.0),
    "crash": ("crashed", 15.0),
    "hang": ("hung", 15.0 + HANG_SECONDS),
    "memory": ("memory", 15.0),
}
"""Fault -> what has to end it, and within how many seconds from its first connection on: many times what it takes, because
a machine with other work may stand still for seconds. The table has what it took."""
GOOD_SECONDS = 3.0


@dataclass(slots=True)
class Service:
    """A running service."""

    process: subprocess.Popen[str]
    order: Path
    address: str = ""
    endpoints: str = ""
    generation: int = 0
    said: list[str] = field(default_factory=list)

    def line(self) -> str:
        """The next line that it says."""
        said = self.process.stdout.readline().strip() if self.process.stdout else ""
        if not said:
            raise BuildFailed(f"the service ended; it said {self.said}")
        self.said.append(said)
        return said

    def listens(self) -> None:
        """Wait until an image says where it listens."""
        words = self.line().split()
        if len(words) != 4 or words[0] != "generation":
            raise BuildFailed(f"the service said {words}")
        self.generation, self.address, self.endpoints = int(words[1]), words[2], words[3]

    def begin(self, share: float, seconds: float, fault: str = "") -> None:
        """Start an update with a canary, and wait until NEW serves."""
        self.order.write_text(json.dumps({"share": share, "for": seconds, "fault": fault}), encoding="ascii")
        before = (self.canary() or {}).get("started_monotonic_ns")
        self.process.send_signal(signal.SIGUSR2)
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            found = self.canary()
            if found and found["started_monotonic_ns"] != before and found["state"] != "starting":
                return
            time.sleep(0.05)
        raise BuildFailed(f"no canary within {PATIENCE:.0f} s")

    def canary(self) -> dict[str, Any] | None:
        """How the canary stands."""
        with urllib.request.urlopen(f"http://{self.endpoints}/debug/hotgate/status", timeout=300) as answer:
            found: dict[str, Any] | None = json.load(answer)["canary"]
            return found


@contextmanager
def service(program: Path, folder: Path, network: str = "tcp") -> Iterator[Service]:
    """The service, once it listens; it is ended when the block ends."""
    order = folder / "order.json"
    where = "127.0.0.1:0" if network == "tcp" else str(folder / "socket")
    command = [program, "serve", "-network", network, "-listen", where, "-order", order]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            own = Service(process, order)
            own.listens()
            yield own
        finally:
            process.kill()
            if network == "unix":
                Path(where).unlink(missing_ok=True)


@contextmanager
def crowd(program: Path, address: str) -> Iterator[dict[str, Any]]:
    """A crowd that asks until the block ends; the dictionary has what it saw after that."""
    command = [program, "crowd", "-address", address]
    found: dict[str, Any] = {}
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield found
            said, _ = process.communicate(timeout=PATIENCE)
            found.update(json.loads(said))
        finally:
            process.kill()


def shares(program: Path, folder: Path, connections: int) -> int:
    """How the connections fall on the sides; how often that is not as it has to be."""
    print(f"\nThe share of {connections:,} connections, by how many addresses they come from:\n")
    print(f"{'':8}{'addresses':>11}{'share':>8}{'at NEW':>9}{'off by':>9}{'changed sides':>15}{'failed':>8}")
    wrong = 0
    for network, share, addresses in [("tcp", *each) for each in SHARES] + [("unix", 0.05, 1)]:
        with service(program, folder, network) as own:
            own.begin(share, 600.0)
            command = [program, "count", "-network", network, "-address", own.address]
            command += ["-connections", str(connections), "-addresses", str(addresses)]
            done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=600)
            found, passing = json.loads(done.stdout), (own.canary() or {})["passing"]
        off = found["new"] / connections - share
        sticky = f"{found['changes']}" if network == "tcp" else "no address"
        print(
            f"{network:<8}{addresses if network == 'tcp' else '':>11}{share:>8.0%}{found['new']:>9,}{off:>9.2%}{sticky:>15}"
            f"{found['failed']:>8}",
            flush=True,
        )
        same = passing["accepted"] == connections and passing["passed"] == found["new"]
        wrong += int(abs(off) > min(EXACT, (DRIFT + 1) / connections) or found["failed"] > 0 or not same)
        wrong += int(addresses == connections and found["changes"] > 0)
    return wrong


def good(program: Path, folder: Path, rounds: int) -> int:
    """Promote a good NEW again and again under load; how often something was lost."""
    wrong, requests, failed, at_new, took = 0, 0, 0, 0, []
    with service(program, folder) as own:
        for turn in range(rounds):
            with crowd(program, own.address) as seen:
                time.sleep(0.5)
                begun = time.monotonic()
                own.begin(SHARE, GOOD_SECONDS)
                own.listens()
                took.append(time.monotonic() - begun)
                time.sleep(0.3)
            status = own.canary() or {}
            wrong += int(own.generation != turn + 2 or status.get("state") != "promoted" or seen["failed"] > 0)
            wrong += int(seen["at_new"] == 0 or status["passing"]["cut"] > 0)
            requests, failed, at_new = requests + seen["requests"], failed + seen["failed"], at_new + seen["at_new"]
            if seen["failed"]:
                print(f"  round {turn + 1}: {seen['reasons']}")
    print(
        f"\n{rounds} updates with a good NEW at {SHARE:.0%} for {GOOD_SECONDS:g} s under load: {requests:,} requests, "
        f"{failed} lost;\n{at_new:,} connections were NEW's before it took over; from signal to take-over "
        f"{median(took):.1f} s (median), {max(took):.1f} s (worst)"
    )
    return wrong


@dataclass(slots=True)
class Bad:
    """What one kind of a bad NEW came to, over all rounds."""

    shares: list[float] = field(default_factory=list)
    decided: list[float] = field(default_factory=list)
    over: list[float] = field(default_factory=list)
    hurt: int = 0
    connections: int = 0


def bad(program: Path, folder: Path, rounds: int) -> int:
    """Let a bad NEW serve again and again; how often it hurt more than it may, or for longer."""
    print(f"\n{rounds} times each a bad NEW at {SHARE:.0%} under load; times in seconds, median and worst:\n")
    print(
        f"{'fault':<9}{'ended by':<10}{'connections':>12}{'hurt':>7}{'share':>8}{'worst':>8}"
        f"{'decided':>16}{'over for clients':>19}"
    )
    wrong = 0
    for fault, (code, limit) in ENDS.items():
        found = Bad()
        with service(program, folder) as own:
            _warm(program, own)
            for _ in range(rounds):
                with crowd(program, own.address) as seen:
                    own.begin(SHARE, 60.0, fault)
                    said = own.line()
                status = own.canary() or {}
                passing = status["passing"]
                allowed = SHARE * passing["accepted"] + DRIFT + 1
                ready = status["ready_monotonic_ns"]
                found.decided.append((status["decided_monotonic_ns"] - ready) / 1e9)
                found.over.append(max(0.0, seen["last"] - seen["first"]))
                found.shares.append(passing["passed"] / max(passing["accepted"], 1))
                found.hurt += seen["hurt"]
                found.connections += passing["accepted"]
                # What was slow for other reasons, on a busy machine, is no fault of NEW's: failures alone are counted strictly.
                harmed = seen["failed"] if code != "latency" else 0
                ok = status["code"] == code and "serves on" in said and passing["passed"] <= allowed
                ok = ok and found.decided[-1] <= limit and harmed <= _most(fault, passing, status)
                if not ok:
                    print(f"  {said}\n  {json.dumps(status)}\n  {json.dumps(seen)}")
                    wrong += 1
        print(
            f"{fault:<9}{code:<10}{found.connections:>12,}{found.hurt:>7,}{found.hurt / max(found.connections, 1):>8.1%}"
            f"{max(found.shares):>8.1%}{median(found.decided):>9.1f}{max(found.decided):>7.1f}"
            f"{median(found.over):>12.1f}{max(found.over):>7.1f}",
            flush=True,
        )
    return wrong


def _most(fault: str, passing: dict[str, Any], status: dict[str, Any]) -> int:
    """How many requests may fail: of a NEW that is gone, one on each connection that it had; else those that it answered."""
    if fault in ("crash", "hang", "memory"):
        return int(passing["cut"])
    return int(status["new"]["requests"]) + 20 * int(passing["passed"])


def _warm(program: Path, own: Service) -> None:
    """Let the old image count something to be compared with."""
    with crowd(program, own.address):
        time.sleep(2.0)


def prove(*, quick: bool = False, rounds: int = 20, connections: int = 10_000) -> bool:
    """Print all tables; whether everything was as it has to be."""
    rounds, connections = (2, 1000) if quick else (rounds, connections)
    goroot = require_go()
    with tempfile.TemporaryDirectory(prefix="hotgate-canary-") as scratch:
        folder = Path(scratch)
        program = folder / "canary"
        GoBuild(goroot=goroot, source=PROGRAM, goarch=host_arch(), cgo=False, flags=("-trimpath",)).run(program)
        print(f"goprobe's canary, {go_version(goroot)}, {os.cpu_count()} cores, load average {os.getloadavg()[0]:.1f}")
        wrong = shares(program, folder, connections) if connections else 0
        if rounds:
            wrong += good(program, folder, rounds) + bad(program, folder, rounds)
    if wrong:
        print(f"\n{wrong} times it was not as it has to be", file=sys.stderr)
    return wrong == 0


def main() -> int:
    """Measure."""
    parser = argparse.ArgumentParser(description="measure a canary inside a host")
    parser.add_argument("--rounds", type=int, default=20, help="good updates, and bad ones of each kind (default: 20)")
    parser.add_argument(
        "--connections", type=int, default=10_000, help="over which the share is counted (default: 10000)"
    )
    arguments = parser.parse_args()
    try:
        return 0 if prove(rounds=arguments.rounds, connections=arguments.connections) else 1
    except BuildFailed as exc:
        print(f"error: {exc}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
