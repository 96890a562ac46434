"""Builds the programs of `testdata/programs/flags`, each of which reads its command line by another library, with edits to them.

`python -m scripts.programs.flag_programs` fetches the modules that they need into `.cache/gomod`, by `go mod download`.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

from scripts.programs.gobuild import CACHE, ROOT, BuildFailed, GoBuild, require_go

PROGRAMS = ROOT / "testdata" / "programs" / "flags"
MODULES = CACHE / "gomod"
STRIPPED = "-ldflags=-s -w"
Edits = Iterable[tuple[str, str]]


def libraries() -> list[str]:
    """The programs there are."""
    return sorted(path.parent.name for path in PROGRAMS.glob("*/go.mod"))


def fetch(library: str, goroot: Path) -> None:
    """Fetch the modules of a program, with the proxy and checksum database of the environment.

    Raises:
        BuildFailed: they cannot be had.
    """
    if not (PROGRAMS / library / "go.sum").is_file():
        return
    kept = {name: value for name, value in os.environ.items() if name not in {"GOFLAGS", "GOROOT"}}
    env = kept | {"GOMODCACHE": str(MODULES), "GOTOOLCHAIN": "local", "GOFLAGS": "-mod=mod", "GOROOT": str(goroot)}
    done = subprocess.run(
        [str(goroot / "bin" / "go"), "mod", "download"],
        cwd=PROGRAMS / library,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise BuildFailed(f"the modules of {library} cannot be fetched: {done.stderr[-500:]}")


def edited(library: str, edits: Edits) -> str:
    """The program's source with each first text replaced by the second.

    Raises:
        BuildFailed: a text is not in it.
    """
    text = (PROGRAMS / library / "main.go").read_text("utf-8")
    for before, after in edits:
        if before not in text:
            raise BuildFailed(f"{library}/main.go does not hold {before!r}")
        text = text.replace(before, after)
    return text


def build(library: str, goroot: Path, edits: Edits = (), *, goarch: str = "amd64", stripped: bool = True) -> Path:
    """The program, built once for each set of edits; the path is in the cache.

    Raises:
        BuildFailed: from the toolchain, or because an edit does not fit.
    """
    with tempfile.TemporaryDirectory() as scratch:
        main = Path(scratch, "main.go")
        main.write_text(edited(library, edits), "utf-8")
        made = GoBuild(
            goroot=goroot,
            source=PROGRAMS / library,
            goarch=goarch,
            flags=("-trimpath", *([STRIPPED] if stripped else [])),
            overlay={Path("main.go"): main},
            env={"GOMODCACHE": str(MODULES)},
        )
        out = CACHE / "flags" / made.key()[:16] / library
        if not out.is_file():
            fetch(library, goroot)
            fresh = out.with_name(f"{library}.{os.getpid()}")
            made.run(fresh)
            fresh.replace(out)
    return out


def main() -> int:
    """Fetch the modules and build each program."""
    argparse.ArgumentParser(
        description="build the programs that read their command line by a library each"
    ).parse_args()
    try:
        for library in libraries():
            print(build(library, require_go()))
    except BuildFailed as exc:
        print(f"error: {exc}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
