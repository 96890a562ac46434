"""Writes what DWARF says of the structs in the binary fixtures, so that tests can hold our reading of types against it.

The fixtures themselves are linked without DWARF, which would be several times their size. Each is built once more with
it, which leaves the types as they are, and `testdata/oracle/dwarf.json.xz` keeps sizes and field offsets by fixture.
"""

from __future__ import annotations

import json
import lzma
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from scripts.programs.fixtures import MATRIX_WITHOUT_DWARF, Recipe
from scripts.programs.gobuild import ROOT, BuildFailed, can_build_cgo
from tests.oracle.dwarf_types import structs

TARGET = ROOT / "testdata" / "oracle" / "dwarf.json.xz"


def main() -> int:
    """Build every fixture with DWARF and write the structs of all."""
    found: dict[str, dict[str, object]] = {}
    with tempfile.TemporaryDirectory() as scratch:
        for recipe in MATRIX_WITHOUT_DWARF:
            if recipe.cgo and not can_build_cgo(recipe.goarch):
                print(f"left out: {recipe.name} needs a C compiler for {recipe.goarch}", file=sys.stderr)
                continue
            try:
                found[recipe.name] = dict(_structs(recipe, Path(scratch) / recipe.name))
            except BuildFailed as exc:
                print(f"error: {exc}", file=sys.stderr)
                return 2
            print(f"{recipe.name:<36} {len(found[recipe.name]):>6} structs", flush=True)
    TARGET.write_bytes(lzma.compress(json.dumps(found, sort_keys=True).encode(), preset=9 | lzma.PRESET_EXTREME))
    print(f"{len(found)} fixtures, {TARGET.stat().st_size / 1e3:.0f} kB compressed")
    return 0


def _structs(recipe: Recipe, out: Path) -> list[tuple[str, object]]:
    replace(recipe, ldflags="").build().run(out)
    said = structs(out)
    out.unlink()
    return [(name, [size, [list(each) for each in fields]]) for name, (size, fields) in said.items()]


if __name__ == "__main__":
    sys.exit(main())
