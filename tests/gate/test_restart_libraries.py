"""HG412 on programs whose stub of a library has the library's module and package path, and none of its code."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from gate.check import discover
from gate.cli import cli
from gate.restart_libraries import LIBRARIES
from gate.samples import Case, binary, build, other
from probes.binary.facts import Module


PLAIN = "package main\n\nfunc main() { println(1) }\n"
STUB = """package stub

//go:noinline
func Restart(n int) int { return n + 1 }
"""
EMPTY = "package stub\n\nconst Version = 3\n"


def build_program(
    goroot: Path, folder: Path, *, imports: str = "", module: str = "", stub: str = STUB, path: str = ""
) -> Path:
    """A program that calls `Restart` of the package `imports`, which the local folder `stub` stands in for.

    `module` is the module of that package, `path` the module path that the folder itself declares.
    """
    folder.mkdir(parents=True)
    program = folder / "shop"
    require = f"require {module} v{'2' if module.endswith('/v2') else '1'}.0.0\nreplace {module} => ./stub\n" if module else ""
    (folder / "go.mod").write_text(f"module example.com/shop\n\ngo 1.21\n{require}", "utf-8")
    (folder / "go.sum").write_text("github.com/fvbock/endless v0.0.0 h1:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n", "utf-8")
    if module:
        inside = folder / "stub" / imports.removeprefix(module).lstrip("/")
        inside.mkdir(parents=True)
        (folder / "stub" / "go.mod").write_text(f"module {path or module}\n\ngo 1.21\n", "utf-8")
        (inside / "stub.go").write_text(stub, "utf-8")
    use = "stub.Restart(1)" if stub == STUB else "stub.Version"
    source = f'package main\n\nimport stub "{imports}"\n\nfunc main() {{ println({use}) }}\n' if imports else PLAIN
    comment = "// Restarts as github.com/fvbock/endless does; see github.com/rcrowley/goagain.\n"
    (folder / "main.go").write_text(comment + source, "utf-8")
    environment = {
        **os.environ,
        "CGO_ENABLED": "0",
        "GOFLAGS": "-buildvcs=false -mod=mod",
        "GOTOOLCHAIN": "local",
        "GOPROXY": "off",
        "GOSUMDB": "off",
        "GOWORK": "off",
    }
    done = subprocess.run(
        [goroot / "bin" / "go", "build", "-ldflags=-s -w", "-o", program, "."],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return program


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
    linked = build_program(go_toolchain, tmp_path / "p", imports=library.path, module=library.path)
    code, (found,) = findings(plain, linked)
    assert (found["subject"], found["severity"]) == (library.path, library.severity.value)
    assert (found["confidence"], found["remedy"]) == ("high", library.remedy)
    assert library.measured in found["message"]
    assert found["evidence"]["new"] == [f"module {library.path} v1.0.0 => ./stub", f"package {library.path}"]
    assert code == (10 if library.severity.value == "block" else 0)


def test_in_both_or_in_old_alone(plain: Path, go_toolchain: Path, tmp_path: Path) -> None:
    path = "github.com/rcrowley/goagain"
    linked = build_program(go_toolchain, tmp_path / "p", imports=path, module=path)
    (old_only,) = findings(linked, plain)[1]
    assert "OLD restarts itself" in old_only["message"]
    (both,) = findings(linked, linked)[1]
    assert "OLD and NEW restart themselves" in both["message"]
    assert old_only["fingerprint"] == both["fingerprint"]


@pytest.mark.parametrize(
    ("imports", "module", "path", "subject"),
    [
        ("github.com/cloudflare/tableflip/v2", "github.com/cloudflare/tableflip/v2", "", "github.com/cloudflare/tableflip"),
        ("github.com/facebookgo/grace/gracehttp", "github.com/facebookgo/grace", "", "github.com/facebookgo/grace"),
        ("github.com/fvbock/endless", "github.com/fvbock/endless", "example.com/forked", "github.com/fvbock/endless"),
    ],
    ids=["major-version", "package-below", "fork"],
)
def test_other_paths_of_a_library(
    imports: str, module: str, path: str, subject: str, plain: Path, go_toolchain: Path, tmp_path: Path
) -> None:
    linked = build_program(go_toolchain, tmp_path / "p", imports=imports, module=module, path=path)
    (found,) = findings(plain, linked)[1]
    assert (found["subject"], found["evidence"]["new"][1]) == (subject, f"package {imports}")


def test_a_path_that_is_only_mentioned_is_none(plain: Path) -> None:
    assert b"github.com/fvbock/endless" in (plain.parent / "go.sum").read_bytes()
    assert findings(plain, plain)[1] == []


def test_a_module_of_which_no_function_is_linked_in_is_none(plain: Path, go_toolchain: Path, tmp_path: Path) -> None:
    path = "github.com/fvbock/endless"
    program = build_program(go_toolchain, tmp_path / "p", imports=path, module=path, stub=EMPTY)
    assert path.encode() in program.read_bytes()
    assert findings(plain, program)[1] == []


def test_a_path_that_only_begins_alike_is_none(plain: Path, go_toolchain: Path, tmp_path: Path) -> None:
    path = "github.com/fvbock/endlessly"
    assert findings(plain, build_program(go_toolchain, tmp_path / "p", imports=path, module=path))[1] == []


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
