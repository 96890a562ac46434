"""Measures recall and precision of the function comparison on programs whose edits are known.

Every edit of `tests/groundtruth/edits.py` is built in every configuration, compared, and held against what the
compiler's own listing says. Exits 1 when recall is below 1.0, precision below 0.99, or anything at all is reported
where nothing was done.
"""

from __future__ import annotations

import argparse
import sys
import time
from typing import TYPE_CHECKING

from scripts.programs.gobuild import BuildFailed, go_version, require_go
from scripts.programs.toolchains import goroot
from tests.groundtruth.corpus import CONFIGS, Case, Config, case
from tests.groundtruth.edits import EDITS, Edit

if TYPE_CHECKING:
    from pathlib import Path

    from tests.groundtruth.score import Score

WANTED_RECALL = 1.0
WANTED_PRECISION = 0.99
QUICK_EDITS = (
    "nothing", "line-shift", "inlined-constant", "string-same-length", "field-inserted", "closure-first",
    "twins-swapped", "removed-same-displacement", "instance-added", "jump-table-permuted", "several",
)  # fmt: skip
QUICK_CONFIGS = ("exe-nocgo-stripped-amd64", "pie-nocgo-full-amd64")


def applies(edit: Edit, config: Config) -> bool:
    """Whether the edit is worth building in this configuration."""
    if edit.configs and config.name not in edit.configs:
        return False
    return config.cgo or not edit.cgo_only


def main() -> int:
    """Parse the arguments, run the corpus, print the table."""
    options = _arguments().parse_args()
    try:
        root = goroot(options.toolchain) if options.toolchain else require_go()
    except BuildFailed as exc:
        print(f"error: {exc}", file=sys.stderr)
        return 2
    edits = [edit for edit in EDITS if _picked(edit.name, options.only, QUICK_EDITS if options.quick else ())]
    configs = [c for c in CONFIGS if _picked(c.name, options.config, QUICK_CONFIGS if options.quick else ())]
    if not edits or not configs:
        print("error: no such edit or configuration; --list shows them", file=sys.stderr)
        return 2
    if options.list:
        print("\n".join([*(f"{edit.name:<28} {edit.about}" for edit in edits), *(config.name for config in configs)]))
        return 0
    for config in [config for config in configs if not config.buildable]:
        print(f"left out: {config.name} needs a C compiler for {config.goarch}", file=sys.stderr)
        configs.remove(config)
    print(f"Go {go_version(root)}, {len(edits)} edits, {len(configs)} configurations")
    try:
        if options.data:
            return _data(root, options.toolchain or "")
        whole = not (options.quick or options.only or options.config)
        return _run(
            edits,
            configs,
            root,
            truth_only=options.truth,
            verbose=options.verbose,
            whole=whole,
            toolchain=options.toolchain or "",
        )
    except BuildFailed as exc:
        print(f"error: {exc}", file=sys.stderr)
        return 2


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="recall and precision of the function comparison on known edits")
    parser.add_argument("--quick", action="store_true", help="a few edits on amd64")
    parser.add_argument("--only", action="append", default=[], metavar="EDIT", help="only this edit; repeatable")
    parser.add_argument("--config", action="append", default=[], metavar="CONFIG", help="only this one; repeatable")
    parser.add_argument("--toolchain", metavar="VERSION", help="build with this Go release instead of the newest here")
    parser.add_argument("--data", action="store_true", help="only the edits of data")
    parser.add_argument("--truth", action="store_true", help="only build, and print what the oracle says")
    parser.add_argument("--list", action="store_true", help="list edits and configurations")
    parser.add_argument("-v", "--verbose", action="store_true", help="show the binaries and every name")
    return parser


def _picked(name: str, wanted: list[str], otherwise: tuple[str, ...]) -> bool:
    return name in (wanted or otherwise or (name,))


def _data(root: Path, toolchain: str) -> int:
    """Edits of data: those whose report is not as stated."""
    from scripts.programs.gobuild import CACHE, can_build_cgo  # noqa: PLC0415 - of this part alone
    from tests.drift.data_pairs import EDITS as DATA_EDITS  # noqa: PLC0415
    from tests.drift.data_pairs import Programs, everything  # noqa: PLC0415
    from tests.groundtruth.data import MATRIX, drift_of, wrong  # noqa: PLC0415

    folder = CACHE / "groundtruth" / "data" / (toolchain or go_version(root))
    folder.mkdir(parents=True, exist_ok=True)
    programs = Programs(root, folder)
    compared = bad = undecided = 0
    for edit in (*DATA_EDITS, everything()):
        for config in MATRIX:
            if config.cgo and not can_build_cgo(config.goarch):
                continue
            drift = drift_of(programs, edit, config)
            compared += 1
            undecided += bool(drift.undecided)
            for line in wrong(edit, config, drift):
                bad += 1
                print(f"    {edit.name} {config}: {line}")
        programs.facts.cache_clear()
    print(f"data: {compared} comparisons, {bad} reports wrong, {undecided} of stripped programs with a part undecided")
    return int(bad > 0)


def _run(  # noqa: PLR0913 - keywords, one a choice
    edits: list[Edit],
    configs: list[Config],
    root: Path,
    *,
    truth_only: bool,
    verbose: bool,
    whole: bool,
    toolchain: str,
) -> int:
    if truth_only:
        for edit, config in ((e, c) for e in edits for c in configs if applies(e, c)):
            _print_truth(case(edit, config, root), verbose=True)
        return 0
    from tests.groundtruth.score import Score, score_case  # noqa: PLC0415 - the truth is there before the code is

    total, noisy, undecided, compared, seconds = Score(), 0, 0, 0, 0.0
    print(f"{'edit':<28} {'truth':>6} {'found':>6} {'missed':>6} {'false':>6}  configurations that are wrong")
    for edit in edits:
        row, wrong, details = Score(), [], []
        for config in [config for config in configs if applies(edit, config)]:
            built = case(edit, config, root)
            begun = time.perf_counter()
            result = score_case(built)
            seconds += time.perf_counter() - begun
            compared += 1
            row.add(result)
            undecided += len(result.undecided)
            if edit.silent and (result.false or result.undecided):
                noisy += 1
            if result.missed or result.false or result.undecided:
                wrong.append(config.name)
                details += _details(result, config)
            if verbose:
                details += [f"    {config.name}: {built.old} {built.new}"]
        total.add(row)
        _print_row(edit, row, wrong)
        print("\n".join(details) + "\n" if details else "", end="")
    print(f"\n{compared} comparisons in {seconds:.1f} s (reading both files included)")
    print(
        f"recall {total.recall:.4f} (wanted {WANTED_RECALL})  precision {total.precision:.4f} (wanted {WANTED_PRECISION})"
    )
    print(f"pairs without a difference that were reported: {noisy}  functions left undecided: {undecided}")
    if not whole:
        return int(total.recall < WANTED_RECALL or total.precision < WANTED_PRECISION or noisy > 0)
    return _data(root, toolchain) | int(total.recall < WANTED_RECALL or total.precision < WANTED_PRECISION or noisy > 0)


def _print_row(edit: Edit, row: Score, wrong: list[str]) -> None:
    counts = [row.found.total() + row.missed.total(), row.found.total(), row.missed.total(), row.false.total()]
    shown = " ".join(wrong[:3]) + (f" and {len(wrong) - 3} more" if len(wrong) > 3 else "")
    print(f"{edit.name:<28} " + " ".join(f"{count:>6}" for count in counts) + f"  {shown}", flush=True)


def _details(result: Score, config: Config) -> list[str]:
    lines = []
    for label, items in (("missed", result.missed), ("false", result.false)):
        lines += [f"    {config.name}: {label} {kind} {name}" for kind, name in list(items)[:12]]
        lines += [f"    {config.name}: {label} … {len(items) - 12} more"] * (len(items) > 12)
    return lines + [f"    {config.name}: undecided {name}" for name in result.undecided[:12]]


def _print_truth(built: Case, *, verbose: bool) -> None:
    items = built.truth.items()
    print(f"{built.edit.name} {built.config.name}: {items.total()}")
    for kind, name in list(items)[: None if verbose else 12]:
        print(f"    {kind} {name}")
    for name in built.truth.tolerated:
        print(f"    either way {name}")
    print(f"    {built.old} {built.new}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
