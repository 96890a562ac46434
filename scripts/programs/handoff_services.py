"""Builds the services of `testdata/services/handoff`, each of which renews itself by another library, or by hand.

Their modules come by Go's module proxy, as for everybody who builds them; go.sum says what they must be.
"""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

from scripts.programs.gobuild import ROOT, BuildFailed, GoBuild, host_arch

if TYPE_CHECKING:
    from pathlib import Path

SERVICES = ROOT / "testdata" / "services" / "handoff"
NAMES = ("tableflip", "grace", "endless", "overseer", "selfmade", "linked", "activated")
_OURS = ("GOPROXY", "GOSUMDB", "GONOSUMDB", "GOPRIVATE", "GOMODCACHE")


def build(out: Path, name: str, goroot: Path, *, goarch: str = "") -> None:
    """Build the service `name`, with a build tag where it is written `name+tag`, into the file `out`, for this host's architecture unless `goarch` names another.

    Raises:
        BuildFailed: the toolchain failed, or a module could not be had.
    """
    arch = goarch or host_arch()
    folder, _, tag = name.partition("+")
    flags = ("-trimpath", "-buildvcs=false", "-modcacherw", f"-tags={tag}")
    GoBuild(goroot=goroot, source=SERVICES / folder, goarch=arch, flags=flags, env=with_modules(goroot)).run(out)


def with_modules(goroot: Path) -> dict[str, str]:
    """Variables that let a build fetch modules: as this machine has them set, else as Go has them by default."""
    done = subprocess.run(
        [goroot / "bin" / "go", "env", *_OURS], capture_output=True, text=True, check=False, env={**os.environ}
    )
    if done.returncode:
        raise BuildFailed(f"go env: {done.stderr.strip()}")
    return {name: value for name, value in zip(_OURS, done.stdout.splitlines(), strict=True) if value}
