"""The table of restart libraries, from what rehearsals of a service of each saw."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scripts.truth.rehearsals.bench import plan

if TYPE_CHECKING:
    from scripts.truth.rehearsals.bench import Bench

SIGNALS = {"tableflip": "SIGHUP", "grace": "SIGUSR2", "endless": "SIGHUP", "overseer": "SIGUSR2"}
DRILLS = ("crash", "hang", "cut_off")
EXPECTED = {
    "tableflip": (True, ("held",) * 3),
    "grace": (True, ("down",) * 3),
    "endless": (None, ("stuck",) * 3),
    "overseer": (False, ("down",) * 3),
    "tableflip with the drain": (False, ("held",) * 3),
}
"""Library -> whether requests are lost (None: in some runs), and what became of the drills: the table of the documents."""
USUAL_ROUNDS = 1


def run(bench: Bench, rounds: int, beside: int) -> int:
    """How many rows are not what they are known to be."""
    del beside
    print("| library | requests lost | crash | hang | cut off | verdict |\n|---|---|---|---|---|---|")
    wrong = 0
    every = [(name, name, "") for name in SIGNALS] + [("tableflip with the drain", "tableflip", ', "-drain"')]
    for title, name, extra in every * rounds:
        program = bench.program(name)
        text = plan(trigger=f'"{SIGNALS[name]}"', extra=extra, updates=20, rate=200, more="")
        report = bench.rehearse(name, program, program, text)
        section = report["rehearsal"]
        lost = sum(loss["count"] for each in section["updates"] for loss in each["lost"])
        asked = sum(each["requests"] for each in section["updates"])
        outcomes = {each["name"]: each["outcome"] for each in section["drills"]}
        seen = tuple(outcomes.get(drill, "") for drill in DRILLS)
        row = [title, f"{lost:,} of {asked:,} in {len(section['updates'])} updates", *seen, report["verdict"]]
        loses, drills = EXPECTED[title]
        unlike = seen != drills or loses not in (None, lost > 0)
        wrong += unlike
        print(f"| {' | '.join(row)} |{'  BAD' if unlike else ''}", flush=True)
    return wrong
