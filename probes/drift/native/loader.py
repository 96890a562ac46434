"""Two binaries -> NativeDrift: libraries, thread-local storage, hardening and, of shared objects, what they export."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from probes.drift.facts import ValueChange
from probes.drift.native.facts import NativeDrift, TlsDrift, VersionUse, resizes
from probes.elf.dynamic_symbols import read_dynamic_symbols
from probes.elf.relocations import dynamic_entries, dynamic_tags
from probes.elf.symbol_versions import needed_versions
from probes.elf.symbols import SHN_UNDEF, STT_TLS
from probes.go.facts import SHARED

if TYPE_CHECKING:
    from collections.abc import Iterable

    from probes.elf.facts import NativeFacts
    from probes.elf.image import Image
    from probes.go.facts import BinaryFacts

DT_STRTAB, DT_RPATH, DT_FLAGS, DT_RUNPATH = 5, 15, 30, 29
DF_STATIC_TLS = 0x10
FEW = 64
SHARED_LINKAGES = {"c-shared", "plugin", SHARED}


def native_drift(old: BinaryFacts, new: BinaryFacts) -> NativeDrift:
    """Compare what both sides ask of the loader; both must have `native`.

    Raises:
        MalformedElf, MalformedTable: a dynamic table leads outside of its file.
    """
    before, after = old.native, new.native
    if before is None or after is None:
        raise AssertionError
    shared = None
    if {old.linkage, new.linkage} <= SHARED_LINKAGES:
        from probes.drift.native.exports import shared_drift  # noqa: PLC0415 - few comparisons need it

        shared = shared_drift(old, new)
    return NativeDrift(
        needed_added=_without(after.needed, before.needed),
        needed_removed=_without(before.needed, after.needed),
        versions_added=tuple(each for each in after.versions if each not in set(before.versions)),
        versions_removed=tuple(each for each in before.versions if each not in set(after.versions)),
        interpreter=_changed("interpreter", before.interpreter, after.interpreter),
        hardening=_hardening(before, after),
        tls=_tls(old, new, before, after),
        uses=version_uses(new.image) if after.versions else (),
        run_path=_run_path(new.image) if after.needed else (),
        shared=shared,
    )


def version_uses(image: Image) -> tuple[VersionUse, ...]:
    """Each version that `image` needs, with the symbols that it needs it for, sorted by library and version."""
    tags = dynamic_tags(image)
    needs = {each.index: each for each in needed_versions(image, tags)}
    users: dict[int, list[str]] = {index: [] for index in needs}
    dynamic = read_dynamic_symbols(image, tags)
    if dynamic is not None and dynamic.versions is not None:
        index = dynamic.versions & 0x7FFF
        rows = np.flatnonzero((dynamic.table.section == SHN_UNDEF) & np.isin(index, tuple(needs)))
        for name, number in zip(dynamic.table.names(rows), index[rows].tolist(), strict=True):
            users[number].append(name)
    uses = [VersionUse(n.library, n.version, n.weak, tuple(sorted(users[index]))) for index, n in needs.items()]
    return tuple(sorted(uses, key=lambda use: (use.library, use.version)))


def _without(names: Iterable[str], others: Iterable[str]) -> tuple[str, ...]:
    seen = set(others)
    return tuple(name for name in names if name not in seen)


def _changed(name: str, old: str | None, new: str | None) -> ValueChange | None:
    return None if old == new else ValueChange(name, old, new)


def _hardening(old: NativeFacts, new: NativeFacts) -> tuple[ValueChange, ...]:
    stacks = [("executable" if side.exec_stack else "not executable") for side in (old, new)]
    pies = [("yes" if side.pie else "no") for side in (old, new)]
    pairs = (("stack", *stacks), ("relro", old.relro, new.relro), ("pie", *pies))
    return tuple(ValueChange(*pair) for pair in pairs if pair[1] != pair[2])


def _tls(old: BinaryFacts, new: BinaryFacts, before: NativeFacts, after: NativeFacts) -> TlsDrift | None:
    sizes = [_tls_sizes(side) for side in (old, new)]
    # A side without its symbol table tells nothing about variables; the segment speaks for it.
    known = not (old.stripped or new.stripped)
    drift = TlsDrift(
        old=before.tls,
        new=after.tls,
        added=tuple(sorted(sizes[1].keys() - sizes[0].keys())) if known else (),
        removed=tuple(sorted(sizes[0].keys() - sizes[1].keys())) if known else (),
        resized=resizes(*sizes),
        static_gained=_static_tls(new.image) and not _static_tls(old.image),
    )
    same = drift.old == drift.new and not (drift.added or drift.removed or drift.resized or drift.static_gained)
    return None if same else drift


def _tls_sizes(facts: BinaryFacts) -> dict[str, int]:
    table = facts.symtab
    if table is None:
        dynamic = read_dynamic_symbols(facts.image, dynamic_tags(facts.image))
        if dynamic is None:
            return {}
        table = dynamic.table
    rows = np.flatnonzero((table.kind == STT_TLS) & (table.section != SHN_UNDEF))
    # There are a few at most, and `names` goes through the whole string table.
    names = [table.name(row) for row in rows.tolist()] if len(rows) < FEW else table.names(rows)
    sizes = zip(names, table.size[rows].tolist(), strict=True)
    return {name: size for name, size in sizes if name and not name.startswith("$")}  # `$d` marks data


def _static_tls(image: Image) -> bool:
    return bool(dynamic_tags(image).get(DT_FLAGS, 0) & DF_STATIC_TLS)


def _run_path(image: Image) -> tuple[str, ...]:
    entries = dynamic_entries(image)
    strings = dict(entries).get(DT_STRTAB, 0)
    paths = [image.cstring(strings + value) for tag, value in entries if tag in {DT_RPATH, DT_RUNPATH}]
    return tuple(part for path in paths for part in path.split(":") if part)
