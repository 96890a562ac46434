"""Services of different kinds that are as they should be: with updates, and without any, nothing may be found."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from scripts.truth.rehearsals.bench import GOOD, plan

if TYPE_CHECKING:
    from pathlib import Path

    from scripts.truth.rehearsals.bench import Bench

    Case = tuple[Path, Path, str]

USUAL_ROUNDS = 50
CONTROL = "HG802"
"""The rule that says of a control run that there was no update in it."""


def cases(bench: Bench) -> dict[str, Case]:
    """Name -> OLD, NEW, and the plan."""
    good, live, better = bench.program("good"), bench.program("live"), bench.program("live", "better")
    flip = bench.program("tableflip")
    orders = '[rehearsal.state]\nread = "/orders"\n'
    kept = 'keep = 20\nkeep_as = "{}"\nkeep_at = "{}"\n'
    attack = f"echo GET http://127.0.0.1:{{port}}/orders | {bench.vegeta()} attack -rate 100 -duration 30m | {bench.vegeta()} report"
    command = '["sh", "-c", "kill -USR2 {pid}"]'
    found = {
        "hand-off": (good, good, plan()),
        "hand-off, 200 a second": (good, good, plan(rate=200)),
        "hand-off, told by a command": (good, good, plan(trigger=command)),
        "hand-off, requests of a file": (good, good, plan(load=f'requests = "requests.http"\n{GOOD}')),
        "hand-off, half on new connections": (
            good,
            good,
            plan(load=f'requests = ["GET /"]\nnew = 50\nslow = 30\n{GOOD}'),
        ),
        "goprobe, in place": (live, live, plan("/orders", more=orders)),
        "goprobe, another layout": (live, better, plan("/orders", more=orders)),
        "goprobe, under vegeta": (
            live,
            better,
            plan("/orders", load=f"command = ['sh', '-c', '{attack}']", more=orders),
        ),
        "tableflip with the drain": (flip, flip, plan(trigger='"SIGHUP"', extra=', "-drain"', more="")),
    }
    for name, spoken, at in (
        ("lines", "lines", "127.0.0.1:{port}"),
        ("gorilla", "websocket", "/chat"),
        ("coder", "websocket", "/chat"),
    ):
        program = bench.program(name)
        found[f"goprobe keeps connections, {name}"] = (
            program,
            program,
            plan("", load=kept.format(spoken, at), more="", pause="0s"),
        )
    return found


def run(bench: Bench, rounds: int, beside: int) -> int:
    """How many did not pass, or had findings."""

    def good(report: dict[str, Any]) -> bool:
        return report["verdict"] == "pass" and not report["findings"]

    return _every(bench, "right", (rounds, beside), (), good)


def control(bench: Bench, rounds: int, beside: int) -> int:
    """How many had findings although no image changed, but for the one that says so."""

    def good(report: dict[str, Any]) -> bool:
        return report["verdict"] == "inconclusive" and [each["rule"] for each in report["findings"]] == [CONTROL]

    return _every(bench, "control", (rounds, beside), ("--updates", "0"), good)


def _every(bench: Bench, what: str, often: tuple[int, int], options: tuple[str, ...], good: Any) -> int:
    rounds, beside = often
    wrong, every = 0, cases(bench)

    def one(name: str) -> tuple[str, dict[str, Any]]:
        old, new, text = every[name]
        return name, bench.rehearse(name, old, new, text, *options)

    with ThreadPoolExecutor(beside) as pool:
        for name, report in pool.map(one, [name for _ in range(rounds) for name in every]):
            ok = good(report)
            wrong += not ok
            said = "" if ok else f"  {[(f['rule'], f['message']) for f in report['findings']]}"
            print(f"{'ok  ' if ok else 'BAD '} {name}{said}", flush=True)
    total = len(every) * rounds
    print(f"{what}: {total - wrong} of {total} without a finding, {len(every)} services {rounds} times each")
    return wrong
