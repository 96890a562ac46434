"""Operations that are killed with SIGKILL at any moment, on disks that are full or read-only: what is left, and what resuming makes of it.

`python -m scripts.truth.release_proof.kills --rounds 300 --beside 3`. With root, the releases are on a small tmpfs of their own, which is filled
or made read-only in some of the rounds; without, files are kept small (RLIMIT_FSIZE).
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from gate.apply.host.journal import OPERATION, Journal
from scripts.programs.gobuild import require_go
from scripts.truth.release_proof._site import CRASHES, FAILS, NAME, WATCH, Site, build, orders, site

if TYPE_CHECKING:
    from collections.abc import Iterator

GOOD = ("1.0.0", "1.1.0")
DISK = "200m"
STAGES = {
    "fetch": 0.3,
    "assemble": 0.4,
    "prewarm": 0.1,
    "gate": 2.0,
    "switch": 0.02,
    "trigger": 0.05,
    "take-over": 1.5,
    "watch": 4.0,
    "back": 1.5,
}
"""Stage -> seconds after its beginning within which it is killed there. Half of the kills are at any moment instead."""
OUTSIDE = "before or after"
FAULTS = ("plain", "plain", "plain", "plain", "plain", "plain", "full", "read-only", "small files")


class Bench:
    """One host, and what is done to it. `kills`: how often something was killed, by what it was."""

    def __init__(self, found: Site, images: Path, chance: random.Random, *, disk: bool) -> None:
        self.host, self.images, self.chance, self.disk = found, images, chance, disk
        self.kills: Counter[str] = Counter()
        self.ends: Counter[str] = Counter()
        self.stages: Counter[str] = Counter()
        self.longest = 20.0
        self.problems: list[str] = []

    def round(self) -> None:
        """Begin something, kill it at any moment, perhaps its resumption as well, and let that come to an end then."""
        fault = self.chance.choice(FAULTS)
        with self._fault(fault):
            self._kill(self._words(), fault)
        while self.chance.random() < 0.4:
            self._kill(("apply", NAME, "--resume"), "resumed")
        self._weak("after the kills")
        self._end()

    def _words(self) -> tuple[str, ...]:
        other = next(each for each in GOOD if each != self.host.links()[0])
        choice = self.chance.random()
        if choice < 0.2 and self.host.links()[1] in GOOD:
            return ("rollback", NAME)
        version = CRASHES if choice > 0.9 else FAILS if choice > 0.75 else other
        return ("apply", NAME, "--version", version)

    def _kill(self, words: tuple[str, ...], what: str) -> None:
        small = what == "small files"
        limit = partial(
            resource.setrlimit, resource.RLIMIT_FSIZE, (self.chance.randrange(1, 1 << 22), resource.RLIM_INFINITY)
        )
        process = subprocess.Popen(
            [*self.host.command(*words), "--log", "json"],
            cwd=self.host.folder,
            env=self.host.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            preexec_fn=limit if small else None,  # noqa: PLW1509 - one call
        )
        begun = time.monotonic()
        with process:
            if self.chance.random() < 0.5:
                with suppress(subprocess.TimeoutExpired):
                    process.wait(self.chance.uniform(0.3, self.longest))
            else:
                self._wait_for_stage(process)
            if process.poll() is None:
                process.kill()
                process.wait()
                stage = self._stage()
                self.stages[stage] += 1
                self.kills[what] += stage != OUTSIDE
                return
        if process.returncode == 0:
            self.longest = 0.7 * self.longest + 0.3 * 1.1 * (time.monotonic() - begun)

    def _wait_for_stage(self, process: subprocess.Popen[bytes]) -> None:
        """Until a stage has begun, and a moment longer; or until the command ends without it."""
        stage = self.chance.choice([*STAGES, "switch", "trigger", "back"])
        for line in process.stdout or ():
            said = json.loads(line)
            if (said.get("stage"), said.get("event")) == (stage, "begin"):
                time.sleep(self.chance.uniform(0, STAGES[stage]))
                return

    def _stage(self) -> str:
        """In which stage it was killed, as the journal tells."""
        lines = Journal(self.host.srv / ".hotgate" / "journal.jsonl").lines()
        own = [line for line in lines if line.operation == lines[-1].operation]
        if not own or (own[-1].stage, own[-1].event) == (OPERATION, "end"):
            return OUTSIDE
        return next((line.stage for line in reversed(own) if line.event == "begin"), own[-1].stage)

    def _end(self) -> None:
        """Let what was killed come to its end, and hold everything against what must be."""
        found = self.host.outcome("apply", NAME, "--resume")
        self.ends[str(found.get("ending") or f"exit code {found['exit_code']}")] += 1
        if "ending" not in found:
            self.problems.append(f"resume: {found['error'].strip()}")
        self.problems += self.host.wrong(self.images)

    def _weak(self, when: str) -> None:
        """What must not even be right after a kill: a link that leads nowhere, a half image under the name of a release."""
        for name in ("current", "previous"):
            link = self.host.srv / name
            if link.is_symlink() and not (link / NAME).is_file():
                self.problems.append(f"{when}: {name} leads nowhere")
        for each in (self.host.srv / "releases").iterdir():
            if not each.name.startswith("."):
                image = each / NAME
                if not image.is_file() or image.stat().st_size != (self.images / each.name).stat().st_size:
                    self.problems.append(f"{when}: releases/{each.name} is not whole")
        if self.host.runs() in {"", "?"}:
            self.problems.append(f"{when}: the service does not run a whole image")

    @contextmanager
    def _fault(self, fault: str) -> Iterator[None]:
        if not self.disk or fault not in {"full", "read-only"}:
            yield
            return
        filler = self.host.srv / "filler"
        timer = threading.Timer(self.chance.uniform(0, self.longest), self._break, (fault, filler))
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
            timer.join()
            subprocess.run(["mount", "-o", "remount,rw", str(self.host.srv)], check=True)
            filler.unlink(missing_ok=True)

    def _break(self, fault: str, filler: Path) -> None:
        if fault == "read-only":
            # It is refused while a file is being written: the next moment will do.
            for _ in range(50):
                done = subprocess.run(
                    ["mount", "-o", "remount,ro", str(self.host.srv)], check=False, capture_output=True
                )
                if done.returncode == 0:
                    return
                time.sleep(0.02)
            return
        with suppress(OSError), filler.open("wb", buffering=0) as file:
            while True:
                file.write(b"\0" * 65536)


@contextmanager
def disk(folder: Path) -> Iterator[bool]:
    """A tmpfs of its own at `folder`, where that is allowed; whether it is."""
    folder.mkdir(parents=True, exist_ok=True)
    mounted = os.geteuid() == 0 and (
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", str(folder)], check=False).returncode
        == 0
    )
    try:
        yield mounted
    finally:
        if mounted:
            subprocess.run(["umount", "-l", str(folder)], check=False)


def one(number: int, rounds: int, folder: Path, repository: Path, seed: int) -> Bench:
    """A host on which things are killed until `rounds` were."""
    images = repository.parent / "images"
    where = folder / f"host-{number}"
    with ExitStack() as stack:
        mounted = stack.enter_context(disk(where / "srv"))
        found = stack.enter_context(site(where, repository, more=WATCH.format(within="5s"), keep=2))
        stack.enter_context(orders(found.port, 0.05))
        bench = Bench(found, images, random.Random(seed + number), disk=mounted)  # noqa: S311 - no secret
        while sum(bench.kills.values()) < rounds and not bench.problems:
            bench.round()
        bench.problems += [each for each in (found.audit(),) if each]
    return bench


def prove(*, quick: bool = False, rounds: int = 300, beside: int = 2, seed: int = 0) -> bool:
    """Kill, look, and print what was seen; whether nothing was wrong."""
    rounds = min(rounds, 10) if quick else rounds
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="hotgate-kills-") as name:
        folder = Path(name)
        repository = build(folder / "releases", require_go(), (*GOOD, CRASHES, FAILS))
        share = -(-rounds // beside)
        with ThreadPoolExecutor(beside) as pool:
            work = partial(one, rounds=share, folder=folder, repository=repository, seed=seed)
            benches = list(pool.map(work, range(beside)))
    kills: Counter[str] = sum((each.kills for each in benches), Counter())
    stages: Counter[str] = sum((each.stages for each in benches), Counter())
    ends: Counter[str] = sum((each.ends for each in benches), Counter())
    problems = [each for bench in benches for each in bench.problems]
    print(
        f"{sum(kills.values())} kills in the middle of an operation in {time.monotonic() - begun:.0f} s: {_listed(kills)}"
    )
    print(f"killed in: {_listed(stages)}")
    print(f"what resuming came to: {_listed(ends)}")
    print(f"{len(problems)} problems", *problems, sep="\n")
    return not problems


def main() -> int:
    """Kill as often as is asked for."""
    parser = argparse.ArgumentParser(description="kill operations at any moment and look what is left")
    parser.add_argument("--rounds", type=int, default=300, metavar="N", help="kills in all")
    parser.add_argument("--beside", type=int, default=2, metavar="N", help="hosts at a time")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    return 0 if prove(rounds=arguments.rounds, beside=arguments.beside, seed=arguments.seed) else 1


def _listed(counted: Counter[str]) -> str:
    return ", ".join(f"{number} {name}" for name, number in counted.most_common())


if __name__ == "__main__":
    sys.exit(main())
