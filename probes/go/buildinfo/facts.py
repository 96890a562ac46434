"""What a program says of its build."""

from __future__ import annotations

from msgspec import Struct

from probes.go.buildinfo.version import go_minor


class Module(Struct, frozen=True):
    """One module of the build: `sum` is empty for the main module; `replace` is what stands in for it."""

    path: str
    version: str
    sum: str
    replace: Module | None = None


class BuildFacts(Struct, frozen=True):
    """The build information that the linker embedded (`go version -m`).

    `settings` keeps the toolchain's own keys (`-tags`, `GOAMD64`, `vcs.revision`). `godebug` is the *effective*
    default of every setting known to the toolchain table: name -> value. `godebug_known` is false when the
    toolchain is newer than the table, in which case `godebug` holds what the binary itself says.
    """

    go_version: str
    path: str
    main: Module | None
    deps: tuple[Module, ...]
    settings: dict[str, str]
    godebug: dict[str, str]
    godebug_known: bool

    @property
    def minor(self) -> int | None:
        """The minor number of the Go release (26 for go1.26.3); None for a development version."""
        return go_minor(self.go_version)
