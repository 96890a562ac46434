"""`testdata/programs/types` built and run: what reflect says of its types, and what we read from the binary."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scripts.programs.gobuild import ROOT, GoBuild

if TYPE_CHECKING:
    from pathlib import Path

    from probes.go.types.table import TypeTable

SOURCE = ROOT / "testdata" / "programs" / "types"


@dataclass(frozen=True)
class Mode:
    """A way to link."""

    name: str
    buildmode: str = "exe"
    cgo: bool = False
    flags: tuple[str, ...] = ()
    goarch: str = "amd64"
    env: tuple[tuple[str, str], ...] = ()

    def build(self, goroot: Path, out: Path) -> Path:
        GoBuild(
            goroot,
            SOURCE,
            buildmode=self.buildmode,
            goarch=self.goarch,
            cgo=self.cgo,
            flags=("-trimpath", *self.flags),
            env=dict(self.env),
        ).run(out)
        return out

    def __str__(self) -> str:
        return self.name


STRIP = ("-ldflags=-s -w",)
MODES = (
    Mode("exe"),
    Mode("stripped", flags=STRIP),
    Mode("pie", buildmode="pie"),
    Mode("pie-cgo-stripped", buildmode="pie", cgo=True, flags=STRIP),
)
FOREIGN = (Mode("arm64", goarch="arm64", flags=STRIP), Mode("arm64-pie", goarch="arm64", buildmode="pie"))


def said(binary: Path) -> list[dict[str, Any]]:
    """What the program prints of itself."""
    done = subprocess.run([str(binary)], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def differences(table: TypeTable, oracle: list[dict[str, Any]]) -> list[str]:
    """Where the table contradicts reflect, a line each."""
    rows: dict[tuple[str, int], list[int]] = {}
    for row, key in enumerate(zip(table.base, table.hash.tolist(), strict=True)):
        rows.setdefault(key, []).append(row)
    out = []
    for want in oracle:
        name = want["Name"]
        found = rows.get((name, want["Hash"]), [])
        if not found:
            out.append(f"{name} is missing; {[h for n, h in rows if n == name]}")
            continue
        # A type that has no equality of its own may have a second descriptor, for the runtime's own use.
        wrong = [_compare(table, row, want) for row in found]
        out += [f"{name}: {line}" for line in min(wrong, key=len)]
    return out


def _compare(table: TypeTable, row: int, want: dict[str, Any]) -> list[str]:
    info = table.info(row)
    plain = {n: table.base[i] for i, n in enumerate(table.full_names)}

    def base(name: str) -> str:
        return plain.get(name, name)

    got = {
        "String": info.string,
        "Kind": info.kind,
        "Package": info.package if info.named else want["Package"],
        "Elem": base(info.elem),
        "Key": base(info.key),
        "Size": info.size,
        "PtrData": info.ptrdata,
        "Align": info.align,
        "FieldAlign": info.align,
        "Length": info.length,
        "Direction": info.direction,
        "Named": info.named,
        "Variadic": info.variadic,
        "In": [base(n) for n in info.inputs],
        "Out": [base(n) for n in info.outputs],
        "Fields": [(f.name, base(f.type), f.tag, f.package, f.offset, f.embedded) for f in info.fields],
        "Methods": [
            (m.name, base(m.signature) if info.kind == "interface" else "", m.package)
            for m in info.methods
            if m.exported or info.kind == "interface"
        ],
    }
    wanted = dict(want)
    wanted["In"], wanted["Out"] = want["In"] or [], want["Out"] or []
    keys = ("Name", "Type", "Tag", "Package", "Offset", "Embedded")
    wanted["Fields"] = [tuple(f[key] for key in keys) for f in want["Fields"] or []]
    wanted["Methods"] = [(m["Name"], m["Type"], m["Package"]) for m in want["Methods"] or []]
    return [f"{key}: {got[key]!r}, reflect says {wanted[key]!r}" for key in got if got[key] != wanted[key]]
