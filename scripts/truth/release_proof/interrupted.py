"""Additions that are killed at any moment, and two at once: the repository is the one before or the one after, whole."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from gate.release.repository.verifying import verify
from scripts.truth.release_proof._scene import PASSPHRASE, SERVICE, Scene

SEED = 18


def add(scene: Scene, version: str, image: Path) -> subprocess.Popen[bytes]:
    """Start `hotgate release add` in a process group of its own: making a delta is a process, too."""
    argv = [sys.executable, "-m", "gate", "release", "add", str(scene.repo), str(image), "--name", SERVICE]
    argv += ["--version", version, "--keys", str(scene.keys), "--passphrase-env", "PASSPHRASE", "--deltas", "1"]
    environment = {**os.environ, "PASSPHRASE": PASSPHRASE.decode()}
    return subprocess.Popen(
        argv, env=environment, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )


def kill_additions(folder: Path, rounds: int) -> tuple[int, int, list[str]]:
    """(additions that were killed, that were done, problems)."""
    chance = random.Random(SEED)  # noqa: S311 - moments, no secrets
    scene = Scene(folder, 1)
    started = time.monotonic()
    process = add(scene, "whole", scene.images[1])
    process.communicate()
    whole = time.monotonic() - started
    killed = done = 0
    problems: list[str] = []
    host = scene.host()
    for number in range(rounds):
        version = f"2.{number}"
        process = add(scene, version, scene.images[1 + number % 2])
        # Half of the kills are where files are written, which is the last part.
        share = chance.uniform(0, 1) if number % 2 else chance.uniform(0.8, 1.1)
        try:
            process.communicate(timeout=share * whole)
            done += 1
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            killed += 1
        found = verify(scene.repo, scene.root)
        problems += [f"{version}: {problem}" for problem in found.problems]
        host.refresh()
        host.fetch(host.find(SERVICE), folder / "image")
        if problems:
            break
    return killed, done, problems


def two_at_once(folder: Path) -> list[str]:
    """Problems of two additions at once: one is done, and the other one is, too, or was told who is at it."""
    scene = Scene(folder, 1)
    both = [add(scene, version, scene.images[1]) for version in ("2.0", "2.1")]
    said = [process.communicate()[1].decode() for process in both]
    codes = [process.returncode for process in both]
    problems = list(verify(scene.repo, scene.root).problems)
    host = scene.host()
    host.refresh()
    there = {each.version for each in host.versions(SERVICE)} - {"1.0"}
    if {version for version, code in zip(("2.0", "2.1"), codes, strict=True) if code == 0} != there:
        problems.append(f"exit codes {codes}, and the repository has {sorted(there)}")
    problems += [
        text for text, code in zip(said, codes, strict=True) if code and "is changing the repository" not in text
    ]
    return problems


def prove(*, quick: bool) -> bool:
    """100 kills, and two at once."""
    with tempfile.TemporaryDirectory(prefix="hotgate-proof-") as folder:
        killed, done, problems = kill_additions(Path(folder), 10 if quick else 100)
    print(f"   {killed} additions killed with -9, {done} were done before; after each the repository is whole")
    with tempfile.TemporaryDirectory(prefix="hotgate-proof-") as folder:
        problems += two_at_once(Path(folder))
    print("   two at once: one release each, or one is told which process is at it")
    for problem in problems:
        print(f"   BROKEN {problem}")
    return not problems
