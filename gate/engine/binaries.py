"""Binaries and hosts: paths to facts."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from msgspec.structs import replace

from gate.model import Mode
from probes.errors import UnreadableFile

if TYPE_CHECKING:
    from probes.drift.native.facts import AbiFacts, HostDrift
    from probes.drift.result import Drift
    from probes.fork import Beside
    from probes.go.facts import BinaryFacts, TableHealth
    from probes.host import TargetFacts


def load_binary(path: str, *, examine: bool = True, foreign: bool = False) -> BinaryFacts:
    """The facts of the Go binary at `path`, examined in depth or not; `foreign` takes other shared objects as well.

    ProbeError when it cannot be read.
    """
    from probes.elf.source import read_source

    try:
        source = read_source(path)
        from probes.go import load  # slow: `check` imports it while the file is read

        return load(path, source, examine=examine, foreign=foreign)
    except OSError as exc:  # a file that vanishes or a disk that fails while it is read is no bug
        raise UnreadableFile(f"cannot read ({exc.strerror or exc})", subject=path) from exc


def examine(facts: BinaryFacts) -> TableHealth:
    """The health of NEW, its function table examined in depth: would the image start?"""
    from probes.go.loading import examined

    return examined(facts)


def with_health(facts: BinaryFacts, health: TableHealth) -> BinaryFacts:
    """`facts`, as `examine` found them; a table that is damaged is none."""
    damaged = bool(health.unverifiable) and not facts.health.unverifiable
    return replace(facts, health=health, functions=None if damaged else facts.functions)


def compare_binaries(old: BinaryFacts, new: BinaryFacts, mode: Mode = Mode.EXEC, beside: Beside | None = None) -> Drift:
    """What differs between two binaries; in a hotfix it counts whether variables without names are where they were."""
    from probes.drift import compare
    from probes.fork import WhenAsked

    return compare(old, new, places=mode is Mode.HOTFIX, beside=beside or WhenAsked)


def read_target() -> TargetFacts:
    """The facts of this host that the rules need."""
    from probes.host import read_host

    return read_host()


def with_needs(host: TargetFacts, new: BinaryFacts) -> TargetFacts:
    """`host`, which is this one, asked for the interpreter and the libraries that NEW needs."""
    native = new.native
    if native is None or host.arch != new.arch or host.libraries is not None:
        return host
    found = host.interpreters
    if native.interpreter is not None and native.interpreter not in found and os.path.isfile(native.interpreter):  # noqa: PTH113 - no object needed
        found = (*found, native.interpreter)
    wanted = (*native.needed, *(each.library for each in native.versions))
    if not wanted:
        return replace(host, interpreters=found)
    from probes.host_libraries import read_needed  # most programs need none

    return replace(host, interpreters=found, libraries=read_needed(host.arch, wanted))


def read_abi(old: BinaryFacts, new: BinaryFacts) -> AbiFacts | None:
    """What `abidiff` says of two shared objects; None where there is nothing to compare, or no `abidiff`."""
    if not {old.linkage, new.linkage} <= {"shared", "c-shared"} or not (old.has_dwarf and new.has_dwarf):
        return None
    from probes.abidiff import compare_abi  # only where there is something to ask

    return compare_abi(old.path, old.sha256, new.path, new.sha256)


def read_loader(path: str | None, new: BinaryFacts) -> HostDrift | None:
    """NEW, a plugin, against the program at `path`; None without one."""
    if path is None:
        return None
    from probes.drift.native.plugin_host import host_drift  # only where a program was given

    return host_drift(load_binary(path, examine=False), new)
