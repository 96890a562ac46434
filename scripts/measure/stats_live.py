"""The comparison of profiles on real programs: `make stats-live`.

testdata/programs/hot is run as it is, rebuilt with another layout of its code, with a function of 5% of the CPU time that
is twice as slow, and refactored. The full run, 20 rounds of 20 windows of 6 s, takes four hours of one processor; --quick
takes minutes. With --keep a run that was cut off goes on where it was, and one that is complete is only judged again.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from probes.live.profile_files import read_source
from probes.profile.comparison.compare import diff
from probes.profile.comparison.windows import compare_windows
from scripts.programs.gobuild import BuildFailed
from scripts.programs.hot import build, run

if TYPE_CHECKING:
    from collections.abc import Iterator

SLOWER = "main.score"
FOUND = 0.95
"""Of the rounds in which the slower function must be found; no other comparison may report a regression."""
CASES = ("rebuilt", "slower", "split", "renamed", "inlined")


def windows(case: str, folder: Path, count: int, length: float) -> Path:
    """Take `count` windows of `length` seconds of the program as it is in `case`, unless `folder` has them already."""
    if folder.exists():
        return folder
    program = build("" if case in ("base", "rebuilt") else case, rebuilt=case == "rebuilt")
    arguments = ("-windows", str(count), "-window", f"{length:g}s")
    taking = folder.with_suffix(".taking")
    shutil.rmtree(taking, ignore_errors=True)
    run(program, taking, *arguments, seconds=2 * count * length + 30)
    return taking.rename(folder)


def regressions(base: Path, new: Path) -> list[str]:
    """The functions that are said to cost more."""
    sides = [read_source(str(path)).profiles for path in (base, new)]
    return [each.name for each in diff(compare_windows(sides[0], sides[1])).regressions()]


@contextmanager
def kept_in(keep: Path | None, rounds: str) -> Iterator[Path]:
    """The folder of the rounds: below `keep`, or one that is removed in the end."""
    if keep is not None:
        yield keep / rounds
        return
    with tempfile.TemporaryDirectory(prefix="hotgate-stats-") as scratch:
        yield Path(scratch)


def main() -> int:
    """Run, compare and print; 1 when something does not hold."""
    parser = argparse.ArgumentParser(description="the comparison of profiles on real programs")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--windows", type=int, default=20)
    parser.add_argument("--window", type=float, default=6.0, metavar="SECONDS")
    parser.add_argument("--case", action="append", choices=CASES, help="only these; repeatable")
    parser.add_argument("--first", type=int, default=1, metavar="ROUND", help="begin with this round")
    parser.add_argument(
        "--keep", type=Path, metavar="FOLDER", help="keep the profiles there, and use those that are there"
    )
    parser.add_argument("--quick", action="store_true", help="2 rounds of 20 windows of 1 s")
    options = parser.parse_args()
    if options.quick:
        options.rounds, options.window = 2, 1.0
    told: dict[str, list[list[str]]] = {case: [] for case in options.case or CASES}
    try:
        for number in range(options.first, options.first + options.rounds):
            with kept_in(options.keep, f"{options.windows}x{options.window:g}s/{number:02}") as folder:
                base = windows("base", folder / "base", options.windows, options.window)
                for case, found in told.items():
                    new = windows(case, folder / case, options.windows, options.window)
                    found.append(regressions(base, new))
                    print(f"round {number}: {case:<10}{', '.join(found[-1]) or 'nothing'}", flush=True)
    except BuildFailed as exc:
        print(f"error: {exc}", file=sys.stderr)
        return 2
    failed = False
    for case, found in told.items():
        if case == "slower":
            hits = sum(SLOWER in names for names in found)
            good = hits >= FOUND * len(found)
            print(f"{case:<10}found in {hits} of {len(found)}{'' if good else '  (too few)'}")
        else:
            alarms = sum(bool(names) for names in found)
            good = alarms == 0
            print(f"{case:<10}{alarms} false alarms in {len(found)}{'' if good else '  (none is right)'}")
        failed |= not good
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
