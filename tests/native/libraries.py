"""Pairs of C and C++ shared objects, and of programs, each with one known difference."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.conftest import missing

if TYPE_CHECKING:
    from pathlib import Path

C = r"""
#include <stdint.h>
__thread int depth = 3;
int table[4] = {1, 2, 3, 4};
static int calls;
int area(int w, int h) { calls++; return w * h + depth + table[w & 3]; }
int half(int x) { return x / 2; }
__attribute__((constructor)) static void begin(void) { calls = 1; }
"""

CPP = r"""
namespace geo {
struct Shape { virtual int area(); virtual ~Shape(); };
int Shape::area() { return 1; }
Shape::~Shape() {}
}
struct Box { int w; int h; };
extern "C" int volume(Box *b) { return b->w * b->h; }
"""

VERSIONS = "V_1 { global: area; half; table; depth; local: *; };\n"


@dataclass(frozen=True, slots=True)
class Built:
    """One library: its source, its language, flags, and a version script."""

    source: str = C
    language: str = "c"
    flags: tuple[str, ...] = ()
    script: str = ""
    strip: bool = False


def build(folder: Path, built: Built, *, name: str = "lib.so") -> Path:
    """Compile `built` into `folder`."""
    compiler = {"c": "gcc", "c++": "g++"}[built.language]
    if shutil.which(compiler) is None:
        missing(f"no {compiler} on PATH: apt-get install {compiler}")
    folder.mkdir(parents=True, exist_ok=True)
    suffix = {"c": "c", "c++": "cc"}[built.language]
    (folder / f"lib.{suffix}").write_text(built.source, "utf-8")
    flags = ["-shared", "-fPIC", "-O1", "-g0", *built.flags]
    if built.script:
        (folder / "versions.map").write_text(built.script, "utf-8")
        flags.append("-Wl,--version-script=versions.map")
    if built.strip:
        flags.append("-s")
    subprocess.run([compiler, *flags, "-o", name, f"lib.{suffix}"], cwd=folder, check=True, capture_output=True)
    return folder / name
