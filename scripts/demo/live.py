"""The second half of the demo: a running service, asked before it is replaced, replaced under load, and held back."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
import urllib.request
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from scripts.measure.load import load
from scripts.programs import live_service
from scripts.programs.gobuild import BuildFailed
from scripts.truth.hazards import free_port, image, running, summary, update

if TYPE_CHECKING:
    from pathlib import Path

PASS, BLOCK = 0, 10
PROFILE_SECONDS = 20
LOAD_SECONDS = 1.0


def show(goroot: Path, folder: Path) -> int:
    """Build the live service twice, and let it be updated; how many verdicts and figures were not as expected.

    Raises:
        BuildFailed: from the toolchain, or when the service does not come up.
    """
    old, new = folder / "live-1.0.0", folder / "live-1.0.1"
    live_service.build(old, goroot)
    live_service.build(new, goroot, "better")
    feed = free_port()
    with (
        running(old, "-next", str(new), "-window", "500ms", "-interval", "30s", "-feed", f"127.0.0.1:{feed}") as (
            process,
            port,
        ),
        _Client(feed) as client,
    ):
        url = f"http://127.0.0.1:{port}"
        _say(f"A service that embeds goprobe is running: PID {process.pid} at {url}.", "May it be replaced right now?")
        wrong = _check(PASS, old, new, url, process.pid, "--wait", "15s")
        _say("It is replaced in place while clients send requests (SIGUSR2; the same PID, the same listener):")
        before = client.ask()
        with load(port) as account:
            time.sleep(LOAD_SECONDS)
            client.begin()  # half a question, which the old image reads and the new one answers
            update(port)
            after = client.ask()
            time.sleep(LOAD_SECONDS)
        sent, failed = sum(account.sent.values()), sum(account.failed.values())
        kept = summary(port)["orders"]
        print(
            f"  generation {image(port)['generation']}, PID {image(port)['pid']}: {sent:,} requests, {failed} failed;"
        )
        print(f"  {account.acknowledged:,} orders were acknowledged, {kept:,} are there.", flush=True)
        wrong += failed + (kept < account.acknowledged)
        print(
            f"  A client's connection stayed open: question {before.number} was answered by generation {before.generation},"
        )
        print(
            f"  question {after.number}, of which the old image had read a half, by generation {after.generation}.",
            flush=True,
        )
        wrong += (before.number, before.generation, after.number, after.generation) != (1, 1, 2, 2)
        _say("A CPU profile is being taken, and the next update is due:")
        profile = threading.Thread(target=_profile, args=(url,), daemon=True)
        profile.start()
        time.sleep(LOAD_SECONDS)
        wrong += _check(BLOCK, new, old, url, process.pid)
    return wrong


@dataclass(frozen=True, slots=True)
class _Answer:
    """An answer of the feed: the question's number on its connection, how many orders there are, and who answers."""

    number: int
    orders: int
    generation: int


class _Client:
    """A client of the feed with one long connection."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=60)
        self._begun = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def begin(self) -> None:
        """Send the first half of a question."""
        self._socket.sendall(b"how many ")
        self._begun = True

    def ask(self) -> _Answer:
        """Send a question, or what is left of it, and wait for the answer."""
        self._socket.sendall(b"orders?\n" if self._begun else b"how many orders?\n")
        self._begun = False
        line = b""
        while not line.endswith(b"\n"):
            piece = self._socket.recv(100)
            if not piece:
                raise BuildFailed("the service closed a long connection")
            line += piece
        return _Answer(*map(int, line.split()))


def _say(*lines: str) -> None:
    print("\n" + "=" * 78, *lines, "", sep="\n", flush=True)


def _check(expected: int, old: Path, new: Path, url: str, pid: int, *options: str) -> int:
    command = ["check", old.name, new.name, "--live", url, "--pid", str(pid), *options]
    print(f"$ hotgate {' '.join(command)}\n", flush=True)
    done = subprocess.run([sys.executable, "-m", "gate", *command], cwd=old.parent, check=False)
    print(f"\nexit code {done.returncode}", flush=True)
    if done.returncode == expected:
        return 0
    print(f"expected {expected}", file=sys.stderr)
    return 1


def _profile(url: str) -> None:
    try:
        with urllib.request.urlopen(f"{url}/debug/pprof/profile?seconds={PROFILE_SECONDS}", timeout=60) as answer:  # noqa: S310 - our own
            answer.read()
    except OSError:
        pass  # the service has ended with the demo
