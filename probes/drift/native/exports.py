"""Two shared objects -> SharedDrift: exports, writable state, initialisers, and the packages of Go plugins."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from msgspec import Struct

from probes.drift.facts import ValueChange
from probes.drift.native.facts import PluginDrift, Resize, SharedDrift, resizes
from probes.elf.exports import SharedFacts, read_shared
from probes.go.buildinfo.plugin import read_plugin
from probes.go.facts import SHARED

if TYPE_CHECKING:
    from collections.abc import Mapping

    from probes.go.buildinfo.plugin import PluginFacts
    from probes.go.facts import BinaryFacts

PLUMBING = re.compile(r"_?x?_?cgo|_?crosscall|x_crosscall|threadentry$|fatalf$|.*[./:]")
"""Symbols of runtime/cgo, and Go's own: every build has them, and only Go's runtime uses them."""
OWN = re.compile(r"[A-Z\u0080-\U0010ffff]\w*$")


class _Side(Struct, frozen=True):
    facts: SharedFacts
    exports: Mapping[str, tuple[str, int]]
    """Full name -> kind and size."""
    plugin: PluginFacts | None


def shared_drift(old: BinaryFacts, new: BinaryFacts) -> SharedDrift:
    """Compare two shared objects.

    Raises:
        MalformedElf, MalformedTable: a dynamic table leads outside of its file.
    """
    one, two = _side(old), _side(new)
    before, after = one.exports, two.exports
    gone, come = sorted(before.keys() - after.keys()), sorted(after.keys() - before.keys())
    moved = _reversioned(gone, come)
    left, arrived = {change.old for change in moved}, {change.new for change in moved}
    kept = sorted(before.keys() & after.keys())
    go = SHARED not in {old.linkage, new.linkage}
    state = _state(one.facts.objects, two.facts.objects) if old.stripped == new.stripped else ((), (), ())
    return SharedDrift(
        soname=_value("soname", one.facts.soname, two.facts.soname),
        added=tuple(name for name in come if name not in arrived),
        removed=tuple(name for name in gone if name not in left),
        reversioned=moved,
        retyped=tuple(
            ValueChange(name, before[name][0], after[name][0])
            for name in kept
            if _retyped(before[name][0], after[name][0])
        ),
        resized=resizes(*({name: side[name][1] for name in kept if side[name][1]} for side in (before, after))),
        state_added=state[0],
        state_removed=state[1],
        state_resized=state[2],
        memory=() if go else resizes(_memory(one.facts), _memory(two.facts)),
        calls=resizes(_calls(one.facts), _calls(two.facts)),
        plugin=_plugin(one.plugin, two.plugin),
    )


def _side(facts: BinaryFacts) -> _Side:
    module = facts.module
    leave = () if module is None else (*module.data, *module.bss)
    read = read_shared(facts.image, facts.symtab, facts.native.soname if facts.native else None, leave=leave)
    plugin = read_plugin(facts.image, module) if module is not None and facts.linkage == "plugin" else None
    named = ((_offered(facts, plugin, name), each) for name, each in read.exports.items())
    return _Side(read, {name: (each.kind, each.size) for name, each in named if name}, plugin)


def _offered(facts: BinaryFacts, plugin: PluginFacts | None, name: str) -> str:
    """The name by which others find `name`; "" for Go's insides, which are exported so that modules can share them."""
    if facts.linkage == SHARED:
        return name
    if plugin is not None and name.startswith(plugin.path + "."):
        looked_up = name[len(plugin.path) + 1 :]  # plugin.Lookup puts the path before it
        return looked_up if OWN.match(looked_up) else ""
    return "" if PLUMBING.match(name) else name


def _reversioned(gone: list[str], come: list[str]) -> tuple[ValueChange, ...]:
    """Symbols that went under one version and came under another; one that has several stays as it is."""
    new: dict[str, str] = {}
    for full in come:
        new.setdefault(full.partition("@")[0], full)
    return tuple(ValueChange(name, full, new[name]) for full in gone if (name := full.partition("@")[0]) in new)


def _retyped(old: str, new: str) -> bool:
    return old != new and "untyped" not in {old, new}  # assembly forgets to say


def _state(
    old: Mapping[tuple[str, int], int], new: Mapping[tuple[str, int], int]
) -> tuple[tuple[str, ...], tuple[str, ...], tuple[Resize, ...]]:
    """Variables that came, went and changed size. Several may have one name: those of equal size are the same."""
    gone, come = _rest(old, new), _rest(new, old)
    both = gone.keys() & come.keys()
    return (
        tuple(sorted(come.keys() - both)),
        tuple(sorted(gone.keys() - both)),
        tuple(Resize(name, sum(gone[name]), sum(come[name])) for name in sorted(both)),
    )


def _rest(own: Mapping[tuple[str, int], int], others: Mapping[tuple[str, int], int]) -> dict[str, list[int]]:
    """The sizes of what `own` has more of than `others`, by name; without what runtime/cgo brings."""
    out: dict[str, list[int]] = {}
    for (name, size), number in own.items():
        extra = number - others.get((name, size), 0)
        if extra > 0 and not PLUMBING.match(name):
            out.setdefault(name, []).append(size * extra)
    return out


def _memory(facts: SharedFacts) -> dict[str, int]:
    return {".data": facts.data, ".bss": facts.bss}


def _calls(facts: SharedFacts) -> dict[str, int]:
    return {"initialisers": facts.initialisers, "finalisers": facts.finalisers}


def _value(name: str, old: str | None, new: str | None) -> ValueChange | None:
    return None if old == new else ValueChange(name, old, new)


def _plugin(old: PluginFacts | None, new: PluginFacts | None) -> PluginDrift | None:
    if old is None or new is None:
        return None
    own = {old.path, new.path, "main"}
    both = (old.packages.keys() & new.packages.keys()) - {path.replace("%2e", ".") for path in own} - own
    return PluginDrift(old.path, new.path, tuple(sorted(p for p in both if old.packages[p] != new.packages[p])))
