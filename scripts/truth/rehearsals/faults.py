"""Services that are wrong in one thing: each has to be found by its rule, and by no other."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from scripts.truth.rehearsals.bench import plan, rules_of

if TYPE_CHECKING:
    from scripts.truth.rehearsals.bench import Bench

FINDS = {
    "flag": "HG802", "crash": "HG802", "deaf": "HG802", "lock": "HG802", "both": "HG802",
    "abrupt": "HG801", "closes": "HG801", "errors": "HG801", "state": "HG806", "migrates": "HG804",
    "answer": "HG805", "header": "HG805", "status": "HG805", "slow": "HG808", "descriptors": "HG807",
    "goroutines": "HG807", "processes": "HG807", "files": "HG807", "once": "HG803", "leaks": "HG803",
    "deafens": "HG807",
}  # fmt: skip
"""Fault of `testdata/services/rehearsed` -> the rule that finds it."""
BOTH_SIDES = {
    "lock",
    "both",
    "abrupt",
    "closes",
    "descriptors",
    "goroutines",
    "processes",
    "files",
    "once",
    "leaks",
    "deafens",
}
"""Faults that OLD has as well: they are not NEW's."""
USUAL_ROUNDS = 10


def run(bench: Bench, rounds: int, beside: int) -> int:
    """How many were found otherwise."""
    wrong = 0

    def one(name: str) -> tuple[str, set[str]]:
        old, new = bench.program(name if name in BOTH_SIDES else "good"), bench.program(name)
        updates = 10 if FINDS[name] == "HG807" else 6
        return name, rules_of(bench.rehearse(name, old, new, plan(updates=updates)))

    for name in ("good", *FINDS):
        bench.program(name)
    with ThreadPoolExecutor(beside) as pool:
        for name, found in pool.map(one, [name for _ in range(rounds) for name in FINDS]):
            good = found == {FINDS[name]}
            wrong += not good
            mark, said = "ok  " if good else "BAD ", ", ".join(sorted(found)) or "nothing"
            print(f"{mark} {name:<12} {FINDS[name]}  found {said}", flush=True)
    print(f"faults: {len(FINDS) * rounds - wrong} of {len(FINDS) * rounds} found by their rule alone")
    return wrong
