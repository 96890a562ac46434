"""Flags of go-flags: fields of structs, by their tags.

Source: github.com/jessevdk/go-flags 1.6.1, parser.go, group.go and command.go.
"""

from __future__ import annotations

from probes.code.tracing import Tracing
from probes.code.types import Types
from probes.code.values import Call
from probes.commandline import tags
from probes.commandline.facts import Definitions
from probes.commandline.on_error import ends
from probes.commandline.sinks import calls_to
from probes.go.types.table import Field

PACKAGE = "github.com/jessevdk/go-flags"
IGNORE_UNKNOWN = 1 << 3
MAX_DEPTH = 32
_GIVEN = {
    "Parse": 0, "ParseArgs": 0, "NewParser": 0, "(*Group).AddGroup": 5, "(*Command).AddGroup": 5, "(*Command).AddCommand": 7,
    "(*Parser).AddGroup": 5, "(*Parser).AddCommand": 7,
}  # fmt: skip
"""Functions that are given a struct, and the argument register of its type."""
_PARSES = ("Parse", "ParseArgs", "(*Parser).Parse", "(*Parser).ParseArgs")
_ERROR = 3
"""The result register of the error, behind those of the arguments that are left."""


def own(package: str) -> bool:
    """Whether a package is the library's."""
    return package == PACKAGE


def read(tracing: Tracing, types: Types) -> Definitions | None:
    """The flags of all commands; None where nothing of the program parses by this package."""
    program = tracing.program
    parses = list(calls_to(tracing, program.entries(*(f"{PACKAGE}.{name}" for name in _PARSES)), own))
    if not parses:
        return None
    walk = _Walk(types)
    given = {f"{PACKAGE}.{name}": register for name, register in _GIVEN.items()}
    lenient = []
    for row, _, call, name in calls_to(tracing, program.entries(*given, f"{PACKAGE}.NewNamedParser"), own):
        where = program.name(row)
        if name in given:
            _struct(types, call, given[name], walk, where)
        if name.endswith((".NewParser", ".NewNamedParser")):
            options = call.arguments[2]
            if not isinstance(options, int) or options & IGNORE_UNKNOWN:
                lenient.append(f"{where} may ignore unknown flags (flags.IgnoreUnknown)")
    lenient += _changed(tracing, types)
    for row, _, call, _ in parses:
        if ends(tracing, row, call.address, _ERROR) is not True:
            lenient.append(f"{program.name(row)} may go on after an unknown flag")
    adds = calls_to(tracing, program.entries(f"{PACKAGE}.(*Group).AddOption"), own)
    walk.gaps += [f"what AddOption in {program.name(row)} adds" for row, _, _, _ in adds]
    return Definitions(
        "go-flags",
        {**walk.long, "help": False},
        {**walk.short, "h": False},
        tuple(dict.fromkeys(walk.gaps)),
        tuple(dict.fromkeys(lenient)),
        nested=True,
    )


def _struct(types: Types, call: Call, register: int, walk: _Walk, where: str) -> None:
    given = call.arguments[register] if register < len(call.arguments) else None
    row = types.row(given) if isinstance(given, int) else -1
    if row >= 0 and types.kind(row) == "ptr":
        row = types.element(row)
    if row < 0 or types.kind(row) != "struct":
        walk.gaps.append(f"a struct that {where} is given")
    else:
        walk.fields(row, ())


def _changed(tracing: Tracing, types: Types) -> list[str]:
    """Functions that change a parser's options, or what it does about unknown flags, behind its making."""
    row = types.named(f"{PACKAGE}.Parser")
    wanted = {types.offset(row, name): name for name in ("Options", "UnknownOptionHandler")} if row >= 0 else {}
    program = tracing.program
    makers = program.entries(f"{PACKAGE}.NewParser", f"{PACKAGE}.NewNamedParser", f"{PACKAGE}.(*Parser).Parse")
    out = []
    for caller in program.callers(makers):
        if own(program.package(caller)):
            continue
        for _, distance, _ in tracing.of(caller).loose:
            if distance in wanted:
                out.append(f"{program.name(caller)} may set {wanted[distance]} of the parser")
    return out


class _Walk:
    """A struct and all that it leads to."""

    def __init__(self, types: Types) -> None:
        self.types = types
        self.long: dict[str, bool | None] = {}
        self.short: dict[str, bool | None] = {}
        self.gaps: list[str] = []
        self._within: list[int] = []

    def fields(self, row: int, namespaces: tuple[str, ...]) -> None:
        """The fields of a struct, whose long names begin with `namespaces`."""
        if row in self._within or len(self._within) > MAX_DEPTH:
            self.gaps.append("structs that hold each other")
            return
        self._within.append(row)
        for each in self.types.fields(row):
            self._field(each, namespaces)
        self._within.pop()

    def _field(self, each: Field, namespaces: tuple[str, ...]) -> None:
        if not each.exported and not each.embedded:
            return
        tag = dict(reversed(tags.pairs(each.tag)))
        if tag.get("no-flag"):
            return
        kind = self.types.kind(each.row) if each.row >= 0 else ""
        inner = each.row
        if kind == "ptr":
            inner = self.types.element(each.row)
        if inner >= 0 and self.types.kind(inner) == "struct" and not tag.get("positional-args"):
            inside = (*namespaces, tag["namespace"]) if tag.get("namespace") else namespaces
            self.fields(inner, inside)
        if kind == "interface" and ("group" in tag or "command" in tag):
            self.gaps.append(f"what {each.name} is given when the program runs")
        takes = not (
            kind in {"bool", "func"} or (kind == "slice" and self.types.kind(self.types.element(each.row)) == "bool")
        )
        if kind == "func":
            takes = bool(self.types.table.params_of(each.row)[0])
        optional = tag.get("optional", "").lower() not in {"", "false", "no", "0"}
        if tag.get("long"):
            self.long[".".join((*namespaces, tag["long"]))] = takes and not optional
        if tag.get("short"):
            self.short[tag["short"][:1]] = takes and not optional
