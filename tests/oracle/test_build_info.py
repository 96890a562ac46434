"""Build information against `go version -m`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from probes.go import load
from tests.oracle import gotools

if TYPE_CHECKING:
    from pathlib import Path

    from tests.matrix import Entry


def test_versions_modules_and_settings_are_those_of_go_version(entry: Entry, go_toolchain: Path) -> None:
    expected = gotools.build_info(go_toolchain, entry.path)
    build = load(str(entry.path)).build
    assert build is not None
    assert build.go_version == expected.go_version == entry.go_version
    assert build.path == expected.path
    assert expected.main is not None
    assert build.main is not None
    assert (build.main.path, build.main.version, build.main.sum) == (
        expected.main.path,
        expected.main.version,
        expected.main.sum,
    )
    assert [(m.path, m.version, m.sum) for m in build.deps] == [(m.path, m.version, m.sum) for m in expected.deps]
    assert build.settings == expected.settings


def test_the_manifest_says_how_it_was_built(entry: Entry) -> None:
    facts = load(str(entry.path))
    assert facts.go_version == entry.go_version
    assert facts.arch == entry.goarch
    assert facts.os == entry.goos
    assert facts.stripped == entry.stripped
    assert facts.cgo == entry.cgo
    assert facts.size == entry.size
    assert facts.sha256 == entry.sha256
    assert facts.linkage.removesuffix("-external") == entry.buildmode
    if entry.buildmode in ("exe", "pie"):
        assert facts.linkage.endswith("-external") == entry.cgo
