"""What differs in what two images ask of the loader, and in what two shared objects give to a process."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from probes.drift.facts import ModuleChange, ValueChange
from probes.elf.facts import SymbolVersion, TlsSegment


class Resize(Struct, frozen=True):
    """A named thing whose size in bytes differs."""

    name: str
    old: int
    new: int


class TlsDrift(Struct, frozen=True):
    """Thread-local storage. `old` and `new` are the segments, None without one.

    `added`, `removed` and `resized` are thread-local variables. `static_gained`: NEW asks for room in the static block
    (DF_STATIC_TLS), which a running process may not have any more, and OLD did not.
    """

    old: TlsSegment | None
    new: TlsSegment | None
    added: tuple[str, ...]
    removed: tuple[str, ...]
    resized: tuple[Resize, ...]
    static_gained: bool


class VersionUse(Struct, frozen=True):
    """A symbol version that NEW needs of a library, and the symbols that it needs it for, sorted.

    `weak`: the loader goes on without it.
    """

    library: str
    version: str
    weak: bool
    symbols: tuple[str, ...]


class PluginDrift(Struct, frozen=True):
    """Two Go plugins. `packages`: those that both have and whose digests differ, but for the plugin itself."""

    old_path: str
    new_path: str
    packages: tuple[str, ...]


class SharedDrift(Struct, frozen=True):
    """Two shared objects. Exports are `name` or `name@version`.

    `reversioned`: exported on both sides under another version. `retyped`: a function became a variable, or the like.
    `resized`: exported variables, among them vtables and type information (`_ZTV`, `_ZTI`, `_ZTS`).
    `state_*`: writable variables, exported or not; `memory`: the bytes of writable sections (`.data`, `.bss`), where no Go
    is in the file. `calls`: the numbers of initialisers and finalisers where they differ. `plugin`: Go plugins only.
    """

    soname: ValueChange | None
    added: tuple[str, ...]
    removed: tuple[str, ...]
    reversioned: tuple[ValueChange, ...]
    retyped: tuple[ValueChange, ...]
    resized: tuple[Resize, ...]
    state_added: tuple[str, ...]
    state_removed: tuple[str, ...]
    state_resized: tuple[Resize, ...]
    memory: tuple[Resize, ...]
    calls: tuple[Resize, ...]
    plugin: PluginDrift | None


class NativeDrift(Struct, frozen=True):
    """What differs for the loader. `uses` and `run_path` are NEW's alone: what it needs, and where it looks by itself.

    `interpreter` and `hardening` (`stack`, `relro`, `pie`) name what differs. `shared` is None unless both sides are
    shared objects.
    """

    needed_added: tuple[str, ...]
    needed_removed: tuple[str, ...]
    versions_added: tuple[SymbolVersion, ...]
    versions_removed: tuple[SymbolVersion, ...]
    interpreter: ValueChange | None
    hardening: tuple[ValueChange, ...]
    tls: TlsDrift | None
    uses: tuple[VersionUse, ...]
    run_path: tuple[str, ...]
    shared: SharedDrift | None


class AbiFacts(Struct, frozen=True):
    """What `abidiff` said (`probes.abidiff`).

    `changed` and `incompatible` are bits of its exit code; `removed`, `altered` and `added` the sums of its summary;
    `lines` its own words about each, not all of them where there are many. `problem`: why there is no answer, "" when there is one.
    """

    changed: bool = False
    incompatible: bool = False
    removed: int = 0
    altered: int = 0
    added: int = 0
    lines: tuple[str, ...] = ()
    problem: str = ""


class HostDrift(Struct, frozen=True):
    """What stands between the program at `path` and the plugin NEW.

    `packages`: those of both whose digests differ; `shared`: how many both have. `modules`: of both, in other versions (OLD
    is the program). `problem`: why the two cannot be compared, "" when they can.
    """

    path: str
    packages: tuple[str, ...] = ()
    shared: int = 0
    modules: tuple[ModuleChange, ...] = ()
    go_version: str | None = None
    problem: str = ""


def resizes(old: Mapping[str, int], new: Mapping[str, int]) -> tuple[Resize, ...]:
    """What has another size, sorted by name; what only one side has does not count."""
    return tuple(
        Resize(name, old[name], new[name]) for name in sorted(old.keys() & new.keys()) if old[name] != new[name]
    )
