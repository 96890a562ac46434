"""HG306 on Go plugins and on Go libraries for C programs."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from gate.cli import cli
from probes.go import load
from probes.go.buildinfo.plugin import read_plugin
from scripts.programs.gobuild import FEW_COLLECTIONS
from tests import matrix
from tests.conftest import built_once, first, missing
from tests.native.conftest import found, run_check

if TYPE_CHECKING:
    from pathlib import Path

SHARED = "package rates\n\n// Rate is in percent.\ntype Rate struct{ Percent int }\n"
PLUGIN = """package main

import "example.com/shop/rates"

func Total(r rates.Rate) int { return r.Percent * 2 }
"""
LIBRARY = """package main

/*
int *kept(void);
*/
import "C"

//export ShopTotal
func ShopTotal(n C.int) C.int { return n * C.int(*C.kept()) }

//export ShopHalf
func ShopHalf(n C.int) C.int { return n / 2 }

func main() {}
"""
HOST = """package main

import (
	"fmt"
	"os"
	"plugin"

	"example.com/shop/rates"
)

func main() {
	fmt.Println(rates.Rate{})
	for _, path := range os.Args[1:] {
		_, err := plugin.Open(path)
		fmt.Println(err)
	}
}
"""
NATIVE = "static int state[4];\nint *kept(void) { return state; }\n"


ABIDIFF = {"abidiff"} if shutil.which("abidiff") else set()
"""What it adds where it is installed."""


@pytest.fixture(scope="module")
def built(go_toolchain, tmp_path_factory) -> dict[str, Path]:
    if shutil.which("gcc") is None:
        missing("no gcc on PATH: apt-get install gcc")
    root = built_once(tmp_path_factory, "go-libraries", lambda folder: _build(go_toolchain, folder))
    return {folder.name: folder / "lib.so" for folder in root.iterdir()}


def _build(go_toolchain: Path, root: Path) -> None:
    plugins = {
        "plugin": (PLUGIN, SHARED, "v1"),
        "plugin-body": (PLUGIN.replace("* 2", "* 3"), SHARED, "v2"),
        "plugin-shared": (PLUGIN, SHARED.replace("Percent int", "Percent int; Name string"), "v2"),
        "plugin-lookup": (PLUGIN.replace("func Total", "func Sum"), SHARED, "v2"),
        "plugin-path": (PLUGIN.replace("* 2", "* 3"), SHARED, "v1"),
    }
    libraries = {
        "library": (LIBRARY, NATIVE),
        "library-body": (LIBRARY.replace("n / 2", "n / 3"), NATIVE),
        "library-export": (LIBRARY.replace("//export ShopHalf", "//go:noinline"), NATIVE),
        "library-state": (LIBRARY, NATIVE.replace("state[4]", "state[64]")),
    }
    for name, (source, shared, path) in plugins.items():
        files = {f"{path}/main.go": source, "rates/rates.go": shared}
        _go(go_toolchain, root / name, files, "plugin", f"./{path}")
    _go(go_toolchain, root / "host", {"main.go": HOST, "rates/rates.go": SHARED}, "exe", ".")
    for name, (source, native) in libraries.items():
        _go(go_toolchain, root / name, {"main.go": source, "kept.c": native}, "c-shared", ".")


def _go(goroot: Path, folder: Path, files: dict[str, str], mode: str, package: str) -> None:
    for name, text in {"go.mod": "module example.com/shop\n\ngo 1.21\n", **files}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, "utf-8")
    environment = {**os.environ, **FEW_COLLECTIONS, "CGO_ENABLED": "1", "GOFLAGS": "", "GOTOOLCHAIN": "local"}
    command = [goroot / "bin" / "go", "build", "-buildvcs=false", "-trimpath", f"-buildmode={mode}"]
    subprocess.run([*command, "-o", "lib.so", package], cwd=folder, env=environment, check=True)


def blocking(report) -> set[str]:
    return {subject for subject, each in found(report, "HG306").items() if each["severity"] == "block"}


@pytest.mark.parametrize(
    ("old", "new", "subjects"),
    first(
        1,
        [
            ("plugin", "plugin-shared", {"packages"}),
            ("library", "library-export", {"ShopHalf", *ABIDIFF}),
            *(
                pytest.param(*each, marks=pytest.mark.long)
                for each in (
                    ("plugin", "plugin-body", set()),
                    ("plugin", "plugin-lookup", {"Total"}),
                    ("library", "library-body", set()),
                    ("library", "library-state", {"static state"}),
                )
            ),
        ],
    ),
)
def test_what_others_rely_on(old, new, subjects, built) -> None:
    _, report = run_check(built[old], built[new], "--mode", "plugin")
    assert blocking(report) == subjects
    _, report = run_check(built[old], built[new])
    assert blocking(report) == set()
    assert set(found(report, "HG306")) >= subjects - ABIDIFF


def test_a_shared_package_is_named(built) -> None:
    _, report = run_check(built["plugin"], built["plugin-shared"], "--mode", "plugin")
    assert found(report, "HG306")["packages"]["evidence"]["packages"] == ["example.com/shop/rates"]


def test_a_path_that_is_loaded_already(built) -> None:
    _, report = run_check(built["plugin"], built["plugin-path"], "--mode", "plugin")
    assert found(report, "HG306")["plugin path"]["severity"] == "block"
    assert "plugin path" not in found(run_check(built["plugin"], built["plugin-body"], "--mode", "plugin")[1], "HG306")


def test_another_toolchain_differs_in_the_runtime() -> None:
    _, report = run_check(
        matrix.unpack("go1.25-amd64-plugin"), matrix.unpack("go1.27-amd64-plugin"), "--mode", "plugin"
    )
    finding = found(report, "HG306")["packages"]
    assert "runtime" in finding["evidence"]["packages"]
    assert finding["confidence"] == "high"


@pytest.mark.parametrize("entry", matrix.select(buildmode="plugin"), ids=str)
def test_the_digests_are_those_that_the_linker_wrote(entry) -> None:
    """`go:link.pkghashbytes.*` is where the running program keeps its digest of each package."""
    facts = load(str(entry.path))
    plugin = read_plugin(facts.image, facts.module)
    assert plugin is not None
    assert plugin.path == "example.com/fixture/cmd/plugin"
    symbols = {name: index for index, name in enumerate(facts.symtab.name(i) for i in range(len(facts.symtab)))}
    prefix = "go:link.pkghashbytes."
    own = {name.removeprefix(prefix): i for name, i in symbols.items() if name.startswith(prefix)}
    assert len(own) > 20
    for package, index in own.items():
        raw = facts.image.bytes(int(facts.symtab.value[index]), int(facts.symtab.size[index])).tobytes()
        assert plugin.packages[package] == raw.hex()


def test_a_plugin_without_anything_to_initialise_is_read(built) -> None:
    facts = load(str(built["plugin"]))
    assert facts.module.inittasks.len == 0
    assert (facts.health.unverifiable, facts.initialisers) == (None, ())


def test_a_plugin_under_another_path_is_an_update(built) -> None:
    """It must have one, else it is `already loaded`: what it exports is what counts."""
    code, report = run_check(built["plugin"], built["plugin-body"], "--mode", "plugin")
    assert code == 0, [(f["rule"], f["message"]) for f in report["findings"]]
    assert [each["name"] for each in report["drift"]["functions"]["changed"]] == ["example.com/shop/v2.Total"]
    _, report = run_check(built["plugin"], built["plugin-lookup"], "--mode", "plugin")
    assert found(report, "HG306")["Total"]["severity"] == "block"


def test_the_program_that_loads_it_decides(built) -> None:
    host = ("--mode", "plugin", "--host", str(built["host"]))
    code, report = run_check(built["plugin"], built["plugin-shared"], *host)
    finding = found(report, "HG306")["packages"]
    assert code == 10
    assert (finding["confidence"], finding["evidence"]["packages"]) == ("high", ["example.com/shop/rates"])
    assert "will refuse NEW" in finding["message"]
    code, report = run_check(built["plugin-shared"], built["plugin-body"], *host)
    assert "packages" not in found(report, "HG306")  # OLD was the odd one


def test_a_program_that_loads_no_plugins_is_said(built) -> None:
    code, report = run_check(built["plugin"], built["plugin-body"], "--mode", "plugin", "--host", str(built["library"]))
    assert code == 11, [(f["rule"], f["severity"], f["message"]) for f in report["findings"]]
    assert "was not built to load plugins" in found(report, "HG306")["loading program"]["message"]


def test_the_program_is_asked_for_in_plugin_mode_alone(built) -> None:
    result = CliRunner(catch_exceptions=False).invoke(
        cli, ["check", str(built["plugin"]), str(built["plugin"]), "--host", str(built["host"])]
    )
    assert result.exit_code == 2
    assert "pass --mode plugin" in result.stderr


@pytest.mark.parametrize(
    ("second", "answer"),
    [
        ("plugin-body", "<nil>"),
        ("plugin-path", "plugin already loaded"),
        ("plugin-shared", "plugin was built with a different version of package example.com/shop/rates"),
    ],
)
def test_a_program_refuses_what_the_rule_says_it_refuses(second, answer, built) -> None:
    """Go's own runtime has the last word; these are programs of this test."""
    command = [built["host"], built["plugin"], built[second]]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    assert printed[1] == "<nil>"
    assert answer in printed[2]
