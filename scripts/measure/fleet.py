"""Time and memory of planning and rendering large fleets.

`python -m scripts.measure.fleet` plans and renders 1,000 components on 10,000 hosts in several shapes, each as a process of its own; it fails
beyond 10 s of processor time or 500 MB.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

COMPONENTS, HOSTS = 1000, 10_000
MOST_SECONDS, MOST_BYTES = 10.0, 500_000_000


def layered(folder: Path) -> None:
    """Each component on ten hosts of its own, in ten levels, each with up to five dependencies in the level before."""
    random.seed(1)
    per = HOSTS // COMPONENTS
    lines = ["components:"]
    inventory = []
    for number in range(COMPONENTS):
        level = number // 100
        before = random.sample(range((level - 1) * 100, level * 100), random.randint(1, 5)) if level else []  # noqa: S311
        depends = ", ".join(f"c{each:04}" for each in before)
        lines.append(f"  - {{name: c{number:04}, version: v2, depends_on: [{depends}]}}")
        inventory += [f"[c{number:04}]", f"h[{number * per:05}:{number * per + per - 1:05}]"]
    _write(folder, lines, inventory)


def together(folder: Path) -> None:
    """All components on all hosts, in ten levels: one stage."""
    layered(folder)
    text = (folder / "release.yaml").read_text("utf-8")
    (folder / "release.yaml").write_text("hosts: everything\n" + text, "utf-8")
    (folder / "hosts.ini").write_text(f"[everything]\nh[00001:{HOSTS:05}]\n", "utf-8")


def chain(folder: Path) -> None:
    """Each component waits for the one before, everywhere (a queue between two), on all hosts: 1,000 stages of 10,000 hosts."""
    lines = ["hosts: everything", "components:"]
    for number in range(COMPONENTS):
        consumes = f"consumes: [q{number}], " if number < COMPONENTS - 1 else ""
        lines.append(f"  - {{name: c{number:04}, version: v2, {consumes}produces: [q{number - 1}]}}")
    _write(folder, lines, ["[everything]", f"h[00001:{HOSTS:05}]"])


SHAPES = {"ten hosts each": layered, "all on all hosts": together, "a chain on all hosts": chain}


def _write(folder: Path, lines: list[str], inventory: list[str]) -> None:
    more = ["batches: [2, 10%, 100%]", "observe: 10m"]
    (folder / "release.yaml").write_text("\n".join(lines + more) + "\n", "utf-8")
    (folder / "hosts.ini").write_text("\n".join(inventory) + "\n", "utf-8")


def measured(folder: Path, *words: str) -> tuple[float, float, int]:
    """Seconds by the clock, seconds of the processor, and bytes at the most, of `hotgate fleet WORDS…`."""
    begun = time.monotonic()
    process = subprocess.Popen([sys.executable, "-m", "gate", "fleet", *words], cwd=folder, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise AssertionError(f"{words}: {status}")
    return time.monotonic() - begun, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024


def main() -> int:
    """Print a line for each shape; 1 when one is beyond the limits."""
    os.environ["PYTHONPATH"] = str(Path(__file__).parents[2])
    status = 0
    for name, make in SHAPES.items():
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place)
            make(folder)
            for words in (
                ("plan", "release.yaml", "-i", "hosts.ini"),
                ("plan", "release.yaml", "-i", "hosts.ini", "--format", "json"),
                ("render", "release.yaml", "-i", "hosts.ini", "--engine", "ansible", "-o", "deploy"),
            ):
                clock, processor, size = measured(folder, *words)
                over = processor > MOST_SECONDS or size > MOST_BYTES
                status |= over
                what = " ".join(word for word in words if word in ("plan", "render", "json"))
                print(
                    f"{name:<22} {what:<10} {processor:5.1f} s of a core, {clock:5.1f} s, {size / 1e6:4.0f} MB{'  TOO MUCH' if over else ''}"
                )
    return status


if __name__ == "__main__":
    sys.exit(main())
