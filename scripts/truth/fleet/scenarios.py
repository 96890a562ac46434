"""What a fleet has to stand: each scenario returns what was wrong, and prints its figures."""

from __future__ import annotations

import itertools
import os
import signal
import time
from datetime import datetime
from typing import TYPE_CHECKING

from scripts.truth.fleet.site import BAD, COMPONENTS, NEW, OLD, Fleet, Load

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

ALL_OLD, ALL_NEW = (OLD,) * len(COMPONENTS), (NEW,) * len(COMPONENTS)
RATE = 40.0
"""Requests a second, over all hosts."""


def moment(text: str) -> float:
    """Seconds since 1970 of a time in a journal."""
    return datetime.fromisoformat(text).timestamp()


def good(folder: Path, repository: Path, hosts: int) -> list[str]:
    """A host is down and stops the release before anything is changed; then it is up, and the release goes through."""
    problems: list[str] = []
    with Fleet(folder / "good", repository, hosts) as fleet:
        last = fleet.hosts[-1].name
        fleet.down = {last}
        fleet.plan()
        fleet.render()
        with Load(fleet, RATE) as load:
            begun = time.monotonic()
            code, said = fleet.play()
            problems += ["a host is down, and the release ended well"] if code == 0 else []
            problems += _differ(fleet, dict.fromkeys((h.name for h in fleet.hosts), ALL_OLD))
            problems += [
                f"applied on {h.name} though {last} is down" for h in fleet.hosts if any(map(h.operations, COMPONENTS))
            ]
            print(f"a host is down: stopped after {time.monotonic() - begun:.0f} s, nothing changed")
            fleet.down = set()
            fleet.plan()
            begun = time.monotonic()
            code, said = fleet.play()
            whole = time.monotonic() - begun
        problems += [f"exit code {code}: {said[-3000:]}"] if code else []
        problems += _differ(fleet, dict.fromkeys((h.name for h in fleet.hosts), ALL_NEW))
        problems += [f"{len(load.lost)} of {load.sent} requests lost: {load.lost[:3]}"] if load.lost else []
        problems += _in_order(fleet)
        status = fleet.hotgate("fleet", "status", "release.yaml", "-i", "hosts.ini")
        problems += [f"status: {status.stdout}{status.stderr}"] if status.returncode else []
        problems += fleet.wrong()
        print(f"good release: {whole:.0f} s, {load.sent:,} requests, {len(load.lost)} lost")
        for number, (first, end) in enumerate(_batches(fleet), 1):
            print(f"  batch {number}: {end - first:.0f} s from its first update to its last")
    return problems


def bad(folder: Path, repository: Path, hosts: int) -> list[str]:
    """`api` fails one request in three: found while the first batch is observed, taken back there with what depends on it."""
    problems: list[str] = []
    with Fleet(folder / "bad", repository, hosts) as fleet:
        fleet.plan(api=BAD)
        fleet.render()
        with Load(fleet, RATE) as load:
            code, said = fleet.play()
        problems += [f"exit code {code}: {said[-3000:]}"] if code != 2 else []
        if "failed: api;" not in said:
            problems.append(f"it does not name api: {said[-2000:]}")
        first = fleet.hosts[:2]
        expected = {h.name: (NEW, NEW, OLD, OLD) if h in first else ALL_OLD for h in fleet.hosts}
        problems += _differ(fleet, expected)
        for host in fleet.hosts:
            kinds = {name: [each["kind"] for each in host.operations(name)] for name in COMPONENTS}
            wanted = {
                "database": ["apply"],
                "cache": ["apply"],
                "api": ["apply", "rollback"],
                "gateway": ["apply", "rollback"],
            }
            if kinds != (wanted if host in first else {key: [] for key in COMPONENTS}):
                problems.append(f"{host.name}: {kinds}")
            elif host in first and host.operations("gateway")[1]["ended"] > host.operations("api")[1]["begun"]:
                problems.append(f"{host.name}: api was taken back before gateway")
        elsewhere = [each for each in load.lost if each[1] not in {h.name for h in first}]
        problems += [f"lost elsewhere: {elsewhere[:3]}"] if elsewhere else []
        problems += fleet.wrong()
        if load.lost and not problems:
            back = max(moment(h.operations("api")[1]["ended"]) for h in first)
            print(f"bad release: {back - load.lost[0][0]:.0f} s from the first failure to the last host back, ", end="")
            print(
                f"{len(load.lost)} of {load.sent:,} requests failed, all on the {len(first)} hosts of the first batch"
            )
            after = [each for each in load.lost if each[0] > back + 1]
            problems += [f"failed after it was taken back: {after[:3]}"] if after else []
    return problems


def killed(folder: Path, repository: Path, hosts: int) -> list[str]:
    """Ansible is killed in the second batch, the inventory loses its last host meanwhile, and the run is begun again; then it has the host again."""
    problems: list[str] = []
    with Fleet(folder / "killed", repository, hosts) as fleet, Load(fleet, RATE) as load:
        fleet.plan()
        fleet.render()
        process = fleet.begin("site.yml")
        third = fleet.hosts[2]
        deadline = time.monotonic() + 3600
        while not third.operations("api") and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.2)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        before = {h.name: {n: len(h.operations(n)) for n in COMPONENTS} for h in fleet.hosts}
        done = sum(all(each.values()) for each in before.values())
        print(f"killed: {done} of {hosts} hosts were through")
        fleet.left_out = {fleet.hosts[-1].name}
        fleet.plan()
        code, said = fleet.play()
        problems += [f"exit code {code}: {said[-3000:]}"] if code else []
        expected = {h.name: ALL_OLD if h.name in fleet.left_out else ALL_NEW for h in fleet.hosts}
        problems += _differ(fleet, expected)
        fleet.left_out = set()
        fleet.plan()
        code, said = fleet.play()
        problems += [f"exit code {code}: {said[-3000:]}"] if code else []
        problems += _differ(fleet, dict.fromkeys((h.name for h in fleet.hosts), ALL_NEW))
        for host in fleet.hosts:
            for name in COMPONENTS:
                kinds = [each["kind"] for each in host.operations(name)]
                problems += [f"{host.name}: {name}: {kinds}"] if kinds != ["apply"] else []
        problems += fleet.wrong()
        problems += [f"{len(load.lost)} of {load.sent} requests lost: {load.lost[:3]}"] if load.lost else []
        print(f"begun again, twice: everything applied once, {load.sent:,} requests, {len(load.lost)} lost")
    return problems


SCENARIOS: dict[str, Callable[[Path, Path, int], list[str]]] = {"good": good, "bad": bad, "killed": killed}


def _differ(fleet: Fleet, expected: dict[str, tuple[str, ...]]) -> list[str]:
    found = fleet.versions()
    return [
        f"{name} runs {found[name]}, not {versions}" for name, versions in expected.items() if found[name] != versions
    ]


def _in_order(fleet: Fleet) -> list[str]:
    """Each component once on each host, in the plan's order, and a batch after the other."""
    problems = []
    for host in fleet.hosts:
        times = [host.operations(name) for name in COMPONENTS]
        if [len(each) for each in times] != [1] * len(COMPONENTS):
            problems.append(f"{host.name}: {times}")
        elif any(one[0]["ended"] > other[0]["begun"] for one, other in itertools.pairwise(times)):
            problems.append(f"{host.name}: not in the plan's order")
    if not problems:
        spans = _batches(fleet)
        problems += [
            "a batch was begun before the one before was done" for a, b in itertools.pairwise(spans) if a[1] > b[0]
        ]
    return problems


def _batches(fleet: Fleet) -> list[tuple[float, float]]:
    """First and last moment of the updates of each batch: 2 hosts, a tenth, the rest."""
    count = len(fleet.hosts)
    cuts = [0, min(2, count), min(count, 2 + (int(0.1 * count) or 1)), count]
    spans = []
    for first, end in itertools.pairwise(cuts):
        ops = [each for host in fleet.hosts[first:end] for name in COMPONENTS for each in host.operations(name)]
        if ops:
            spans.append((min(moment(each["begun"]) for each in ops), max(moment(each["ended"]) for each in ops)))
    return spans
