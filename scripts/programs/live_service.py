"""Builds the live service of `testdata/services`, as it is or as one of its variants.

`python -m scripts.programs.live_service OUT [VARIANT]` writes the program to OUT. The service embeds `goprobe` and replaces itself on
SIGUSR2; `testdata/services/live-variants/README.md` says what the variants are.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from scripts.programs.gobuild import ROOT, BuildFailed, GoBuild, host_arch, require_go

SERVICES = ROOT / "testdata" / "services"
VARIANTS = SERVICES / "live-variants"


def variants() -> list[str]:
    """The names of the variants there are."""
    return sorted(path.name for path in VARIANTS.iterdir() if path.is_dir())


def build(out: Path, goroot: Path, variant: str | None = None) -> None:
    """Build the service into `out`; a variant's files replace those of the service.

    Raises:
        BuildFailed: from the toolchain, or when there is no such variant.
    """
    overlay: dict[Path, Path] = {}
    if variant is not None:
        folder = VARIANTS / variant
        overlay = {path.relative_to(folder): path for path in folder.rglob("*.go")}
        if not overlay:
            raise BuildFailed(f"no variant {variant}; there are {', '.join(variants())}")
    GoBuild(
        goroot=goroot, source=SERVICES / "live", goarch=host_arch(), cgo=True, flags=("-trimpath",), overlay=overlay
    ).run(out)


def main() -> int:
    """Build one."""
    parser = argparse.ArgumentParser(description="build the live service")
    parser.add_argument("out", type=Path, metavar="OUT")
    parser.add_argument("variant", nargs="?", metavar="VARIANT", help=f"one of {', '.join(variants())}")
    arguments = parser.parse_args()
    try:
        build(arguments.out.absolute(), require_go(), arguments.variant)
    except BuildFailed as exc:
        print(f"error: {exc}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
