"""What rehearsals can be trusted with, on real services: `make rehearsals`, or `python -m scripts.truth.rehearsals PART…`.

`libraries`: the table of restart libraries, from a rehearsal of a service of each. `faults`: services that are wrong in one
thing, each with the rule that has to find it and no other. `right`: services that have to pass, as often as --rounds says. `generator`: the
load generator alone, and beside updates. `killed`: a rehearsal that is killed at any moment leaves nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from scripts.programs import handoff_services, live_service, rehearsed_services
from scripts.programs.gobuild import ROOT, require_go

PLAN = """[rehearsal]
command = ["{{binary}}", "-listen", "127.0.0.1:{{port}}"{extra}]
ready = "http://127.0.0.1:{{port}}{path}"
trigger = "{trigger}"
within = "12s"
updates = {updates}
pause = "{pause}"
[rehearsal.load]
rate = {rate}
requests = ["GET {path}", "POST {path}"]
expect = [200, 201, 202, 400]
{more}
"""
STATE = '[rehearsal.compare]\npaths = ["/"]\n[rehearsal.state]\nread = "/state"\nignore = ["$.at"]\n'
NO_DRILLS = (
    "[rehearsal.drills]\ncrash = false\nhang = false\ncut_off = false\ntwice = false\nbusy = false\nkill = false\n"
)
FINDS = {
    "flag": "HG802", "crash": "HG802", "deaf": "HG802", "lock": "HG802", "both": "HG802",
    "abrupt": "HG801", "closes": "HG801", "errors": "HG801", "state": "HG806", "migrates": "HG804",
    "answer": "HG805", "header": "HG805", "status": "HG805", "slow": "HG808", "descriptors": "HG807",
    "goroutines": "HG807", "processes": "HG807", "files": "HG807", "once": "HG803", "leaks": "HG803",
}  # fmt: skip
"""Fault of `testdata/services/rehearsed` -> the rule that finds it."""
BOTH_SIDES = {"lock", "both", "abrupt", "closes", "descriptors", "goroutines", "processes", "files", "once", "leaks"}
"""Faults that OLD has as well: they are not NEW's."""
LIBRARIES = {"tableflip": "SIGHUP", "grace": "SIGUSR2", "endless": "SIGHUP", "overseer": "SIGUSR2"}


class Bench:
    """A folder with the services, and rehearsals of them."""

    def __init__(self, folder: Path) -> None:
        self.folder, self._goroot = folder, require_go()

    def program(self, name: str, variant: str | None = None) -> Path:
        """A service, built once."""
        out = self.folder / f"{name}-{variant or 'plain'}"
        if not out.exists():
            if name in handoff_services.NAMES:
                handoff_services.build(out, name, self._goroot)
            elif name == "live":
                live_service.build(out, self._goroot, variant)
            else:
                rehearsed_services.build(out, self._goroot, "" if name == "good" else name)
        return out

    def rehearse(self, name: str, old: Path, new: Path, plan: str, *options: str) -> dict[str, Any]:
        """The report on one rehearsal."""
        where = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=self.folder))
        (where / "hotgate.toml").write_text(plan, "utf-8")
        command = [sys.executable, "-m", "gate", "rehearse", str(old), str(new), "--format", "json", *options]
        done = subprocess.run(
            command,
            cwd=where,
            env={**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(where)},
            capture_output=True,
            text=True,
            check=False,
        )
        left = list(where.glob("hotgate-rehearsal-*"))
        if not done.stdout or left:
            raise SystemExit(f"{name}: exit code {done.returncode}, {done.stderr.strip()} {left or ''}")
        found: dict[str, Any] = json.loads(done.stdout)
        return found


def plan(**changes: object) -> str:
    """A plan's text."""
    return PLAN.format(
        **(
            {
                "extra": "",
                "path": "/",
                "trigger": "SIGUSR2",
                "updates": 8,
                "pause": "1500ms",
                "rate": 100,
                "more": STATE,
            }
            | changes
        )
    )


def rules_of(report: dict[str, Any]) -> set[str]:
    """The rules that found something."""
    return {each["rule"] for each in report["findings"]}


def faults(bench: Bench, rounds: int, beside: int) -> int:
    """Every fault is found by its rule and no other."""
    wrong = 0

    def one(name: str) -> tuple[str, set[str]]:
        old, new = bench.program(name if name in BOTH_SIDES else "good"), bench.program(name)
        return name, rules_of(bench.rehearse(name, old, new, plan(updates=10 if FINDS[name] == "HG807" else 6)))

    for name in FINDS:
        bench.program(name)
    bench.program("good")
    with ThreadPoolExecutor(beside) as pool:
        for name, found in pool.map(one, [name for name in FINDS for _ in range(rounds)]):
            good = found == {FINDS[name]}
            wrong += not good
            print(
                f"{'ok  ' if good else 'BAD '} {name:<12} {FINDS[name]}  found {', '.join(sorted(found)) or 'nothing'}",
                flush=True,
            )
    print(f"faults: {len(FINDS) * rounds - wrong} of {len(FINDS) * rounds} found by their rule alone")
    return wrong


def right(bench: Bench, rounds: int, beside: int) -> int:
    """Services that are as they should be pass, with updates and without findings."""
    live = plan(path="/orders", more='[rehearsal.state]\nread = "/orders"\n')
    cases = {
        "hand-off": (("good", None), ("good", None), plan()),
        "hand-off, 200 a second": (("good", None), ("good", None), plan(rate=200)),
        "goprobe, in place": (("live", None), ("live", None), live),
        "goprobe, another layout": (("live", None), ("live", "better"), live),
        "tableflip with the drain": (
            ("tableflip", None),
            ("tableflip", None),
            plan(trigger="SIGHUP", extra=', "-drain"', more=""),
        ),
    }
    wrong = 0

    def one(name: str) -> tuple[str, dict[str, Any]]:
        old, new, text = cases[name]
        return name, bench.rehearse("right", bench.program(*old), bench.program(*new), text)

    for old, new, _ in cases.values():
        bench.program(*old)
        bench.program(*new)
    with ThreadPoolExecutor(beside) as pool:
        for name, report in pool.map(one, [name for name in cases for _ in range(rounds)]):
            good = report["verdict"] == "pass" and not report["findings"]
            wrong += not good
            said = "" if good else f"  {[(f['rule'], f['message']) for f in report['findings']]}"
            print(f"{'ok  ' if good else 'BAD '} {name}{said}", flush=True)
    print(f"right: {len(cases) * rounds - wrong} of {len(cases) * rounds} passed without a finding")
    return wrong


def libraries(bench: Bench, rounds: int, beside: int) -> int:
    """The table of restart libraries, from what rehearsals saw."""
    del rounds, beside
    print("| library | requests lost | crash | hang | cut off | verdict |\n|---|---|---|---|---|---|")
    cases = [(name, "", sent) for name, sent in LIBRARIES.items()] + [("tableflip", ', "-drain"', "SIGHUP")]
    for name, extra, sent in cases:
        report = bench.rehearse(
            name,
            bench.program(name),
            bench.program(name),
            plan(trigger=sent, extra=extra, updates=20, rate=200, more=""),
        )
        section = report["rehearsal"]
        lost = sum(loss["count"] for each in section["updates"] for loss in each["lost"])
        asked = sum(each["requests"] for each in section["updates"])
        drills = {each["name"]: each["outcome"] for each in section["drills"]}
        row = [
            name + (" with the drain" if extra else ""),
            f"{lost:,} of {asked:,} in {len(section['updates'])} updates",
        ]
        print(
            "|",
            " | ".join([*row, *(drills.get(drill, "") for drill in ("crash", "hang", "cut_off")), report["verdict"]]),
            "|",
            flush=True,
        )
    return 0


def generator(bench: Bench, rounds: int, beside: int) -> int:
    """100 updates with 200 requests a second, and a control run without: what the generator itself loses or sends late."""
    del rounds, beside
    wrong = 0
    for name, updates in (("control", 1), ("100 updates", 100)):
        report = bench.rehearse(
            "generator", bench.program("good"), bench.program("good"), plan(updates=updates, rate=200, more=NO_DRILLS)
        )
        load = report["rehearsal"]["load"]
        lost = sum(loss["count"] for each in report["rehearsal"]["updates"] for loss in each["lost"])
        wrong += lost > 0 or bool(load["control_lost"])
        print(
            f"{name}: {load['sent']:,} sent, {load['unsent']:,} not, {load['late']:.2%} late (at most {load['latest']:,.0f} ms), {lost} lost",
            flush=True,
        )
    return wrong


def killed(bench: Bench, rounds: int, beside: int) -> int:
    """Rehearsals killed at any moment: no process and no folder is left."""
    del beside
    chance = random.Random(17)  # noqa: S311 - which moments, no secret
    program, left, times = bench.program("good"), 0, []
    for number in range(rounds):
        where = Path(tempfile.mkdtemp(prefix="killed-", dir=bench.folder))
        (where / "hotgate.toml").write_text(plan(updates=4), "utf-8")
        isolate = chance.choice(["auto", "no"])
        command = [sys.executable, "-m", "gate", "rehearse", str(program), str(program), f"--isolate={isolate}"]
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(where)}
        process = subprocess.Popen(
            command, cwd=where, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        time.sleep(chance.uniform(0.2, 12.0))
        process.send_signal(chance.choice([signal.SIGKILL, signal.SIGTERM, signal.SIGINT]))
        process.wait()
        begin = time.monotonic()
        while (remains := _remains(where)) and time.monotonic() - begin < 60:
            time.sleep(0.05)
        times.append(time.monotonic() - begin)
        left += bool(remains)
        if remains:
            print(f"BAD  round {number}, {isolate}: {remains}", flush=True)
    print(
        f"killed: {rounds} rounds, {left} left something; gone within {statistics.median(times):.2f} s by the median, {max(times):.2f} s at most"
    )
    return left


def _remains(where: Path) -> list[str]:
    """Folders below `where`, and processes that have it in their command line or as their working folder."""
    found = [str(each) for each in where.glob("hotgate-rehearsal-*")]
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if str(where).encode() in (folder / "cmdline").read_bytes() or str((folder / "cwd").readlink()).startswith(
                str(where)
            ):
                found.append(folder.name)
        except OSError:
            continue
    return found


PARTS = {"libraries": libraries, "faults": faults, "right": right, "generator": generator, "killed": killed}


def main() -> int:
    """Run the parts that are named, or all."""
    parser = argparse.ArgumentParser(description="rehearse services that are right, and services that are wrong")
    parser.add_argument(
        "parts", nargs="*", choices=[*PARTS, []], metavar="PART", help=f"of {', '.join(PARTS)}; all unless given"
    )
    parser.add_argument("--rounds", type=int, default=1, help="how often each service is rehearsed (default: 1)")
    parser.add_argument("--beside", type=int, default=1, help="rehearsals at once (default: 1)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder))
        wrong = sum(PARTS[name](bench, arguments.rounds, arguments.beside) for name in arguments.parts or PARTS)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
