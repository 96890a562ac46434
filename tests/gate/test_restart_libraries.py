"""HG412 on programs whose stub of a library has the library's module and package path, and none of its code."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from gate.cli import cli
from gate.rules.base import discover
from gate.rules.samples.binaries import Case, binary, build, other
from gate.rules.support.restart_libraries import LIBRARIES
from probes.go.buildinfo.facts import Module
from scripts.programs.gobuild import FEW_COLLECTIONS

if TYPE_CHECKING:
    from pathlib import Path


PLAIN = "package main\n\nfunc main() { println(1) }\n"
STUB = """package stub

//go:noinline
func Restart(n int) int { return n + 1 }
"""
SUM = "github.com/fvbock/endless v0.0.0 h1:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n"
EMPTY = "package stub\n\nconst Version = 3\n"


@dataclass(frozen=True)
class Stub:
    """A local folder that stands in for a library.

    `imports` is the package that the program imports, `module` its module, `path` the module path that the folder itself
    declares ("" for the same), `source` the package.
    """

    imports: str
    module: str
    path: str = ""
    source: str = STUB


def build_program(goroot: Path, folder: Path, stub: Stub | None = None) -> Path:
    """A program that uses `stub`, or one that only mentions libraries in a comment and in go.sum."""
    folder.mkdir(parents=True)
    require, source = "", PLAIN
    if stub is not None:
        major = "2" if stub.module.endswith("/v2") else "1"
        require = f"require {stub.module} v{major}.0.0\nreplace {stub.module} => ./stub\n"
        inside = folder / "stub" / stub.imports.removeprefix(stub.module).lstrip("/")
        inside.mkdir(parents=True)
        (folder / "stub" / "go.mod").write_text(f"module {stub.path or stub.module}\n\ngo 1.21\n", "utf-8")
        (inside / "stub.go").write_text(stub.source, "utf-8")
        use = "stub.Restart(1)" if stub.source == STUB else "stub.Version"
        source = f'package main\n\nimport stub "{stub.imports}"\n\nfunc main() {{ println({use}) }}\n'
    (folder / "go.mod").write_text(f"module example.com/shop\n\ngo 1.21\n{require}", "utf-8")
    (folder / "go.sum").write_text(SUM, "utf-8")
    comment = "// Restarts as github.com/fvbock/endless does; see github.com/rcrowley/goagain.\n"
    (folder / "main.go").write_text(comment + source, "utf-8")
    compile_in(goroot, folder, GOFLAGS="-buildvcs=false -mod=mod -trimpath")
    return folder / "shop"


def compile_in(goroot: Path, folder: Path, **settings: str) -> None:
    """Build the package in `folder` into `shop` there, stripped."""
    settings = {
        "CGO_ENABLED": "0",
        "GOTOOLCHAIN": "local",
        "GOPROXY": "off",
        "GOSUMDB": "off",
        "GOWORK": "off",
        **settings,
    }
    command = [goroot / "bin" / "go", "build", "-ldflags=-s -w", "-o", folder / "shop", "."]
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, **FEW_COLLECTIONS, **settings},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def plain(go_toolchain: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_program(go_toolchain, tmp_path_factory.mktemp("plain") / "shop")


def findings(old: Path, new: Path) -> tuple[int, list[dict]]:
    """Exit code and HG412's findings."""
    result = CliRunner(catch_exceptions=False).invoke(cli, ["check", str(old), str(new), "--format", "json"])
    report = json.loads(result.stdout)
    assert {"rule": "HG412", "status": "ran", "reason": ""} in report["rules"]
    return result.exit_code, [each for each in report["findings"] if each["rule"] == "HG412"]


@pytest.mark.parametrize("library", LIBRARIES, ids=lambda each: each.path.rpartition("/")[2])
def test_each_library_fires(library, plain: Path, go_toolchain: Path, tmp_path: Path) -> None:
    linked = build_program(go_toolchain, tmp_path / "p", Stub(library.path, library.path))
    code, (found,) = findings(plain, linked)
    assert (found["subject"], found["severity"]) == (library.path, library.severity.value)
    assert (found["confidence"], found["remedy"]) == ("high", library.remedy)
    assert library.measured in found["message"]
    module, package = found["evidence"]["new"]
    assert module.startswith(f"module {library.path} v1.0.0 => ./stub")
    assert package == f"package {library.path}"
    assert code == (10 if library.severity.value == "block" else 0)


def test_in_both_or_in_old_alone(plain: Path, go_toolchain: Path, tmp_path: Path) -> None:
    path = "github.com/rcrowley/goagain"
    linked = build_program(go_toolchain, tmp_path / "p", Stub(path, path))
    (old_only,) = findings(linked, plain)[1]
    assert "OLD restarts itself" in old_only["message"]
    (both,) = findings(linked, linked)[1]
    assert "OLD and NEW restart themselves" in both["message"]
    assert old_only["fingerprint"] == both["fingerprint"]


@pytest.mark.parametrize(
    ("stub", "subject"),
    [
        (Stub(*["github.com/cloudflare/tableflip/v2"] * 2), "github.com/cloudflare/tableflip"),
        (Stub("github.com/facebookgo/grace/gracehttp", "github.com/facebookgo/grace"), "github.com/facebookgo/grace"),
        (Stub(*["github.com/fvbock/endless"] * 2, path="example.com/forked"), "github.com/fvbock/endless"),
    ],
    ids=["major-version", "package-below", "fork"],
)
def test_other_paths_of_a_library(stub: Stub, subject: str, plain: Path, go_toolchain: Path, tmp_path: Path) -> None:
    (found,) = findings(plain, build_program(go_toolchain, tmp_path / "p", stub))[1]
    assert (found["subject"], found["evidence"]["new"][1]) == (subject, f"package {stub.imports}")


def test_a_vendored_copy_outside_of_module_mode(plain: Path, go_toolchain: Path, tmp_path: Path) -> None:
    shop = tmp_path / "src" / "shop"
    library = shop / "vendor" / "github.com" / "fvbock" / "endless"
    library.mkdir(parents=True)
    (library / "stub.go").write_text(STUB, "utf-8")
    source = 'package main\n\nimport stub "github.com/fvbock/endless"\n\nfunc main() { println(stub.Restart(1)) }\n'
    (shop / "main.go").write_text(source, "utf-8")
    compile_in(go_toolchain, shop, GO111MODULE="off", GOPATH=str(tmp_path), GOFLAGS="-buildvcs=false -trimpath")
    (found,) = findings(plain, shop / "shop")[1]
    assert found["evidence"]["new"] == ["package shop/vendor/github.com/fvbock/endless"]


def test_a_path_that_is_only_mentioned_is_none(plain: Path) -> None:
    assert b"github.com/fvbock/endless" in (plain.parent / "go.sum").read_bytes()
    assert findings(plain, plain)[1] == []


def test_a_module_of_which_no_function_is_linked_in_is_none(plain: Path, go_toolchain: Path, tmp_path: Path) -> None:
    path = "github.com/fvbock/endless"
    program = build_program(go_toolchain, tmp_path / "p", Stub(path, path, source=EMPTY))
    assert path.encode() in program.read_bytes()
    assert findings(plain, program)[1] == []


def test_a_path_that_only_begins_alike_is_none(plain: Path, go_toolchain: Path, tmp_path: Path) -> None:
    path = "github.com/fvbock/endlessly"
    assert findings(plain, build_program(go_toolchain, tmp_path / "p", Stub(path, path)))[1] == []


RULE = next(rule for rule in discover() if rule.id == "HG412")


def found_in(*modules: Module):
    return RULE.outcome(Case(old=binary(), new=other(build=build(deps=modules))).bundle()).findings


@pytest.mark.parametrize(
    ("path", "fires"),
    [
        ("github.com/fvbock/endless", True),
        ("github.com/fvbock/endless/v2", True),
        ("github.com/fvbock/endless/v10", True),
        ("github.com/fvbock/endless/v1", False),
        ("github.com/fvbock/endless/examples", False),
        ("github.com/other/endless", False),
    ],
)
def test_module_paths_where_there_is_no_function_table(path: str, fires: bool) -> None:
    assert [each.confidence.value for each in found_in(Module(path, "v0.1.0", "h1:eA=="))] == ["medium"] * fires


def test_explain_shows_the_table() -> None:
    shown = CliRunner(catch_exceptions=False).invoke(cli, ["explain", "HG412"]).stdout
    for library in LIBRARIES:
        assert f"{library.path} ({library.severity.value})" in shown
    assert "81 of 594,000" in shown
