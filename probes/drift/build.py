"""Build settings, modules and effective GODEBUG of two builds, compared.

Version order is that of Semantic Versioning 2.0.0, section 11, with the `v` that Go modules put before it
(golang.org/x/mod/semver). Pseudo-versions (`v0.0.0-20240102150405-abcdef012345`) need no special case: their time
stamp is a pre-release identifier of fixed width. Build metadata (`+incompatible`) does not order.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from probes.drift.facts import BuildDrift, ModuleChange, ValueChange

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from probes.go.buildinfo.facts import BuildFacts, Module

SEMVER = re.compile(r"v(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(?:-([0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.-]+)?", re.ASCII)
MAX_VERSION_CHARS = 256


def build_drift(old: BuildFacts, new: BuildFacts) -> BuildDrift:
    """Everything in which two builds differ, each list sorted by name.

    Settings are the toolchain's own, `vcs.*` among them. A module that is both replaced and moved is `replaced`.
    """
    return BuildDrift(
        settings=_values(old.settings, new.settings),
        modules=tuple(_modules({m.path: m for m in old.deps}, {m.path: m for m in new.deps})),
        godebug=_values(old.godebug, new.godebug),
    )


def compare_versions(left: str, right: str) -> int | None:
    """-1, 0 or 1 as `left` is older than, as old as, or newer than `right`; None when either is no version."""
    left_key, right_key = _order(left), _order(right)
    if left_key is None or right_key is None:
        return None
    return (left_key > right_key) - (left_key < right_key)


def _order(version: str) -> tuple[object, ...] | None:
    match = SEMVER.fullmatch(version) if len(version) <= MAX_VERSION_CHARS else None
    if match is None:
        return None
    major, minor, patch, pre = match.groups()
    release = (int(major), int(minor), int(patch))
    if pre is None:
        return (*release, 1, ())
    identifiers = pre.split(".")
    if not all(identifiers):
        return None
    # Section 11.4: numbers order by value and before words; words by ASCII; a longer list after its own prefix.
    return (*release, 0, tuple((0, int(i), "") if i.isdecimal() else (1, 0, i) for i in identifiers))


def _values(old: Mapping[str, str], new: Mapping[str, str]) -> tuple[ValueChange, ...]:
    names = sorted(old.keys() | new.keys())
    return tuple(ValueChange(name, old.get(name), new.get(name)) for name in names if old.get(name) != new.get(name))


def _modules(old: Mapping[str, Module], new: Mapping[str, Module]) -> Iterator[ModuleChange]:
    for path in sorted(old.keys() | new.keys()):
        before, after = old.get(path), new.get(path)
        if before is None or after is None:
            kind = "added" if before is None else "removed"
            yield ModuleChange(path, kind, _shown(before) if before else None, _shown(after) if after else None)
        elif kind := _kind(before, after):
            by_sum = kind in {"sum-changed", "sum-lost"}
            old_value, new_value = (_sum(before), _sum(after)) if by_sum else (_shown(before), _shown(after))
            yield ModuleChange(path, kind, old_value, new_value or None)


def _kind(before: Module, after: Module) -> str:
    """How `after` differs from `before`; "" when it does not."""
    if _place(before) != _place(after):
        return "replaced"
    old_version, new_version = _effective(before).version, _effective(after).version
    if old_version != new_version:
        order = compare_versions(old_version, new_version)
        if order is None:
            return "replaced"  # a version that does not order, such as (devel): not the same code, no direction
        if order:
            return "downgraded" if order > 0 else "upgraded"
    if _sum(before) != _sum(after) and _sum(before):
        return "sum-changed" if _sum(after) else "sum-lost"
    return ""


def _effective(module: Module) -> Module:
    return module.replace or module


def _place(module: Module) -> str:
    """Where the code is from: another module's path or a folder when it was replaced."""
    return module.replace.path if module.replace else module.path


def _sum(module: Module) -> str:
    return _effective(module).sum


def _shown(module: Module) -> str:
    if module.replace is None:
        return module.version
    return f"{module.version} => {module.replace.path} {module.replace.version}".rstrip()
