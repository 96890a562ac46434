"""What exec takes away, measured: the SIGPROF death, hot updates under load, and connections that are kept.

`python -m scripts.truth.hazards` prints all tables; `--runs`, `--updates` and `--connections` say how often, or how many.
"""

from __future__ import annotations

import argparse
import json
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gate.rehearsal.stage.ports import free_ports
from scripts.measure.load import KINDS, ORDER_TOTAL, Account, load, summary
from scripts.programs import live_service
from scripts.programs.gobuild import ROOT, BuildFailed, GoBuild, go_version, host_arch, require_go
from scripts.truth.kept_connections import kept

if TYPE_CHECKING:
    from collections.abc import Iterator

PROGRAM = ROOT / "testdata" / "programs" / "sigprof"
MODES = (
    ("none", "no profile, syscall.Exec", False),
    ("profile", "a CPU profile runs, syscall.Exec", True),
    ("heartbeat", "goprobe's window is open, syscall.Exec", True),
    ("prepare", "goprobe's window is open, PrepareExec and Exec", False),
    ("refuse", "another CPU profile runs, PrepareExec refuses", False),
)
"""(mode of the program, in words, whether deaths are to be expected)."""
BOOT_SECONDS = 20.0
UPDATE_SECONDS = 60.0
STRICT = 3.0
"""Of the rule of three: no event in n runs means a probability below 3/n, at 95%."""


def sigprof(runs: int, goroot: Path, folder: Path) -> int:
    """Execute many times with and without a profile, and count the deaths; 1 when they are where none may be."""
    program = folder / "sigprof"
    GoBuild(goroot=goroot, source=PROGRAM, goarch=host_arch(), cgo=True, flags=("-trimpath",)).run(program)
    print(f"One exec of the same program, {runs:,} times each ({go_version(goroot)}):\n")
    print(f"{'':52}{'lived':>8}{'killed by SIGPROF':>19}{'':>10}")
    wrong = 0
    for mode, words, expected in MODES:
        codes = Counter(
            subprocess.run([program, mode], capture_output=True, check=False).returncode for _ in range(runs)
        )
        lived, died = codes.pop(0, 0), codes.pop(-signal.SIGPROF, 0)
        share = f"{died / runs:.2%}" if died else f"< {STRICT / runs:.2%}"
        print(f"{words:<52}{lived:>8,}{died:>19,}{share:>10}", flush=True)
        if codes:
            print(f"  ended otherwise: {dict(codes)}")
        wrong += bool(codes) or (died > 0) != expected
    return wrong


def updates(number: int, goroot: Path, folder: Path) -> int:
    """Update a service under load again and again; 1 when anything was lost."""
    for variant in (None, "better", "crash", "hang"):
        live_service.build(folder / (variant or "live"), goroot, variant)
    next_image = folder / "next"
    next_image.symlink_to(folder / "better")
    print(f"\n{number} hot updates under load, then new images that crash and hang at their start:\n")
    with running(folder / "live", "-next", str(next_image), "-interval", "2s", "-window", "500ms") as (_, port):
        with load(port) as account:
            for turn in range(number):
                point(next_image, folder / ("better" if turn % 2 == 0 else "live"))
                update(port)
            refused = 0
            for variant in ("crash", "hang"):
                before = image(port)["epoch"]
                point(next_image, folder / variant)
                update(port, expected=False)
                refused += image(port)["epoch"] == before
        digests = []
        for variant in ("live", "better"):  # nobody orders any more: both images hand over the same
            point(next_image, folder / variant)
            update(port)
            digests.append(status(port)["state"]["rows"][0]["restored"]["digest"])
        generation, state = image(port)["generation"], summary(port)
    lost = account.acknowledged - state["orders"]
    print(f"{'':28}{'requests':>10}{'failed':>8}")
    for kind in KINDS:
        print(f"{kind:<28}{account.sent[kind]:>10,}{account.failed[kind]:>8,}")
    for reason, count in account.reasons.most_common(5):
        print(f"  {count} x {reason}")
    print(f"\norders acknowledged {account.acknowledged:,}, there at the end {state['orders']:,}, lost {lost}")
    print(
        f"generations {generation}; images that crash or hang at their start: {refused} of 2 refused, the old one served on"
    )
    same = digests[0] == digests[1]
    print(
        f"the state of the last two hand-overs: sha256 {digests[0][:16]}… and {digests[1][:16]}…, {'' if same else 'not '}equal"
    )
    good = not account.failed and lost <= 0 and state["total"] == state["orders"] * ORDER_TOTAL
    return int(not (good and same and refused == 2 and generation == number + 3))


@contextmanager
def running(
    program: Path, *options: str, env: dict[str, str] | None = None
) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """The service, on a free port, once it answers; it is ended when the block ends."""
    port = free_port()
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen([program, "-listen", f"127.0.0.1:{port}", *options], stderr=said, env=env)
        try:
            _wait_for(port, process)
            yield process, port
        finally:
            process.kill()
            process.wait()


def free_port() -> int:
    """A port that nobody has, and that the kernel gives to nobody."""
    return free_ports(("port",))["port"]


def status(port: int) -> dict[str, Any]:
    """The status of its goprobe."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/debug/hotgate/status", timeout=300) as answer:
        found: dict[str, Any] = json.load(answer)
        return found


def image(port: int) -> dict[str, Any]:
    """The image of goprobe's status."""
    found: dict[str, Any] = status(port)["image"]
    return found


def point(link: Path, target: Path) -> None:
    """Let `link` lead to `target` at once."""
    fresh = link.with_suffix(".new")
    fresh.symlink_to(target)
    fresh.rename(link)


def update(port: int, *, expected: bool = True) -> None:
    """Send SIGUSR2 and wait until the next image serves, or until the old one has refused it.

    Raises:
        BuildFailed: neither happened in time.
    """
    before = status(port)
    signal_to = before["image"]["pid"]
    import os  # noqa: PLC0415 - here only

    os.kill(signal_to, signal.SIGUSR2)
    deadline = time.monotonic() + UPDATE_SECONDS
    while time.monotonic() < deadline:
        now = status(port)
        if expected and now["image"]["epoch"] != before["image"]["epoch"]:
            return
        if not expected and now["update"]["state"] == "failed" and now["update"]["at"] != before["update"]["at"]:
            return
        time.sleep(0.05)
    raise BuildFailed(f"no update within {UPDATE_SECONDS:.0f} s: {status(port)['update']}")


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + BOOT_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            status(port)
        except OSError:
            time.sleep(0.02)
        else:
            return
    raise BuildFailed(f"the service did not come up (exit code {process.poll()})")


def main() -> int:
    """Measure."""
    parser = argparse.ArgumentParser(description="measure what exec takes away")
    parser.add_argument("--runs", type=int, default=2000, help="execs of each kind (default: 2000)")
    parser.add_argument("--updates", type=int, default=100, help="hot updates under load (default: 100)")
    parser.add_argument("--connections", type=int, default=10_000, help="connections that are kept (default: 10000)")
    parser.add_argument("--kept-updates", type=int, default=20, help="hot updates with all of them (default: 20)")
    arguments = parser.parse_args()
    try:
        goroot = require_go()
        with tempfile.TemporaryDirectory(prefix="hotgate-hazards-") as scratch:
            folder = Path(scratch)
            wrong = sigprof(arguments.runs, goroot, folder) if arguments.runs else 0
            wrong += updates(arguments.updates, goroot, folder) if arguments.updates else 0
            wrong += kept(arguments.connections, arguments.kept_updates, goroot, folder) if arguments.connections else 0
    except BuildFailed as exc:
        print(f"error: {exc}", file=sys.stderr)
        return 2
    return 1 if wrong else 0


__all__ = ["Account", "image", "running", "status", "update"]

if __name__ == "__main__":
    sys.exit(main())
