"""The second half of the demo: a running service, asked before it is replaced, replaced under load, and held back."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
import urllib.request
from typing import TYPE_CHECKING

from scripts.measure.load import load
from scripts.programs import live_service
from scripts.truth.hazards import image, running, summary, update

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
    with running(old, "-next", str(new), "-window", "500ms", "-interval", "30s") as (process, port):
        url = f"http://127.0.0.1:{port}"
        _say(f"A service that embeds goprobe is running: PID {process.pid} at {url}.", "May it be replaced right now?")
        wrong = _check(PASS, old, new, url, process.pid, "--wait", "15s")
        _say("It is replaced in place while clients send requests (SIGUSR2; the same PID, the same listener):")
        with load(port) as account:
            time.sleep(LOAD_SECONDS)
            update(port)
            time.sleep(LOAD_SECONDS)
        sent, failed = sum(account.sent.values()), sum(account.failed.values())
        kept = summary(port)["orders"]
        print(
            f"  generation {image(port)['generation']}, PID {image(port)['pid']}: {sent:,} requests, {failed} failed;"
        )
        print(f"  {account.acknowledged:,} orders were acknowledged, {kept:,} are there.", flush=True)
        wrong += failed + (kept < account.acknowledged)
        _say("A CPU profile is being taken, and the next update is due:")
        profile = threading.Thread(target=_profile, args=(url,), daemon=True)
        profile.start()
        time.sleep(LOAD_SECONDS)
        wrong += _check(BLOCK, new, old, url, process.pid)
    return wrong


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
