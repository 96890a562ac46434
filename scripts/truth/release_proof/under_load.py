"""Applies and rollbacks of the orders service under load: what is lost, how long each way takes.

`python -m scripts.truth.release_proof.under_load --rounds 50`. The load is that of a rehearsal: requests that are sent when they are due, on
new, kept-alive and slow connections.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from gate.rehearsal.load.client import Load
from gate.rehearsal.load.generator import Order
from gate.rehearsal.load.records import is_loss, longest_pause, losses
from gate.rehearsal.load.requests import Request
from scripts.programs.gobuild import ROOT, require_go
from scripts.truth.release_proof._site import NAME, Site, build, site

BODY = json.dumps([{"quantity": 2, "unit_price": 25}]).encode()
REQUESTS = (Request("GET", "/orders"), Request("POST", "/orders", (("Content-Type", "application/json"),), BODY))


def order(port: int, rate: int) -> Order:
    """What the generator is asked for."""
    return Order(
        host="127.0.0.1",
        port=port,
        requests=REQUESTS,
        rate=rate,
        new=30,
        slow=10,
        timeout=30.0,
        expect=(200, 201),
        keep=0,
        keep_as="lines",
        keep_host="",
        keep_port=0,
        keep_path="",
    )


class Way:
    """How long one way took, each time, in seconds: the command, and from the trigger until the new image served."""

    def __init__(self) -> None:
        self.whole: list[float] = []
        self.taking_over: list[float] = []
        self.spans: list[tuple[float, float, float]] = []
        """Beginning, end, and the load average then, of each command."""

    def shown(self) -> str:
        """Median and worst of both."""
        return ", ".join(
            f"{what} {statistics.median(times):.2f} s, at the worst {max(times):.2f} s"
            for what, times in (("the command takes", self.whole), ("the take-over", self.taking_over))
        )


def move(found: Site, way: Way, *words: str) -> str:
    """Run a command; what is wrong with its end, "" for nothing."""
    begun = time.monotonic()
    code, out, err = found.run(*words, "--log", "json")
    lines = [json.loads(line) for line in out.splitlines()]
    if code != 0:
        return f"{words}: exit code {code}: {lines[-1].get('said') if lines else err}"
    way.whole.append(time.monotonic() - begun)
    way.spans.append((begun, time.monotonic(), os.getloadavg()[0]))
    ended: dict[str, Any] = next(
        each for each in lines if (each.get("stage"), each.get("event")) == ("take-over", "end")
    )
    way.taking_over.append(ended["took"])
    return ""


def prove(*, quick: bool = False, rounds: int = 50, rate: int = 100) -> bool:
    """Apply, roll back, count, and print; whether nothing was lost."""
    rounds = min(rounds, 3) if quick else rounds
    there, back, problems = Way(), Way(), []
    with tempfile.TemporaryDirectory(prefix="hotgate-load-") as name:
        folder = Path(name)
        repository = build(folder / "releases", require_go(), ("1.0.0", "1.1.0"))
        with site(folder / "host", repository, within="60s") as found:
            load = Load(order(found.port, rate), folder, {**os.environ, "PYTHONPATH": str(ROOT)})
            begun = time.monotonic()
            load.resume()
            try:
                for _ in range(rounds):
                    problems += [move(found, there, "apply", NAME, "--version", "1.1.0")]
                    problems += [move(found, back, "rollback", NAME)]
                    if any(problems):
                        break
                load.pause()
                ended = time.monotonic()
                examples, records = load.examples(), load.records()
            finally:
                load.stop()
            problems += [*found.wrong(repository.parent / "images"), found.audit()]
            generation = found.generation()
    lost = losses(records, examples)
    print(f"{len(there.whole)} applies: {there.shown()}")
    print(f"{len(back.whole)} rollbacks: {back.shown()}")
    print(f"{len(records):,} requests in {ended - begun:.0f} s, lost: {sum(each.count for each in lost)}")
    print(f"the longest time without an answer: {longest_pause(records, begun, ended):.2f} s; images: {generation}")
    # A machine that has no time for either side loses connections that nobody's update took: where they were lost says which.
    for name, way in (("apply", there), ("rollback", back)):
        for number, (start, end, average) in enumerate(way.spans, 1):
            gone = [each for each in records if is_loss(each) and start <= each.ended <= end]
            if gone:
                waited = max(each.begun - each.due for each in gone)
                print(
                    f"  {len(gone)} during {name} {number}: take-over {way.taking_over[number - 1]:.1f} s, load average {average:.0f}, sent up to {waited:.1f} s late"
                )
    for each in lost:
        print(f"  {each.count} {each.kind} on {each.on} connections: {each.example}")
    print(*[each for each in problems if each], sep="\n", end="")
    return not lost and not any(problems) and generation == 2 * rounds + 1


def main() -> int:
    """Apply and roll back as often as is asked for."""
    parser = argparse.ArgumentParser(description="applies and rollbacks under load")
    parser.add_argument("--rounds", type=int, default=50, metavar="N", help="applies, and as many rollbacks")
    parser.add_argument("--rate", type=int, default=100, metavar="N", help="requests a second")
    arguments = parser.parse_args()
    return 0 if prove(rounds=arguments.rounds, rate=arguments.rate) else 1


if __name__ == "__main__":
    sys.exit(main())
