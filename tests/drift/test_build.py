"""Build drift: settings, modules in semantic-version order, GODEBUG."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from probes.drift.build import build_drift, compare_versions
from probes.drift.facts import BuildDrift, ModuleChange, ValueChange
from probes.go.buildinfo.facts import BuildFacts, Module

BASE = BuildFacts("go1.26.3", "example.com/shop", Module("example.com/shop", "", ""), (), {}, {}, godebug_known=True)


def modules(old: Module | None, new: Module | None) -> list[ModuleChange]:
    before = replace(BASE, deps=(old,) if old else ())
    after = replace(BASE, deps=(new,) if new else ())
    return list(build_drift(before, after).modules)


# Oldest first: semver.org, section 11, and the pseudo-versions of go.dev/ref/mod.
ORDER = [
    "v0.0.0-20230102150405-abcdef012345",
    "v0.0.0-20240102150405-000000000000",
    "v0.0.0",
    "v0.9.10",
    "v1.0.0-alpha",
    "v1.0.0-alpha.1",
    "v1.0.0-alpha.beta",
    "v1.0.0-beta",
    "v1.0.0-beta.2",
    "v1.0.0-beta.11",
    "v1.0.0-rc.1",
    "v1.0.0",
    "v1.2.3",
    "v1.2.4-0.20240102150405-abcdef012345",
    "v1.2.4-pre",
    "v1.2.4-pre.0.20240102150405-abcdef012345",
    "v1.2.4",
    "v1.10.0",
    "v2.0.0+incompatible",
    "v10.0.0",
]


@pytest.mark.parametrize("right", range(len(ORDER)))
@pytest.mark.parametrize("left", range(len(ORDER)))
def test_versions_order_as_the_specifications_say(left, right):
    assert compare_versions(ORDER[left], ORDER[right]) == (left > right) - (left < right)


@pytest.mark.parametrize(
    "text", ["", "(devel)", "1.2.3", "v1.2", "v01.2.3", "v1.2.3-", "v1.2.3-a..b", "v1.2.3-é", "v" + "1" * 5000 + ".0.0"]
)
def test_what_is_no_version_has_no_order(text):
    assert compare_versions(text, "v1.0.0") is None
    assert compare_versions("v1.0.0", text) is None


def test_build_metadata_does_not_order():
    assert compare_versions("v2.0.0", "v2.0.0+incompatible") == 0


@given(st.text(max_size=40), st.text(max_size=40))
def test_any_text_is_answered(left, right):
    order = compare_versions(left, right)
    assert order is None or order == -(compare_versions(right, left) or 0)


PATH = "example.com/rates"
OLD = Module(PATH, "v1.2.0", "h1:a")


@pytest.mark.parametrize(
    ("new", "expected"),
    [
        (OLD, None),
        (None, ModuleChange(PATH, "removed", "v1.2.0", None)),
        (Module(PATH, "v1.3.0", "h1:b"), ModuleChange(PATH, "upgraded", "v1.2.0", "v1.3.0")),
        (Module(PATH, "v1.2.0-rc.1", "h1:b"), ModuleChange(PATH, "downgraded", "v1.2.0", "v1.2.0-rc.1")),
        (Module(PATH, "v1.2.0", "h1:b"), ModuleChange(PATH, "sum-changed", "h1:a", "h1:b")),
        (Module(PATH, "v1.2.0", ""), ModuleChange(PATH, "sum-lost", "h1:a", None)),
        (Module(PATH, "(devel)", ""), ModuleChange(PATH, "replaced", "v1.2.0", "(devel)")),
        (
            Module(PATH, "v1.2.0", "", Module("../rates", "", "")),
            ModuleChange(PATH, "replaced", "v1.2.0", "v1.2.0 => ../rates"),
        ),
        (
            Module(PATH, "v1.2.0", "", Module("example.com/fork", "v1.2.1", "h1:c")),
            ModuleChange(PATH, "replaced", "v1.2.0", "v1.2.0 => example.com/fork v1.2.1"),
        ),
    ],
)
def test_module_changes(new, expected):
    assert modules(OLD, new) == ([expected] if expected else [])


def test_an_added_module():
    assert modules(None, OLD) == [ModuleChange(PATH, "added", None, "v1.2.0")]


def test_a_replacement_that_moves_is_ordered_by_its_own_version():
    def fork(version: str) -> Module:
        return Module(PATH, "v1.2.0", "", Module("example.com/fork", version, "h1:" + version))

    assert [each.kind for each in modules(fork("v1.5.0"), fork("v1.4.0"))] == ["downgraded"]


def test_a_replacement_that_goes_away_is_a_replacement():
    assert [each.kind for each in modules(Module(PATH, "v1.2.0", "", Module("../rates", "", "")), OLD)] == ["replaced"]


def test_settings_and_godebug_are_sorted_and_keep_both_sides():
    old = replace(BASE, settings={"vcs.revision": "a", "-tags": "x", "same": "1"}, godebug={"tlsmlkem": "0"})
    new = replace(BASE, settings={"vcs.revision": "b", "-race": "true", "same": "1"}, godebug={"tlsmlkem": "1"})
    assert build_drift(old, new) == BuildDrift(
        settings=(
            ValueChange("-race", None, "true"),
            ValueChange("-tags", "x", None),
            ValueChange("vcs.revision", "a", "b"),
        ),
        modules=(),
        godebug=(ValueChange("tlsmlkem", "0", "1"),),
    )


def test_a_build_does_not_differ_from_itself():
    assert build_drift(BASE, BASE) == BuildDrift((), (), ())
