"""What differs between two binaries: facts about two sides, no judgement."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

ChangeKind = Literal["body", "resized", "signature"]

MAX_WORDS = 160
"""Characters of a type in a sentence."""


class FunctionChange(Struct, frozen=True):
    """One function whose code means something else in NEW.

    `kind`: `body` (same size), `resized`, or `signature` (the argument area changed).
    `inlined_from`: the changed functions whose inlined copies explain this change.
    `detail`: one line, such as `constant 3 → 5`. `file` and `line` are those of the change in NEW ("" and 0 unknown).
    Sizes are bytes of code without padding; `old_args`/`new_args` the argument areas in bytes (-1: unknown to Go).
    """

    name: str
    package: str
    kind: ChangeKind
    inlined_from: tuple[str, ...]
    detail: str
    file: str
    line: int
    old_size: int
    new_size: int
    old_args: int
    new_args: int


class FunctionDoubt(Struct, frozen=True):
    """A function of which nothing is shown to differ, but a constant whose length is not known may; `detail`: one line."""

    name: str
    package: str
    detail: str


class FunctionRef(Struct, frozen=True):
    """A function that only one side has."""

    name: str
    package: str
    file: str
    line: int
    exported: bool
    """Visible to another module of the process: an upper-case Go name, or a dynamic symbol."""


class Rename(Struct, frozen=True):
    """The same code under another name (closures renumber when one is added before them)."""

    old: str
    new: str


class FunctionDrift(Struct, frozen=True):
    """The function tables of both sides, paired, and the C functions that cgo linked in (package `C`, no areas, no lines).

    `matched` = `identical` + `moved` + changed. `identical`: the bytes are the same. `moved`: the code is the same,
    the bytes differ only where they hold addresses. `undecided` names functions that could not be compared (a budget
    ran out, code that does not decode); they are never counted as unchanged.
    `doubtful`: functions that may have changed; they are counted as unchanged.
    `remapped`: functions of OLD whose address range holds another function in NEW; `old_total` addresses compared.
    """

    old: int
    new: int
    matched: int
    identical: int
    moved: int
    added: tuple[FunctionRef, ...]
    removed: tuple[FunctionRef, ...]
    renamed: tuple[Rename, ...]
    changed: tuple[FunctionChange, ...]
    undecided: tuple[str, ...]
    remapped: int
    doubtful: tuple[FunctionDoubt, ...] = ()


class ValueChange(Struct, frozen=True):
    """A named value that differs; None on the side that does not have it."""

    name: str
    old: str | None
    new: str | None


class ModuleChange(Struct, frozen=True):
    """A dependency that differs. `kind`: `added`, `removed`, `upgraded`, `downgraded`, `replaced`, `sum-changed`, `sum-lost`."""

    path: str
    kind: str
    old: str | None
    new: str | None


class BuildDrift(Struct, frozen=True):
    """Build settings, modules and effective GODEBUG that differ."""

    settings: tuple[ValueChange, ...]
    modules: tuple[ModuleChange, ...]
    godebug: tuple[ValueChange, ...]


class InitDrift(Struct, frozen=True):
    """Package initialisers. `reordered`: those present on both sides whose relative order changed."""

    old: int
    new: int
    added: tuple[str, ...]
    removed: tuple[str, ...]
    reordered: tuple[str, ...]


class VariableRef(Struct, frozen=True):
    """A package variable that only one side has; `size` in bytes. C variables have the package `C`.

    `type` is its type's name; "" where DWARF does not tell.
    """

    name: str
    package: str
    size: int
    type: str = ""


class VariableChange(Struct, frozen=True):
    """A package variable that both sides have. Sizes in bytes; `detail` is one line, such as `8 → 16 bytes`.

    `old_type`, `new_type`: the names of its types; "" where DWARF does not tell.
    """

    name: str
    package: str
    old_size: int
    new_size: int
    detail: str
    old_type: str = ""
    new_type: str = ""


class GlobalDrift(Struct, frozen=True):
    """Package variables, by name; one that only has another address is not here.

    `compared` have the same name on both sides. `retyped` kept their size and have another type: by DWARF, where both
    files have it, else only those that hold pointers in other places. A type is another one if its name is, or if what
    a variable holds by value is; what it leads to is a matter of types. What they start
    with is a matter of data.
    `types_problem`: why types were not compared by DWARF, "" when they were; `damaged` when that is not for want of it.
    `untyped`: those of `compared` whose type DWARF does not tell on both sides, when it was read; `untyped_go` of them
    are not C's.
    """

    old: int
    new: int
    compared: int
    added: tuple[VariableRef, ...]
    removed: tuple[VariableRef, ...]
    resized: tuple[VariableChange, ...]
    retyped: tuple[VariableChange, ...]
    types_problem: str = ""
    damaged: bool = False
    untyped: tuple[str, ...] = ()
    untyped_go: int = 0


def short(name: str) -> str:
    """The name of a type for a sentence."""
    return name if len(name) <= MAX_WORDS else f"{name[:MAX_WORDS]}…"
