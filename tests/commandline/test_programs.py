"""Real programs of each library, before and after a change: which flags of a command line NEW does not take."""

from __future__ import annotations

import shlex
import subprocess
from typing import TYPE_CHECKING

import pytest

from gate.engine.binaries import load_binary
from probes.commandline.comparison import compare, read_definitions
from probes.errors import ProbeError
from scripts.programs import flag_programs
from scripts.programs.gobuild import BuildFailed, GoBuild, host_arch
from scripts.programs.toolchains import goroot
from tests.commandline.cases import CHANGES, Change
from tests.conftest import first, missing

if TYPE_CHECKING:
    from pathlib import Path

    from probes.go.facts import BinaryFacts

QUICK = {
    "nothing",
    "renamed",
    "renamed field",
    "name that is passed on",
    "unknown flags let through by the data",
    "alias in the data",
}
"""Changes that `make test` builds; the others are for `make test-all`."""


def built(library: str, root: Path, edits, *, goarch: str, stripped: bool = True) -> BinaryFacts:
    try:
        path = flag_programs.build(library, root, edits, goarch=goarch, stripped=stripped)
    except BuildFailed as exc:
        if "cannot be fetched" in str(exc):
            missing(str(exc))
        raise
    return load_binary(str(path), examine=False)


def _parameters():
    for number, change in enumerate(CHANGES):
        arch = ("amd64", "arm64")[number % 2]
        marks = () if change.name in QUICK else (pytest.mark.long,)
        yield pytest.param(change, arch, marks=marks, id=f"{change.library}-{change.name}-{arch}".replace(" ", "-"))


@pytest.mark.parametrize(("change", "arch"), first(5, [*_parameters()]))
def test_what_a_change_does_to_a_command_line(go_toolchain: Path, change: Change, arch: str) -> None:
    old = built(change.library, go_toolchain, change.old, goarch=arch)
    new = built(change.library, go_toolchain, change.new, goarch=arch)
    facts = compare(old, new, shlex.split(change.argv), "test")
    assert facts.problem == ""
    assert tuple(sorted(gone.flag for gone in facts.gone if not gone.doubts)) == change.gone, facts
    assert tuple(sorted(gone.flag for gone in facts.gone if gone.doubts)) == change.doubted, facts
    if change.why:
        assert any(change.why in doubt for gone in facts.gone for doubt in gone.doubts), facts


def _refused():
    for change in CHANGES:
        if change.gone or change.name == "unknown flags let through":
            marks = () if change.name in {"renamed", "renamed field"} else (pytest.mark.long,)
            yield pytest.param(change, marks=marks, id=f"{change.library}-{change.name}".replace(" ", "-"))


@pytest.mark.parametrize("change", [*_refused()])
def test_what_is_said_is_what_happens(go_toolchain: Path, change: Change) -> None:
    """The programs run, which the comparison never does: NEW ends at such a flag, unless it lets unknown ones through."""
    new = flag_programs.build(change.library, go_toolchain, change.new, goarch=host_arch())
    argv = [str(new), *shlex.split(change.argv)[1:]]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        first = process.stdout.readline()  # "ready", or the end
        if first.startswith("ready"):
            process.kill()
        process.communicate()
    assert first.startswith("ready") == (not change.gone), first
    assert process.returncode != 0


ALL = {
    "standard": ({"listen", "v", "tag", "pause", "dry", "token", "grace"}, set()),
    "cobra": ({"config", "verbose", "listen", "tag", "grace", "token", "dry"}, {"c", "v", "l", "n"}),
    "urfave2": ({"config", "c", "verbose", "V", "listen", "l", "addr", "tag", "grace", "token", "dry", "n"}, set()),
    "urfave3": ({"config", "c", "verbose", "V", "listen", "l", "addr", "tag", "grace", "token", "dry", "n"}, set()),
    "kong": (
        {"config", "verbose", "log-level", "log-shape", "listen", "addr", "tag", "grace-time", "token", "dry", "no-dry", "http-server"},
        {"c", "v", "l", "n"},
    ),
    "goflags": ({"listen", "verbose", "tag", "token", "dry", "log.level"}, {"l", "v", "n"}),
}  # fmt: skip
RELEASES = ("1.21.13", "1.27.3")


def _every():
    for library in ALL:
        for version in RELEASES:
            for arch in ("amd64", "arm64"):
                for stripped in (True, False):
                    quick = (version == "1.27.3") == stripped == (arch == "amd64") and library in {
                        "standard",
                        "urfave3",
                    }
                    marks = () if quick else (pytest.mark.long,)
                    yield pytest.param(library, version, arch, stripped, marks=marks)


@pytest.mark.parametrize(("library", "version", "arch", "stripped"), [*_every()])
def test_every_flag_is_found_in_every_release(library: str, version: str, arch: str, stripped: bool) -> None:
    facts = built(library, goroot(version), (), goarch=arch, stripped=stripped)
    (found,) = read_definitions(facts)
    long, short = ALL[library]
    assert long <= set(found.long)
    assert short <= set(found.short)
    assert set(found.long) - long <= {"help", "h", "version", "v", "no-descriptions"}
    assert (found.gaps, found.lenient) == ((), ())


@pytest.mark.parametrize("library", [pytest.param(each, marks=pytest.mark.long) for each in ALL])
def test_what_an_unoptimised_build_hides_is_a_gap(go_toolchain: Path, library: str) -> None:
    """Without optimisation values go through memory in other ways: fewer flags may be found, and then it is said."""
    made = GoBuild(
        goroot=go_toolchain,
        source=flag_programs.PROGRAMS / library,
        flags=("-trimpath", "-gcflags=all=-N -l"),
        env={"GOMODCACHE": str(flag_programs.MODULES)},
    )
    out = flag_programs.CACHE / "flags" / made.key()[:16] / library
    if not out.is_file():
        flag_programs.fetch(library, go_toolchain)
        made.run(out)
    (found,) = read_definitions(load_binary(str(out), examine=False))
    long, short = ALL[library]
    assert found.gaps or (long <= set(found.long) and short <= set(found.short))


def test_a_program_that_reads_no_flags_has_none(binary) -> None:
    facts = load_binary(str(binary("go1.27-amd64-exe")), examine=False)
    assert read_definitions(facts) == ()
    said = compare(facts, facts, ["orders", "-listen", "x"], "test")
    assert (said.gone, said.unknown, said.used) == ((), 1, ())
    assert compare(facts, facts, ["orders", "listen"], "test").unknown == 0


@pytest.mark.parametrize("name", ["go1.21-arm64-exe", "go1.25-amd64-pie-cgo-stripped", "go1.19-amd64-exe"])
def test_other_kinds_of_programs_are_read_too(binary, name: str) -> None:
    assert isinstance(read_definitions(load_binary(str(binary(name)), examine=False)), tuple)


def test_a_damaged_program_is_a_problem_and_no_crash(go_toolchain: Path, tmp_path: Path) -> None:
    """Code and data of which every byte may lie: whatever is read ends, and nothing but a ProbeError comes of it."""
    path = flag_programs.build("standard", go_toolchain)
    raw = path.read_bytes()
    good = load_binary(str(path), examine=False)
    assert good.module is not None
    start = good.image.offset(good.module.text, 16)
    for seed in range(6):
        damaged = bytearray(raw)
        for at in range(start + 17 * seed, start + (good.module.etext - good.module.text), 997):
            damaged[at] = (damaged[at] * 31 + seed * 7 + 1) & 0xFF
        other = tmp_path / f"damaged-{seed}"
        other.write_bytes(damaged)
        try:
            facts = load_binary(str(other), examine=False)
            compare(good, facts, ["orders", "-listen", "x"], "test")
        except ProbeError:
            continue
