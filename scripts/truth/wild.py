"""`make wild`: one service built in every way that is met in the wild, each way as three pairs, and what hotgate says of them.

The pairs: with no edit (another build tag makes another file), with one edit, and from the plain build to this one with the
edit. Right are the verdict, the set of changed functions, and that no rule speaks which has no reason to. Tools that are
missing are said; nothing but the builds themselves is run.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from gate.model import Mode
from gate.policy.model import Policy
from gate.runs.comparison import check
from probes.errors import ProbeError
from scripts.programs.gobuild import BuildFailed, GoBuild, require_go
from scripts.programs.toolchains import goroot

if TYPE_CHECKING:
    from collections.abc import Callable

    from gate.report.models.report import Report

EDITED = "rate"
FILES = {
    "go.mod": "module example.org/wild\n\ngo 1.21\n",
    "main.go": """package main

import (
	"embed"
	"fmt"
	"net/http"
	"os"

	"example.org/wild/fees"
)

//go:embed files
var files embed.FS

var limits = map[string]int{"a": 1, "b": 2}

//go:noinline
func rate(n int64) int64 { return n*3 + 25 }

// Total is what a plugin is asked for.
func Total(n int64) int64 { return rate(n) + fees.Of(n) + native(n) }

func main() {
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		text, _ := files.ReadFile("files/a.txt")
		fmt.Fprintln(w, Total(int64(len(r.URL.Path))), limits, string(text))
	})
	if len(os.Args) > 1 {
		fmt.Println(Total(int64(len(os.Args))))
		return
	}
	_ = http.ListenAndServe("127.0.0.1:0", nil)
}
""",
    "fees/fees.go": "package fees\n\n//go:noinline\nfunc Of(n int64) int64 { return n / 7 }\n",
    "files/a.txt": "select 1;\n",
    "native_cgo.go": """//go:build cgo

package main

/*
static long table[4] = {3, 1, 4, 1};
static long twice(long n) { return 2 * n + table[n & 3]; }
*/
import "C"

func native(n int64) int64 { return int64(C.twice(C.long(n))) }
""",
    "native.go": "//go:build !cgo\n\npackage main\n\nfunc native(n int64) int64 { return 2 * n }\n",
    "export_shared.go": """//go:build shared

package main

import "C"

//export WildTotal
func WildTotal(n C.long) C.long { return C.long(Total(int64(n))) }
""",
}
EXTERNAL = "-linkmode=external"
CHANGES_CODE = frozenset({"HG201", "HG202", "HG203", "HG204", "HG205", "HG206", "HG207", "HG210"})
ALWAYS = frozenset({"HG201", "HG407", "HG409", "HG107", "HG106", "HG206"})
"""What every pair here may be told: changed code, another tag, no revision, moved addresses, build IDs."""


@dataclass(frozen=True, slots=True)
class Way:
    """A way to build.

    `ldflags`, `extld`: of Go's linker and of the C linker; `after`: changes the file, given its path; `needs`: programs.
    `told`: rules that may speak of the pair without and with an edit; `from_plain`: of that from the plain build. `code`: the
    exit code of both of the former, `plain_code` of the latter. `same`: the changed set is compared in the latter, too.
    """

    name: str
    ldflags: str = ""
    extld: str = ""
    cgo: bool = True
    flags: tuple[str, ...] = ()
    env: dict[str, str] = field(default_factory=dict)
    after: Callable[[Path], None] | None = None
    needs: tuple[str, ...] = ()
    told: frozenset[str] = frozenset()
    from_plain: frozenset[str] = frozenset()
    buildmode: str = "exe"
    mode: Mode = Mode.EXEC
    code: int = 0
    plain_code: int = 0
    same: bool = True
    changed: frozenset[str] = frozenset({f"main.{EDITED}"})
    before: Callable[[Path, Path], None] | None = None


def _tool(*command: str) -> Callable[[Path], None]:
    def run(path: Path) -> None:
        subprocess.run([*command, path], check=True, capture_output=True)

    return run


def _vendored(source: Path, goroot_: Path) -> None:
    subprocess.run([goroot_ / "bin" / "go", "mod", "vendor"], cwd=source, check=True, capture_output=True)


def _workspace(source: Path, _: Path) -> None:
    (source / "go.work").write_text("go 1.21\n\nuse .\n", "utf-8")


def _split_debug(path: Path) -> None:
    subprocess.run(["eu-strip", "-f", f"{path}.debug", path], check=True, capture_output=True)


LINKED = frozenset({"HG301", "HG302", "HG303", "HG304", "HG305", "HG105", "HG104", "HG202", "HG210", "HG411"})
"""What may be said where one side is linked in another way: its libraries, interpreter, hardening, symbols."""
STRIPPED = frozenset({"HG104", "HG105", "HG109"})
INSTRUMENTED = frozenset({"HG406", "HG405", "HG402", "HG414", "HG408", "HG302", "HG208", *LINKED, *CHANGES_CODE})

WAYS = (
    Way("pure", cgo=False, from_plain=LINKED, same=False, plain_code=10),
    Way("cgo"),
    Way("bfd", EXTERNAL, from_plain=LINKED),
    Way("gold", EXTERNAL, "-fuse-ld=gold", needs=("ld.gold",), from_plain=LINKED),
    Way("lld", EXTERNAL, "-fuse-ld=lld", needs=("ld.lld",), from_plain=LINKED),
    Way("mold", EXTERNAL, "-fuse-ld=mold", needs=("mold",), from_plain=LINKED),
    Way("pie", buildmode="pie", from_plain=LINKED, same=False),
    Way("bfd-pie", EXTERNAL, buildmode="pie", from_plain=LINKED, same=False),
    Way("lld-pie", EXTERNAL, "-fuse-ld=lld", buildmode="pie", needs=("ld.lld",), from_plain=LINKED, same=False),
    Way("mold-pie", EXTERNAL, "-fuse-ld=mold", buildmode="pie", needs=("mold",), from_plain=LINKED, same=False),
    Way("static-glibc", EXTERNAL, "-static", from_plain=LINKED, same=False),
    Way("static-pie", EXTERNAL, "-static-pie", buildmode="pie", from_plain=LINKED, same=False),
    Way("static-musl", EXTERNAL, "-static", env={"CC": "musl-gcc"}, needs=("musl-gcc",), from_plain=LINKED, same=False),
    Way("dynamic-musl", EXTERNAL, env={"CC": "musl-gcc"}, needs=("musl-gcc",), from_plain=LINKED, same=False, plain_code=10),
    Way("packed-relocations", EXTERNAL, "-Wl,-z,pack-relative-relocs", buildmode="pie", from_plain=LINKED, same=False),
    Way("lld-packed-relocations", EXTERNAL, "-fuse-ld=lld -Wl,--pack-dyn-relocs=relr", buildmode="pie", needs=("ld.lld",), from_plain=LINKED, same=False),
    Way("emit-relocs", EXTERNAL, "-Wl,--emit-relocs", from_plain=LINKED),
    Way("debug-zlib", EXTERNAL, "-Wl,--compress-debug-sections=zlib", from_plain=LINKED),
    Way("debug-zstd", EXTERNAL, "-Wl,--compress-debug-sections=zstd", from_plain=LINKED),
    Way("stripped-by-go", "-s -w", from_plain=STRIPPED),
    Way("strip", after=_tool("strip"), needs=("strip",), from_plain=STRIPPED),
    Way("llvm-strip", after=_tool("llvm-strip"), needs=("llvm-strip",), from_plain=STRIPPED),
    Way("eu-strip", after=_split_debug, needs=("eu-strip",), from_plain=STRIPPED),
    Way("no-section-headers", after=_tool("llvm-objcopy", "--strip-sections"), needs=("llvm-objcopy",), from_plain=STRIPPED),
    Way("patchelf", EXTERNAL, after=_tool("patchelf", "--set-rpath", "/nowhere"), needs=("patchelf",), from_plain=LINKED | {"HG109", "HG303"}),
    Way("no-build-id", "-buildid= -B none", from_plain=frozenset({"HG109"})),
    Way("no-build-info", after=_tool("objcopy", "-R", ".go.buildinfo"), needs=("objcopy",), told=frozenset({"HG401", "HG301"}), from_plain=frozenset({"HG109", "HG403", "HG410", "HG305", "HG301"}), code=11, plain_code=11),
    Way("unoptimised", flags=("-gcflags=all=-N -l",), told=frozenset({"HG414"}), from_plain=INSTRUMENTED, same=False),
    Way("race", flags=("-race",), told=frozenset({"HG406"}), code=10, plain_code=10, from_plain=INSTRUMENTED, same=False),
    Way("cover", flags=("-cover",), told=frozenset({"HG406"}), code=10, plain_code=10, from_plain=INSTRUMENTED, same=False, changed=frozenset({f"main.{EDITED}"})),
    *(Way(f"goamd64-{level}", env={"GOAMD64": level}, told=frozenset({"HG402"}), from_plain=INSTRUMENTED, same=False, code=10 if level == "v4" and not Path("/proc/cpuinfo").read_text("utf-8").count("avx512f") else 0, plain_code=10 if level == "v4" and not Path("/proc/cpuinfo").read_text("utf-8").count("avx512f") else 0) for level in ("v2", "v3", "v4")),
    Way("jsonv2", env={"GOEXPERIMENT": "jsonv2"}, from_plain=INSTRUMENTED, same=False),
    Way("boringcrypto", env={"GOEXPERIMENT": "boringcrypto"}, from_plain=INSTRUMENTED | {"HG411"}, same=False),
    Way("c-shared", buildmode="c-shared", flags=("-tags=shared",), mode=Mode.PLUGIN, plain_code=10, from_plain=LINKED | {"HG306", "HG207", "HG410"}, same=False),
    Way("plugin", buildmode="plugin", mode=Mode.PLUGIN, told=frozenset({"HG306"}), code=10, plain_code=10, from_plain=LINKED | {"HG306", "HG207", "HG410"}, same=False, changed=frozenset({f"example.org/wild.{EDITED}"})),
    Way("vendored", before=_vendored, from_plain=frozenset({"HG408"})),
    Way("workspace", before=_workspace, env={"GOWORK": "auto"}, from_plain=frozenset({"HG408"})),
)  # fmt: skip


class Wild:
    """Builds and checks in one temporary folder."""

    def __init__(self, root: Path, folder: Path) -> None:
        self.root = root
        self.folder = folder

    def source(self, way: Way, *, edited: bool) -> Path:
        """The folder of the service, edited or not."""
        source = self.folder / f"source-{way.name if way.before else 'plain'}{'-edited' if edited else ''}"
        if not source.exists():
            for name, text in FILES.items():
                (source / name).parent.mkdir(parents=True, exist_ok=True)
                (source / name).write_text(text.replace("n*3 + 25", "n*3 + 35") if edited else text, "utf-8")
            if way.before is not None:
                way.before(source, self.root)
        return source

    def build(self, way: Way, name: str, *, edited: bool, tag: str = "") -> Path:
        """One program; `tag` is another build tag, which changes nothing."""
        out = self.folder / f"{way.name}-{name}"
        if out.exists():
            return out
        flags = tuple(f"{each},{tag}" if tag and each.startswith("-tags=") else each for each in way.flags)
        if tag and flags == way.flags:
            flags += (f"-tags={tag}",)
        extld = f' "-extldflags={way.extld}"' if way.extld else ""
        GoBuild(
            self.root,
            self.source(way, edited=edited),
            buildmode=way.buildmode,
            cgo=way.cgo,
            flags=("-trimpath", *flags, f"-ldflags={way.ldflags}{extld}"),
            env=way.env,
        ).run(out)
        if way.after is not None:
            way.after(out)
        return out

    def judge(self, way: Way) -> list[str]:
        """What is wrong with the three pairs of a way."""
        base = self.build(way, "base", edited=False)
        again = self.build(way, "again", edited=False, tag="another")
        edited = self.build(way, "edited", edited=True)
        plain = self.build(WAYS[1], "base", edited=False)
        out = _wrong("no edit", way, base, again, frozenset(), way.code, way.told)
        out += _wrong("one edit", way, base, edited, way.changed, way.code, way.told)
        wanted = way.changed if way.same else None
        return out + _wrong("from plain", way, plain, edited, wanted, way.plain_code, way.told | way.from_plain)


def _wrong(  # noqa: PLR0913, PLR0917 - one a thing that is held against the report
    pair: str, way: Way, old: Path, new: Path, wanted: frozenset[str] | None, code: int, told: frozenset[str]
) -> list[str]:
    policy = Policy().with_flags(mode=way.mode)
    try:
        report = check(str(old), str(new), policy)
    except ProbeError as exc:
        return [f"{pair}: {exc}"]
    out = []
    if report.exit_code != code:
        out.append(f"{pair}: exit code {report.exit_code} ({_why(report)}), {code} is right")
    section = report.drift.functions if report.drift is not None else None
    if section is None:
        out.append(f"{pair}: the functions were not compared")
    elif wanted is not None:
        # Another linker relaxes C's accesses in its own way, and brings other start files: only Go's functions are the same.
        found = {each.name for each in section.changed if pair != "from plain" or each.package != "C"}
        if found != wanted or section.undecided:
            out.append(
                f"{pair}: changed {sorted(found)[:6]}, undecided {section.undecided[:3]}; {sorted(wanted)} is right"
            )
    others = sorted({f.rule for f in report.findings} - ALWAYS - told)
    if others:
        messages = [f"{f.rule}: {f.message}" for f in report.findings if f.rule in others]
        out.append(f"{pair}: {messages[:3]}")
    return out


def _why(report: Report) -> str:
    doubts = [
        f"{e.name} {e.status}: {e.reason}"
        for e in report.evidence
        if e.status != "ok" and e.name in report.policy.require
    ]
    blocking = [
        f"{f.rule}: {f.message}"
        for f in report.findings
        if f.severity == "block" or f.evidence.get("verified") is False
    ]
    return "; ".join([*blocking, *doubts])[:300]


def main() -> int:
    """Parse the arguments, build, print a line a way."""
    parser = argparse.ArgumentParser(description="one service built in every way that is met in the wild")
    parser.add_argument("ways", nargs="*", help="only these; --list shows all")
    parser.add_argument("--toolchain", metavar="VERSION", help="build with this Go release instead of the newest here")
    parser.add_argument("--list", action="store_true")
    options = parser.parse_args()
    chosen = [way for way in WAYS if not options.ways or way.name in options.ways]
    if options.list:
        print("\n".join(way.name for way in chosen))
        return 0
    root = goroot(options.toolchain) if options.toolchain else require_go()
    wrong = left = 0
    with tempfile.TemporaryDirectory() as temporary:
        wild = Wild(root, Path(temporary))
        for way in chosen:
            absent = [name for name in way.needs if shutil.which(name) is None]
            if absent:
                print(f"left    {way.name}: {absent[0]} is not on PATH", flush=True)
                left += 1
                continue
            try:
                found = wild.judge(way)
            except (BuildFailed, subprocess.CalledProcessError) as exc:
                text = str(getattr(exc, "stderr", b"") or exc)
                print(f"left    {way.name}: does not build here: {json.dumps(text[-300:])}", flush=True)
                left += 1
                continue
            print(f"{'WRONG' if found else 'right'}   {way.name}", flush=True)
            for line in found:
                print(f"        {line}", flush=True)
            wrong += bool(found)
    print(f"{len(chosen)} ways: {len(chosen) - wrong - left} right, {wrong} wrong, {left} left out")
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
