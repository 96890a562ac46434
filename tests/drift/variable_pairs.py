"""`testdata/programs/globals` with one edit each, and what has to be reported for it, no more and no less."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING

from probes.go import load
from scripts.programs.gobuild import ROOT, BuildFailed, GoBuild, can_build_cgo
from scripts.programs.toolchains import TOOLCHAINS, problem
from tests.conftest import missing

if TYPE_CHECKING:
    from pathlib import Path

    from probes.drift.data.facts import DataDrift
    from probes.drift.facts import GlobalDrift
    from probes.go.facts import BinaryFacts

SOURCE = ROOT / "testdata" / "programs" / "globals"
STATE = "example.com/globals/state."
OLD_RELEASE = "1.21.13"
Drift = dict[str, list[str]]


@dataclass(frozen=True)
class Edit:
    """`replace`: pairs of text in a file of the program. `drift`: per field of `GlobalDrift`, and `revalued`, names without the package."""

    name: str
    replace: tuple[tuple[str, str], ...]
    drift: Drift = field(default_factory=dict)
    file: str = "state/state.go"

    def __str__(self) -> str:
        return self.name


_ALL = "return []any{&Rate"

EDITS = (
    Edit("nothing", ()),
    Edit(
        "added",
        (("Total  uint64", "Total  uint64\n\tFresh  [2]string"), (_ALL, "return []any{&Fresh, &Rate")),
        {"added": ["Fresh"]},
    ),
    Edit("removed", (("\tStale  [3]byte\n", ""), (", &Stale", "")), {"removed": ["Stale"]}),
    Edit(
        "renamed",
        (("Stale  [3]byte", "Fresh  [3]byte"), ("&Stale", "&Fresh")),
        {"removed": ["Stale"], "added": ["Fresh"]},
    ),
    Edit("array-resized", (("[16]int32", "[32]int32"),), {"resized": ["Limits 64 → 128 bytes"]}),
    Edit("number-widened", (("Stale  [3]byte", "Stale  [5]byte"),), {"resized": ["Stale 3 → 5 bytes"]}),
    Edit(
        "string-to-bytes",
        (('Currency       = "usd"', 'Currency       = []byte("usd")'),),
        {"resized": ["Currency 16 → 24 bytes"]},
    ),
    Edit("strings-more", (('"tue", "wed"', '"tue", "wed", "thu"'),), {"resized": ["Weekdays 48 → 64 bytes"]}),
    Edit(
        "map-to-slice",
        (('map[string]int{"tea": 2}', "[]int(nil)"),),
        {"resized": ["Prices 8 → 24 bytes"]},
    ),
    Edit("map-of-others", (("map[string]int{", "map[string]int32{"),)),
    Edit("map-with-others", (('"tea": 2', '"tea": 3, "ale": 4'),)),
    Edit("value-changed", (("int64 = 25", "int64 = 35"),), {"revalued": ["Rate"]}),
    Edit("value-gone", (("= true", "= false"),), {"revalued": ["Strict"]}),
    Edit("text-changed", (('"usd"', '"eur"'),), {"revalued": ["Currency"]}),
    Edit("text-longer", (('"usd"', '"pound"'),), {"revalued": ["Currency"]}),
    Edit("text-in-array", (('"tue"', '"die"'),), {"revalued": ["Weekdays"]}),
    Edit("function-unset", (("func() = hook", "func()"),), {"revalued": ["Hook"]}),
    Edit("pointer-instead", (("Total  uint64", "Total  *uint64"), ("Total++", "*Total++")), {"retyped": ["Total"]}),
    Edit(
        "pointer-elsewhere",
        (("First  *int64\n\t\tSecond int64", "First  int64\n\t\tSecond *int64"),),
        {"retyped": ["Mixed"]},
    ),
    Edit(
        "only-moved",
        (
            (
                "func hook() { Total++ }",
                # A long constant moves all of the data behind it.
                f'func hook() {{ Total++; println(len(Prices), Total, "{"x" * 70_000}", Failed, Sessions, Strict, Rate) }}',
            ),
        ),
    ),
)

C_EDITS = (
    Edit("c-resized", (("totals[4]", "totals[8]"),), {"resized": ["totals 16 → 32 bytes"]}, "native.go"),
    Edit(
        "c-added",
        (("static int hits;", "static int hits, misses;"), ("hits += by", "misses++; hits += by + misses")),
        {"added": ["misses"]},
        "native.go",
    ),
    Edit(
        "c-static",
        (("static long calls = 1", "static char calls = 1"),),
        {"resized": ["calls 8 → 1 bytes"]},
        "native.go",
    ),
)


@dataclass(frozen=True)
class Config:
    """A way to build; `release` is another toolchain than the newest one."""

    goarch: str = "amd64"
    buildmode: str = "exe"
    cgo: bool = False
    release: str = ""

    def __str__(self) -> str:
        return f"{self.goarch}-{self.buildmode}{'-cgo' if self.cgo else ''}{self.release and '-go' + self.release}"


PLAIN = Config()
CONFIGS = (
    Config(buildmode="pie"),
    Config(goarch="arm64"),
    Config(cgo=True),
    Config(buildmode="pie", cgo=True),
    Config(release=OLD_RELEASE),
    Config(buildmode="pie", cgo=True, release=OLD_RELEASE),
)


def everything(cgo: bool) -> Edit:
    """Edits of all kinds at once."""
    names = ["added", "removed", "array-resized", "value-changed", "text-changed", "pointer-elsewhere", "only-moved"]
    edits = [edit for edit in EDITS if edit.name in names]
    drift: Drift = {}
    for edit in edits:
        for kind, found in edit.drift.items():
            drift[kind] = sorted([*drift.get(kind, []), *found])
    return Edit(f"everything{'-cgo' if cgo else ''}", tuple(pair for edit in edits for pair in edit.replace), drift)


class Programs:
    """Builds each pair of edit and configuration once."""

    def __init__(self, newest: Path, folder: Path) -> None:
        self.newest = newest
        self.folder = folder
        self.facts = cache(self._facts)

    def path(self, edit: Edit, config: Config, *, strip: bool = False, dwarf: bool = False) -> Path:
        out = self.folder / f"{edit.name}-{config}{'-stripped' if strip else ''}{'-dwarf' if dwarf else ''}"
        if out.exists():
            return out
        if config.cgo and not can_build_cgo(config.goarch):
            missing(f"no C compiler for {config.goarch}")
        source = self.folder / f"source-{edit.name}"
        if not source.exists():
            shutil.copytree(SOURCE, source)
            file = source / edit.file
            text = file.read_text("utf-8")
            for old, new in edit.replace:
                assert text.count(old) == 1, f"{edit.name}: {old!r} is there {text.count(old)} times"
                text = text.replace(old, new)
            file.write_text(text, "utf-8")
        flags = ("-trimpath", "-ldflags=" + ("-s -w" if strip else "" if dwarf else "-w"))
        GoBuild(
            toolchain(config, self.newest),
            source,
            buildmode=config.buildmode,
            goarch=config.goarch,
            cgo=config.cgo,
            flags=flags,
        ).run(out)
        return out

    def _facts(self, edit: str, config: Config) -> BinaryFacts:
        edits = {each.name: each for each in (*EDITS, *C_EDITS, everything(cgo=False), everything(cgo=True))}
        return load(str(self.path(edits[edit], config)), examine=False)


def toolchain(config: Config, newest: Path) -> Path:
    """The root of the toolchain of a configuration; skips the test where it was not fetched."""
    if not config.release:
        return newest
    root = TOOLCHAINS / config.release
    try:
        found = problem(root, config.release)
    except BuildFailed as exc:
        found = str(exc)
    if found is not None:
        missing(f"python -m scripts.programs.toolchains {config.release} fetches this toolchain: {found}")
    return root


def summary(drift: GlobalDrift, data: DataDrift | None = None) -> Drift:
    """The drift in the form of `Edit.drift`; variables with another value are a matter of `data`."""
    out: Drift = {}
    if data is not None and data.variables:
        out["revalued"] = [*dict.fromkeys(each.name.removeprefix(STATE) for each in data.variables)]
    for kind in ("added", "removed", "resized", "retyped"):
        found = getattr(drift, kind)
        if found:
            detail = kind == "resized"
            out[kind] = [each.name.removeprefix(STATE) + (f" {each.detail}" if detail else "") for each in found]
    return out
