"""Feeds damaged binaries to hotgate: each must end in a typed error or in a report, soon, and within bounded memory.

A mutant is compared with the binary that it was made from, by the engine that `hotgate check` uses. Each runs in a
worker process under a limit of memory and time. What fails is kept in `tests/hostile/corpus` as a recipe, and
`make test` replays those.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import multiprocessing
import os
import random
import resource
import signal
import sys
import tempfile
import threading
import time
import traceback
import warnings
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from scripts.programs.gobuild import ROOT
from scripts.truth.mutations import Recipe, random_recipe
from tests import matrix

if TYPE_CHECKING:
    from collections.abc import Iterator
    from multiprocessing.connection import Connection

CORPUS = ROOT / "tests" / "hostile" / "corpus"
SECONDS = 10
"""Processor time for one mutant; an undamaged pair of this size takes 0.1."""
PATIENCE = 90
"""Seconds by the clock after which a worker is ended; a busy machine, and the imports of a new worker, are in it."""
HEADROOM = 1 << 30
"""Bytes of address space that a worker may take beyond what it has after its imports."""
MEMORY_FLOOR, MEMORY_FACTOR = 96 << 20, 32
"""Resident bytes that one mutant may add: the floor, and this many times the size of the pair's files."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one mutant ended: `error` (typed), `report`, or `failure` with the reason in `detail`."""

    kind: str
    detail: str
    seconds: float = 0.0
    memory: int = 0


def run_case(recipe: Recipe, folder: Path) -> Outcome:
    """Compare the mutant with its original, in this process. It is written into `folder`."""
    started, before = time.process_time(), _peak(reset=True)
    mutant = folder / "mutant"
    content = recipe.apply()
    mutant.write_bytes(content)
    mutant.chmod(0o755)  # what is damaged is what it holds
    original = matrix.unpack(recipe.base)
    old, new = (mutant, original) if recipe.old else (original, mutant)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        kind, detail = _compare(str(old), str(new), str(mutant))
    memory = max(_peak() - before, 0)
    if memory > MEMORY_FLOOR + MEMORY_FACTOR * (len(content) + original.stat().st_size):
        kind, detail = "failure", f"took {memory >> 20} MB for a file of {len(content)} bytes ({kind}: {detail})"
    return Outcome(kind, detail, time.process_time() - started, memory)


def _compare(old: str, new: str, mutant: str) -> tuple[str, str]:
    from gate.model import Mode  # noqa: PLC0415
    from gate.policy.model import Policy  # noqa: PLC0415
    from gate.report.formats import json  # noqa: PLC0415
    from gate.runs.comparison import check  # noqa: PLC0415
    from probes.errors import ProbeError  # noqa: PLC0415

    # A hotfix looks at more: where variables are, and what refers to them.
    mode = Mode.HOTFIX if Path(mutant).stat().st_size % 2 else Mode.EXEC
    try:
        result = check(old, new, Policy(mode=mode))
        json.render(result)
        _walk(mutant)
        _walk_types(old, new)
    except ProbeError as exc:
        text = str(exc)
        bad = "\n" in text or not exc.what or not exc.subject
        return (
            ("failure", f"{type(exc).__name__} is not one line about a file: {text!r}") if bad else ("error", exc.what)
        )
    except BaseException as exc:  # noqa: BLE001 - finding these is the purpose
        frame = traceback.extract_tb(exc.__traceback__)[-1]
        return "failure", f"{type(exc).__name__}: {exc} ({Path(frame.filename).name}:{frame.lineno})"
    return "report", result.verdict


def _walk(path: str) -> None:
    """Ask the function table what a comparison may never ask: lines, files and inlined calls."""
    from probes.errors import MalformedTable  # noqa: PLC0415
    from probes.go import load  # noqa: PLC0415
    from probes.go.table.inlining import frames, inline_tree  # noqa: PLC0415

    table = load(path).functions
    if table is None:
        return
    for index in range(0, len(table), max(len(table) // 40, 1)):
        with contextlib.suppress(MalformedTable):
            frames(table, int(table.entry[index]))
        with contextlib.suppress(MalformedTable):
            frames(table, max(int(table.end[index]) - 1, 0))
        with contextlib.suppress(MalformedTable):
            table.file(index)
            table.start(index)
            inline_tree(table, index)


def _walk_types(old: str, new: str) -> None:
    """Ask for the types of both, and for what differs between them."""
    from probes.drift.types.compare import layout_drift, reached  # noqa: PLC0415
    from probes.errors import MalformedTable  # noqa: PLC0415
    from probes.go import load  # noqa: PLC0415

    with contextlib.suppress(MalformedTable):
        sides = [types.read() for types in (load(path).types for path in (old, new)) if types is not None]
        for table in sides:
            for row in range(0, len(table), max(len(table) // 40, 1)):
                table.info(row)
        if len(sides) == 2:
            drift = layout_drift(*sides)
            for row in range(0, len(sides[0]), max(len(sides[0]) // 10, 1)):
                reached(drift, sides[0].full_names[row])


def _peak(*, reset: bool = False) -> int:
    """Peak resident bytes of this process; with `reset`, since now (proc(5), clear_refs and VmHWM)."""
    if reset:
        with contextlib.suppress(OSError):
            Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) << 10
    return 0


def _serve(pipe: Connection, folder: str) -> None:
    """A worker: takes recipes, answers with outcomes."""
    import gate.runs.comparison  # noqa: F401, PLC0415 - what is imported now does not count as memory of a mutant
    import probes.drift  # noqa: PLC0415

    del probes.drift
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    run_case(Recipe(matrix.entries()[0].name, (("write", 0x400, "00"),)), Path(folder))
    used = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + HEADROOM, used + HEADROOM))
    printed = Path(folder) / "printed"
    with printed.open("w+b") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    while True:
        recipe = pipe.recv()
        if recipe is None:
            return
        outcome = run_case(recipe, Path(folder))
        sys.stdout.flush()
        sys.stderr.flush()
        if printed.stat().st_size:
            text = printed.read_text(encoding="utf-8", errors="replace")
            outcome = Outcome("failure", f"printed {text[:200]!r}", outcome.seconds)
            os.ftruncate(1, 0)
        pipe.send(outcome)


class Worker:
    """A process that runs one mutant after the other, and is replaced when one of them hangs or kills it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._start()

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, str(self._folder)), daemon=True)
        self._process.start()
        theirs.close()

    def run(self, recipe: Recipe) -> Outcome:
        """The outcome of one mutant."""
        self._pipe.send(recipe)
        started = time.perf_counter()
        try:
            if self._pipe.poll(PATIENCE):
                outcome: Outcome = self._pipe.recv()
                if outcome.seconds <= SECONDS:
                    return outcome
                return Outcome("failure", f"took {outcome.seconds:.0f} s ({outcome.kind}: {outcome.detail})")
            detail = f"no answer within {time.perf_counter() - started:.0f} s"
        except (EOFError, OSError):
            self._process.join(5)
            detail = f"the process died with {self._process.exitcode}"
        self.close()
        self._start()
        return Outcome("failure", detail, time.perf_counter() - started)

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.join()
        self._pipe.close()


def run_all(recipes: list[Recipe], jobs: int) -> Iterator[tuple[Recipe, Outcome]]:
    """Run `recipes` in `jobs` workers; in no certain order."""
    local = threading.local()
    workers: list[Worker] = []
    with tempfile.TemporaryDirectory() as scratch, ThreadPoolExecutor(jobs) as pool:

        def start() -> None:
            local.worker = Worker(Path(scratch) / str(threading.get_ident()))
            workers.append(local.worker)

        def one(recipe: Recipe) -> tuple[Recipe, Outcome]:
            if not hasattr(local, "worker"):
                start()
            return recipe, local.worker.run(recipe)

        try:
            yield from pool.map(one, recipes)
        finally:
            for worker in workers:
                worker.close()


def reduced(recipe: Recipe, worker: Worker) -> Recipe:
    """The recipe with every edit left out that the failure does not need."""
    edits = list(recipe.edits)
    index = 0
    while index < len(edits) and len(edits) > 1 and index < 80:
        fewer = Recipe(recipe.base, tuple(edits[:index] + edits[index + 1 :]), old=recipe.old)
        if worker.run(fewer).kind == "failure":
            edits = list(fewer.edits)
        else:
            index += 1
    return Recipe(recipe.base, tuple(edits), old=recipe.old)


def keep(recipe: Recipe, outcome: Outcome) -> Path:
    """Write a recipe to the corpus."""
    CORPUS.mkdir(parents=True, exist_ok=True)
    noted = Recipe(recipe.base, recipe.edits, old=recipe.old, note=outcome.detail)
    name = f"{noted.base}-{hashlib.sha256(repr(noted.edits).encode()).hexdigest()[:8]}.json"
    path = CORPUS / name
    path.write_text(noted.to_json(), encoding="utf-8")
    return path


def main() -> int:
    """Run mutants, keep those that fail."""
    parser = argparse.ArgumentParser(description="feed damaged binaries to hotgate")
    parser.add_argument("--count", type=int, default=10_000, help="mutants (default: 10000)")
    parser.add_argument("--seed", type=int, default=1, help="the same seed gives the same mutants (default: 1)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="worker processes")
    parser.add_argument("--no-keep", action="store_true", help="do not write failures to tests/hostile/corpus")
    options = parser.parse_args()
    rng = random.Random(options.seed)  # noqa: S311 - reproducible on purpose
    recipes = [random_recipe(rng) for _ in range(options.count)]
    started = time.perf_counter()
    tally: Counter[str] = Counter()
    errors: Counter[str] = Counter()
    failures: dict[str, tuple[Recipe, Outcome]] = {}
    slowest, largest, slow = 0.0, 0, None
    for done, (recipe, outcome) in enumerate(run_all(recipes, options.jobs), 1):
        tally[outcome.kind] += 1
        largest = max(largest, outcome.memory)
        if outcome.seconds > slowest:
            slowest, slow = outcome.seconds, recipe
        if outcome.kind == "error":
            errors[outcome.detail.split(" ")[0]] += 1
        if outcome.kind == "failure" and outcome.detail[:60] not in failures:
            failures[outcome.detail[:60]] = recipe, outcome
            print(f"failure: {recipe.base}: {outcome.detail}", flush=True)
        if done % 1000 == 0:
            print(f"{done} of {options.count}: {dict(tally)}, {time.perf_counter() - started:.0f} s", flush=True)
    if failures and not options.no_keep:
        with tempfile.TemporaryDirectory() as scratch:
            worker = Worker(Path(scratch) / "worker")
            for recipe, outcome in failures.values():
                print(f"kept {keep(reduced(recipe, worker), outcome).relative_to(ROOT)}", flush=True)
            worker.close()
    print(f"{options.count} mutants in {time.perf_counter() - started:.0f} s: {dict(tally)}")
    print(f"slowest {slowest:.2f} s, most memory {largest >> 20} MB")
    if slow is not None:
        print(
            f"slowest: {slow.base}, {'OLD' if slow.old else 'NEW'} damaged, {len(slow.edits)} edits: {str(slow.edits)[:300]}"
        )
    return int(bool(failures))


if __name__ == "__main__":
    sys.exit(main())
