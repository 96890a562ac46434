"""Holds the reports of many pairs of programs against what was recorded of them, so that work on speed changes no letter.

`testdata/reports.json` has, for each pair and mode, two digests of the JSON report: of the comparison (`drift`) and of all
that is left but times, the version and the paths. Pairs are fixtures of neighbouring Go releases, and public programs at
two versions. `--record` writes the file anew and says which pairs changed. To see how, `--write FOLDER` with both versions
of the code, and `diff -r`. Exits 1 when a pair is not as recorded.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import sys
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from gate.model import Mode
from gate.policy.model import Policy
from gate.report.formats.json import to_dict
from gate.runs.comparison import check
from probes.host import TargetFacts
from scripts.fetch.public_binaries import BINARIES, NotFetched, by_name, fetch
from scripts.programs.gobuild import ROOT
from tests import matrix

if TYPE_CHECKING:
    from collections.abc import Iterator

RECORDED = ROOT / "testdata" / "reports.json"
UNSETTLED = ("created_at", "timings_ms", "tool", "rules")
"""What is another with every run, or every version; a rule that is added shows by what it finds."""
MODES = {"plugin": ("exec", "hotfix", "plugin")}
"""Modes by build mode; two for all others."""
BOTH_WAYS = ("caddy-2.11.4", "caddy-2.11.7")


class Pair(NamedTuple):
    """Two programs, by the names of a fixture or of a public binary."""

    old: str
    new: str
    mode: str = "exec"
    public: bool = False

    def __str__(self) -> str:
        return f"{self.old} -> {self.new}, {self.mode}"

    def paths(self) -> tuple[Path, Path]:
        """The files. NotFetched when they are public, and cannot be had."""
        if self.public:
            return fetch(by_name(self.old)), fetch(by_name(self.new))
        return matrix.unpack(self.old), matrix.unpack(self.new)


def fixtures() -> list[Pair]:
    """Every fixture beside the one that is built alike by the release of Go before; beside the plain one where there is none."""
    alike: dict[str, list[matrix.Entry]] = {}
    for entry in matrix.entries():
        alike.setdefault(entry.name.partition("-")[2], []).append(entry)
    out: list[Pair] = []
    for entries in alike.values():
        entries.sort(key=lambda entry: entry.minor)
        names = [entry.name for entry in entries]
        if len(names) == 1:
            names.insert(0, f"go1.{entries[0].minor}-{entries[0].goarch}-exe")
        modes = MODES.get(entries[0].buildmode, ("exec", "hotfix"))
        out += [Pair(old, new, mode) for old, new in pairwise(names) for mode in modes]
        out.append(Pair(names[-1], names[-1], "hotfix"))
    return out


def public() -> list[Pair]:
    """Public programs, each at two versions."""
    names = [binary.name for binary in BINARIES]
    families: dict[str, list[str]] = {}
    for name in names:
        families.setdefault(re.sub(r"-[\d.]+$", "", name), []).append(name)
    out = []
    for family in families.values():
        family.sort(key=lambda name: [int(part) for part in re.findall(r"\d+", name.rpartition("-")[2])])
        # wandb 0.21 and 0.22 are two programs by what they hold; each release follows one of its own.
        steps = [(a, b) for a, b in pairwise(family) if not a.startswith("wandb") or a.split(".")[1] == b.split(".")[1]]
        out += [Pair(old, new, mode, public=True) for old, new in steps for mode in ("exec", "hotfix")]
    return [*out, Pair(*reversed(BOTH_WAYS), public=True)]


def report_of(pair: Pair) -> dict[str, Any]:
    """The JSON report of a pair, without what is unsettled, for a host that is the same everywhere.

    Raises:
        NotFetched: a public binary cannot be had.
    """
    old, new = pair.paths()
    arch = "arm64" if "arm64" in pair.new else "amd64"
    host = TargetFacts(arch, "linux", 4 if arch == "amd64" else None, None, (), None, source="recorded")
    report = check(str(old), str(new), Policy(mode=Mode(pair.mode)), target=lambda: host, alone=True)
    found: dict[str, Any] = to_dict(report)
    for key in UNSETTLED:
        found.pop(key, None)
    text = json.dumps(found).replace(json.dumps(str(old))[1:-1], pair.old).replace(json.dumps(str(new))[1:-1], pair.new)
    settled: dict[str, Any] = json.loads(text)
    return settled


def digests(report: dict[str, Any]) -> dict[str, str]:
    """What is recorded of a report."""
    drift = report.get("drift")
    rest = {key: value for key, value in report.items() if key != "drift"}
    parts = {"drift": drift, "rest": rest}
    return {
        name: hashlib.sha256(json.dumps(part, sort_keys=True).encode()).hexdigest()[:32] for name, part in parts.items()
    }


def recorded() -> dict[str, dict[str, str]]:
    """The digests of all pairs."""
    found: dict[str, dict[str, str]] = json.loads(RECORDED.read_text("utf-8"))
    return found


def changes(pairs: list[Pair], folder: Path | None) -> Iterator[tuple[Pair, dict[str, str], str]]:
    """Each pair, its digests, and what of it is not as recorded; "" when nothing."""
    known = recorded() if RECORDED.is_file() else {}
    for pair in pairs:
        try:
            report = report_of(pair)
        except NotFetched as exc:
            print(f"{pair}: left out: {exc}", file=sys.stderr)
            continue
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
            name = re.sub(r"[^\w.-]+", "_", str(pair))
            (folder / f"{name}.json").write_text(json.dumps(report, indent=1, sort_keys=True) + "\n", "utf-8")
        found, before = digests(report), known.get(str(pair))
        other = [part for part in found if before is None or found[part] != before.get(part)]
        yield pair, found, "" if not other else "not recorded" if before is None else f"another {' and '.join(other)}"


def main() -> int:
    """Compare the pairs that are asked for with what is recorded."""
    parser = argparse.ArgumentParser(description="hold the reports of many pairs of programs against recorded digests")
    parser.add_argument("--fixtures", action="store_true", help="leave the public programs out")
    parser.add_argument("--public", action="store_true", help="leave the fixtures out")
    parser.add_argument("--only", metavar="TEXT", default="", help="the pairs that have TEXT in their names")
    parser.add_argument("--record", action="store_true", help="take the reports of today as right")
    parser.add_argument("--write", metavar="FOLDER", type=Path, help="write each report into FOLDER as well")
    options = parser.parse_args()
    pairs = ([] if options.public else fixtures()) + ([] if options.fixtures else public())
    chosen = [pair for pair in pairs if options.only in str(pair)]
    found: dict[str, dict[str, str]] = {}
    wrong = 0
    for pair, parts, what in changes(chosen, options.write):
        found[str(pair)] = parts
        wrong += bool(what)
        if what:
            print(f"{pair}: {what}", flush=True)
    print(f"{len(found)} pairs, {len(found) - wrong} as recorded")
    if options.record:
        kept = recorded() if RECORDED.is_file() else {}
        names = {str(pair) for pair in fixtures() + public()}
        written = {name: parts for name, parts in (kept | found).items() if name in names}
        RECORDED.write_text(json.dumps(dict(sorted(written.items())), indent=1) + "\n", "utf-8")
        return 0
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
