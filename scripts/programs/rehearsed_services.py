"""Builds the service of `testdata/services/rehearsed`: as it should be, or with one of the faults that a rehearsal has to find.

`python -m scripts.programs.rehearsed_services OUT [FAULT]` writes the program to OUT.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from scripts.programs.gobuild import ROOT, BuildFailed, GoBuild, host_arch, require_go

SOURCE = ROOT / "testdata" / "services" / "rehearsed"


def faults() -> list[str]:
    """The names of the faults there are, as its source lists them."""
    return re.findall(r"^//\t(\w+) ", (SOURCE / "faults.go").read_text("utf-8"), re.MULTILINE)


def build(out: Path, goroot: Path, fault: str = "") -> None:
    """Build the service into `out`, with `fault` unless that is "".

    Raises:
        BuildFailed: from the toolchain, or when there is no such fault.
    """
    if fault and fault not in faults():
        raise BuildFailed(f"no fault {fault}; there are {', '.join(faults())}")
    flags = ("-trimpath", "-buildvcs=false", f"-ldflags=-X main.fault={fault}")
    GoBuild(goroot=goroot, source=SOURCE, goarch=host_arch(), flags=flags).run(out)


def main() -> int:
    """Build one."""
    try:
        build(Path(sys.argv[1]).absolute(), require_go(), *sys.argv[2:3])
    except (BuildFailed, IndexError) as exc:
        print(f"error: {exc or 'say where to'}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
