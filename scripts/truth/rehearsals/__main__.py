"""Rehearse services that are right, and services that are wrong: `python -m scripts.truth.rehearsals PART…`.

`libraries`: the table of restart libraries. `faults`: services that are wrong in one thing. `right`: services of different kinds that have to
pass. `control`: the same without any update. `generator`: the load generator, and what it loses or sends late by itself. `killed`:
rehearsals that are ended at any moment.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from scripts.programs.gobuild import BuildFailed
from scripts.truth.rehearsals import faults, generator, killed, libraries, right
from scripts.truth.rehearsals.bench import Bench

PARTS = {
    "libraries": (libraries.run, libraries.USUAL_ROUNDS),
    "faults": (faults.run, faults.USUAL_ROUNDS),
    "control": (right.control, right.USUAL_ROUNDS),
    "right": (right.run, right.USUAL_ROUNDS),
    "generator": (generator.run, generator.USUAL_ROUNDS),
    "killed": (killed.run, killed.USUAL_ROUNDS),
}


def main() -> int:
    """Run the parts that are named, or all."""
    usual = ", ".join(f"{name} {rounds}" for name, (_, rounds) in PARTS.items())
    parser = argparse.ArgumentParser(description="rehearse services that are right, and services that are wrong")
    parser.add_argument(
        "parts", nargs="*", choices=[*PARTS, []], metavar="PART", help=f"of {', '.join(PARTS)}; all unless given"
    )
    parser.add_argument("--rounds", type=int, help=f"how often each service is rehearsed (default: {usual})")
    parser.add_argument("--beside", type=int, default=1, help="rehearsals at once (default: 1)")
    arguments = parser.parse_args()
    wrong = 0
    with tempfile.TemporaryDirectory() as folder:
        try:
            bench = Bench(Path(folder))
            for name in arguments.parts or PARTS:
                part, rounds = PARTS[name]
                wrong += part(bench, arguments.rounds or rounds, arguments.beside)
        except BuildFailed as exc:
            print(f"error: {exc}", file=sys.stderr)
            return 2
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
