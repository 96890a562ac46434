"""Vets and tests the Go module `goprobe`, with and without cgo, with the toolchain at hand and with the oldest one.

`python -m scripts.programs.goprobe` runs all; `--only NAME` one of them. The race detector runs with the toolchain at hand.
The examples that are modules of their own need libraries, which are fetched once into `.cache/modules`.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scripts.programs.gobuild import (
    CACHE,
    FEW_COLLECTIONS,
    ROOT,
    BuildFailed,
    GoBuild,
    can_build_cgo,
    go_version,
    host_arch,
    require_go,
)
from scripts.programs.toolchains import goroot

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

MODULE = ROOT / "goprobe"
EXAMPLES = MODULE / "examples"
MODULES = CACHE / "modules"
OLDEST = "1.21.13"
QUICK = "cgo"
"""The round of `make test`; go may answer it from its cache, as nothing of the module has changed."""
TIMEOUT = 1800  # seconds for one command, on a machine that has much else to do


@dataclass(frozen=True, slots=True)
class Round:
    """One toolchain and cgo setting, and what is run with it, in the folder of a module.

    `fetches` says that the module needs others, which come from the module proxy; `go.sum` has their digests.
    """

    name: str
    toolchain: Callable[[], Path]
    cgo: bool
    commands: tuple[tuple[str, ...], ...]
    folder: Path = MODULE
    fetches: bool = False

    def run(self) -> str | None:
        """What failed; None when nothing did."""
        env = GoBuild(goroot=self.toolchain(), source=self.folder, goarch=host_arch(), cgo=self.cgo).environment()
        if self.fetches:
            del env["GOPROXY"]
            env |= {name: os.environ[name] for name in ("GOPROXY", "GONOSUMDB", "GOSUMDB") if name in os.environ}
            env |= {"GOMODCACHE": str(MODULES), "GOFLAGS": f"-modcacherw {env['GOFLAGS']}"}
        for command in self.commands:
            try:
                done = subprocess.run(
                    ["go", *command],
                    cwd=self.folder,
                    env=env | FEW_COLLECTIONS if command[0] == "vet" else env,  # tests collect garbage as services do
                    capture_output=True,
                    text=True,
                    timeout=TIMEOUT,
                    check=False,
                )
            except subprocess.TimeoutExpired:
                return f"go {' '.join(command)}: not done after {TIMEOUT} s"
            if done.returncode:
                return f"go {' '.join(command)}\n{(done.stdout + done.stderr)[-6000:]}"
        return None


def rounds() -> tuple[Round, ...]:
    """All rounds; those with cgo need a C compiler. The one with the race detector runs the slow tests, too."""
    vet, test = ("vet", "./..."), ("test", "-vet=off")
    short = (*test, "-count=1", "-short", "./...")
    return (
        Round(QUICK, require_go, cgo=True, commands=(vet, (*test, "-short", "./..."))),
        Round("race-cgo", require_go, cgo=True, commands=(vet, (*test, "-count=1", "-race", "./..."))),
        Round("nocgo", require_go, cgo=False, commands=(vet, short)),
        Round("oldest-cgo", lambda: goroot(OLDEST), cgo=True, commands=(vet, short)),
        Round("oldest-nocgo", lambda: goroot(OLDEST), cgo=False, commands=(vet, short)),
        *(
            Round(f"example-{path.parent.name}", require_go, False, (vet, short), folder=path.parent, fetches=True)
            for path in sorted(EXAMPLES.glob("*/go.mod"))
        ),
    )


def main() -> int:
    """Run the rounds, and say how each went."""
    parser = argparse.ArgumentParser(description="vet and test goprobe")
    parser.add_argument("--only", choices=[one.name for one in rounds()], help="run one round")
    only = parser.parse_args().only
    failed = 0
    for one in rounds():
        if only not in (None, one.name):
            continue
        if one.cgo and not can_build_cgo(host_arch()):
            print(f"error: {one.name} needs a C compiler\nhint: apt-get install gcc libc6-dev", file=sys.stderr)
            failed += 1
            continue
        begun = time.monotonic()
        try:
            problem = one.run()
            version = go_version(one.toolchain())
        except BuildFailed as exc:
            print(f"error: {one.name}: {exc}", file=sys.stderr)
            failed += 1
            continue
        print(f"{one.name:<14} Go {version:<8} {'failed' if problem else 'ok'} {time.monotonic() - begun:.0f} s")
        if problem:
            failed += 1
            print(problem, file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
