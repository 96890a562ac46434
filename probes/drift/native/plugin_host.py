"""A plugin against the program that is to load it."""

from __future__ import annotations

from probes.drift.build import build_drift
from probes.drift.facts import ModuleChange
from probes.drift.native.facts import HostDrift
from probes.errors import MalformedTable
from probes.go.buildinfo.plugin import read_loader, read_plugin
from probes.go.facts import BinaryFacts


def host_drift(program: BinaryFacts, plugin: BinaryFacts) -> HostDrift:
    """Compare the packages of `program` with those that `plugin` was built with."""
    if plugin.linkage != "plugin" or plugin.module is None:
        return HostDrift(program.path, problem=f"NEW is no Go plugin: {plugin.linkage}")
    if (program.arch, program.os) != (plugin.arch, plugin.os):
        return HostDrift(
            program.path, problem=f"it is for {program.os}/{program.arch}, and NEW for {plugin.os}/{plugin.arch}"
        )
    try:
        ours, theirs = read_loader(program.image), read_plugin(plugin.image, plugin.module)
    except MalformedTable as exc:
        return HostDrift(program.path, problem=exc.what)
    if ours is None:
        return HostDrift(program.path, problem="it exports no digests of packages: it was not built to load plugins")
    if theirs is None:
        return HostDrift(program.path, problem="NEW is of a Go release before 1.21, whose digests are not read")
    both = sorted(ours.keys() & theirs.packages.keys())
    modules: tuple[ModuleChange, ...] = ()
    if program.build is not None and plugin.build is not None:
        changes = build_drift(program.build, plugin.build).modules
        modules = tuple(each for each in changes if each.kind not in {"added", "removed"})
    differ = tuple(name for name in both if ours[name] != theirs.packages[name])
    return HostDrift(program.path, differ, len(both), modules, program.go_version)
