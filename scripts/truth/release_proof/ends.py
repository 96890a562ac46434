"""The four ends of a bad release: it crashes at its start, hangs, fails its rules, or is blocked. Each has its code and its line.

`python -m scripts.truth.release_proof.ends`.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from scripts.programs.gobuild import require_go
from scripts.truth.release_proof._site import BLOCKED, CRASHES, FAILS, HANGS, NAME, WATCH, build, orders, site

EXPECTED = {BLOCKED: (10, "gate"), CRASHES: (12, "crashed"), HANGS: (12, "hangs"), FAILS: (12, "rules")}
"""Version -> exit code, and the word for programs."""


def prove(*, quick: bool = False) -> bool:
    """Bring each of them to a host, and print what comes of it; whether it is what is expected."""
    del quick  # there are four
    wrong = []
    with tempfile.TemporaryDirectory(prefix="hotgate-ends-") as name:
        folder = Path(name)
        repository = build(folder / "releases", require_go())
        images = repository.parent / "images"
        with (
            site(folder / "host", repository, more=WATCH.format(within="30s")) as found,
            orders(found.port) as statuses,
        ):
            time.sleep(3)
            for version, expected in EXPECTED.items():
                before = len(statuses)
                begun = time.monotonic()
                end = found.outcome("apply", NAME, "--version", version)
                failed = sum(status != 201 for status in statuses[before:])
                took = time.monotonic() - begun
                print(f"{end['exit_code']}  {end['said']}\n    hint: {end['hint']}")
                print(
                    f"    {took:.1f} s in all, {failed} of {len(statuses) - before} orders failed meanwhile", flush=True
                )
                if (end["exit_code"], end["reason"]) != expected or found.runs() != "1.0.0":
                    wrong.append(f"{version}: {end}")
                if version != FAILS and failed:
                    wrong.append(f"{version}: it served")
            wrong += found.wrong(images)
            wrong += [each for each in (found.audit(),) if each]
    print(*wrong, sep="\n", end="")
    return not wrong


if __name__ == "__main__":
    sys.exit(0 if prove() else 1)
