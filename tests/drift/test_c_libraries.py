"""Public C and C++ libraries linked into two programs whose Go part differs: no C function is reported."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from probes.drift import compare
from probes.go import load
from scripts.programs.gobuild import GoBuild, can_build_cgo
from tests.conftest import first, missing

if TYPE_CHECKING:
    from collections.abc import Iterable

SQLITE = """
int sqlite3_open(const char *, void **);
int sqlite3_exec(void *, const char *, void *, void *, void *);
static int use(int n) { void *d = 0; sqlite3_open(":memory:", &d); return sqlite3_exec(d, "select 1", 0, 0, 0) + n; }
"""
ZLIB = """
const char *zlibVersion(void);
unsigned long crc32(unsigned long, const void *, unsigned);
int compress(void *, unsigned long *, const void *, unsigned long);
int uncompress(void *, unsigned long *, const void *, unsigned long);
static int use(int n) {
	char to[100]; unsigned long size = 100;
	compress(to, &size, "hello", 5);
	uncompress(to, &size, "hello", 5);
	return crc32(0, zlibVersion(), n);
}
"""
OPENSSL = """
void *EVP_sha256(void);
void *EVP_MD_CTX_new(void);
void *EVP_aes_256_gcm(void);
int EVP_DigestInit_ex(void *, void *, void *);
int RSA_generate_key_ex(void *, int, void *, void *);
void *EC_KEY_new_by_curve_name(int);
static int use(int n) {
	EVP_DigestInit_ex(EVP_MD_CTX_new(), EVP_sha256(), 0);
	if (n > 100) { RSA_generate_key_ex(0, 0, 0, 0); EC_KEY_new_by_curve_name(n); }
	return EVP_aes_256_gcm() != 0;
}
"""
CXX = """#include <map>
#include <regex>
#include <sstream>
extern "C" int use(int n) {
	std::map<std::string, int> m;
	std::ostringstream o;
	o << n << 1.5;
	m[o.str()] = n;
	return std::regex_match(o.str(), std::regex("[0-9]+")) + (int)m.size();
}
"""
LIBRARIES = {
    "sqlite": ("-l:libsqlite3.a -lm", SQLITE, "libsqlite3-dev"),
    "zlib": ("-l:libz.a", ZLIB, "zlib1g-dev"),
    "openssl": ("-l:libcrypto.a -ldl -lpthread", OPENSSL, "libssl-dev"),
    "libstdc++": ("-static-libstdc++ -static-libgcc", "int use(int);", "g++"),
}
GO = """package main

/*
#cgo LDFLAGS: {flags}
{code}
*/
import "C"
import (
	"fmt"
	"net/http"
	"os"
	"strings"
)

var words = []string{{{words}}}

func main() {{ fmt.Println(C.use(C.int(len(os.Args))), http.StatusText(200), strings.Join(words, " ")) }}
"""
WORDS = ('"one"', '"a string that was not there before", "one", "and another one"')
FLAGS = {"symbols": (), "stripped": ("-ldflags=-s -w",), "pie stripped": ("-buildmode=pie", "-ldflags=-s -w")}


LIBRARY = "sqlite"
"""The one that each `make test` links in."""


@pytest.mark.long
@pytest.mark.parametrize("flags", first(1, FLAGS))
@pytest.mark.parametrize(
    "library", [LIBRARY, *(pytest.param(each, marks=pytest.mark.long) for each in LIBRARIES if each != LIBRARY)]
)
def test_unchanged_c_is_not_reported(go_toolchain: Path, tmp_path: Path, library: str, flags: str) -> None:
    link, code, package = LIBRARIES[library]
    if not can_build_cgo("amd64") or not _there(link):
        missing(f"a C compiler and {library} (apt-get install gcc libc6-dev {package})")
    files = []
    for side, words in zip(("old", "new"), WORDS, strict=True):
        place = tmp_path / side
        place.mkdir()
        (place / "go.mod").write_text("module example.org/library\n\ngo 1.21\n", "utf-8")
        (place / "main.go").write_text(GO.format(flags=link, code=code, words=words), "utf-8")
        if library == "libstdc++":
            (place / "use.cc").write_text(CXX, "utf-8")
        # Debian's archives are built for PIEs and for programs at a fixed place.
        build = GoBuild(go_toolchain, place, cgo=True, flags=("-trimpath", *FLAGS[flags]))
        build.run(place / "out")
        files.append(load(str(place / "out")))
    drift = compare(*files).functions
    assert drift is not None
    assert drift.old > 3000
    assert {change.name for change in drift.changed} <= {"main.init", "main.main"}
    assert [each.name for each in (*drift.added, *drift.removed)] == []
    assert (drift.undecided, drift.doubtful) == ((), ())


def _there(link: str) -> bool:
    wanted = [word.removeprefix("-l:") for word in link.split() if word.startswith("-l:")] or ["libstdc++.a"]
    return all(_found(name) for name in wanted)


def _found(name: str) -> bool:
    places: Iterable[Path] = (*Path("/usr/lib").glob("*-linux-gnu"), *Path("/usr/lib/gcc").glob("*/*"))
    return any((place / name).exists() for place in places)
