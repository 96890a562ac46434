"""Builds testdata/programs/hot, whose functions have known shares of CPU, as it is and in its variants."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from scripts.programs.gobuild import CACHE, ROOT, BuildFailed, GoBuild, require_go

SOURCE = ROOT / "testdata" / "programs" / "hot"
VARIANTS = ("slower", "split", "renamed", "inlined")
EDITED = Path("price.go")


def build(variant: str = "", *, rebuilt: bool = False) -> Path:
    """The program, built once: `variant` is one of `VARIANTS`, "" for the original; `rebuilt` moves its addresses.

    Raises:
        BuildFailed: there is no toolchain, or it fails.
    """
    overlay = {EDITED: SOURCE / "variants" / f"{variant}.go.txt"} if variant else {}
    flags = ("-ldflags=-randlayout=7",) if rebuilt else ()
    recipe = GoBuild(require_go(), SOURCE, overlay=overlay, flags=("-trimpath", *flags))
    out = CACHE / "hot" / recipe.key()[:16] / "hot"
    if not out.exists():
        recipe.run(out)
    return out


def run(program: Path, out: Path, *arguments: str, seconds: float) -> None:
    """Run it on one processor, at most `seconds` long; its profiles go to the folder `out`.

    Raises:
        BuildFailed: it failed, or did not end in time.
    """
    out.mkdir(parents=True, exist_ok=True)
    command = [str(program), "-out", str(out), *arguments]
    environment = {"GOMAXPROCS": "1", "PATH": os.defpath}
    try:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=seconds)
    except subprocess.TimeoutExpired as exc:
        raise BuildFailed(f"{program.name} did not end within {seconds:g} s") from exc
    if done.returncode:
        raise BuildFailed(f"{' '.join(command)}\n{done.stderr[-2000:]}")
