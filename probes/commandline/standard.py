"""Flags of Go's package flag: the sets, what defines flags in them, and what an unknown one does.

Source: src/flag/flag.go of Go 1.21 to 1.27.
"""

from __future__ import annotations

from collections.abc import Iterable

from probes.code.tracing import Tracing
from probes.code.types import Types
from probes.code.values import Sym, Trace, Value
from probes.commandline.facts import Definitions
from probes.commandline.on_error import ends
from probes.commandline.sinks import Defined, Name, Search, Sink, calls_to

_VAR = "flag.(*FlagSet).Var"
_PARSE = "flag.(*FlagSet).Parse"
_NEW, _INIT = "flag.NewFlagSet", "flag.(*FlagSet).Init"
CONTINUE = 0
"""`flag.ContinueOnError`; ExitOnError is 1, PanicOnError 2."""
_BOOL = {"*flag.boolValue", "flag.boolFuncValue"}
_SETUPS = ("flag.init", *(f"flag.init.{number}" for number in range(8)))


_USERS = ("github.com/spf13/pflag", "github.com/urfave/cli", "testing")
"""Packages that parse by package flag for themselves: what they parse is for their own readers to say."""


def own(package: str) -> bool:
    """Whether a package is the library's."""
    return package == "flag"


def _not_the_programs(package: str) -> bool:
    return package == "flag" or any(package == user or package.startswith(user + "/") for user in _USERS)


def seeds(tracing: Tracing) -> dict[int, Sink]:
    """`(*FlagSet).Var(value Value, name string, usage string)`, which every other function calls."""
    sink = Sink((Name(3),), Name(1))
    return dict.fromkeys(tracing.program.entries(_VAR), sink)


def takes_value(types: Types, itab: Value) -> bool | None:
    """Whether a flag with such a value takes one from the command line."""
    name = types.of_value(itab)
    if not name:
        return None
    return not (name in _BOOL or types.has_method(itab, "IsBoolFlag"))


def read(tracing: Tracing, types: Types) -> Definitions | None:
    """The flags; None where nothing of the program parses its command line by this package."""
    program = tracing.program
    parses = list(calls_to(tracing, program.entries("flag.Parse", _PARSE), _not_the_programs))
    if not parses:
        return None
    search = Search(tracing, lambda itab: takes_value(types, itab), own)
    search.run(seeds(tracing))
    sets = _Sets(tracing, types)
    lenient = sets.lenient()
    receivers = set()
    for row, trace, call, name in parses:
        receiver: Value = sets.command_line if name == "flag.Parse" else call.arguments[0]
        receivers.add(receiver)
        handling = 1 if receiver == sets.command_line else sets.handling(receiver, trace)
        if handling is None:
            lenient.append(f"what {program.name(row)} does about an unknown flag is not known")
        elif handling == CONTINUE and ends(tracing, row, call.address, 0) is not True:
            lenient.append(f"{program.name(row)} parses them with flag.ContinueOnError and may go on")
    names = {name: flag.takes for flag in search.found for name in flag.names}
    gaps = [*search.unresolved]
    return Definitions(
        "flag",
        {**names, "help": False, "h": False},
        gaps=tuple(gaps),
        lenient=tuple(dict.fromkeys(lenient)),
        owners=sets.owners(search.found),
        nested=bool(receivers - {sets.command_line}),
    )


class _Sets:
    """The flag sets of a program: `flag.CommandLine` and its own."""

    def __init__(self, tracing: Tracing, types: Types) -> None:
        self.tracing = tracing
        self.program = tracing.program
        self.new = self.program.entries(_NEW)
        row = types.named("flag.FlagSet")
        self.type = int(types.table.address[row]) if row >= 0 else -1
        self.handling_at = types.offset(row, "errorHandling") if row >= 0 else -1
        self.name_at = types.offset(row, "name") if row >= 0 else -1
        self.variable = self._command_line()
        self.command_line: Value = Sym("load", self.variable) if self.variable else None

    def _setups(self) -> list[int]:
        return [self.program.rows[name] for name in _SETUPS if name in self.program.rows]

    def _command_line(self) -> int:
        """The address of the variable flag.CommandLine: what flag's own initialisation stores a set in; 0 where not found."""
        for row in self._setups():
            trace = self.tracing.of(row)
            for (_, address, size), value in trace.stores.items():
                if size == 8 and isinstance(value, Sym) and self._is_set(value, trace):
                    return address
        return 0

    def _is_set(self, value: Sym, trace: Trace) -> bool:
        if value.kind == "object":
            made = trace.objects.get(value.key)
            return made is not None and made.type == self.type and not value.offset
        call = trace.calls.get(value.key >> 4) if value.kind == "result" else None
        return call is not None and call.target in self.new

    def owners(self, found: Iterable[Defined]) -> dict[str, frozenset[str]]:
        """The sets of flags by the names of the sets, which mostly are those of subcommands; none where one is not known."""
        owners: dict[str, set[str]] = {}
        for flag in found:
            owner = self._name(flag.set, self.tracing.of(flag.row)) if isinstance(flag.set, Sym) else ""
            for name in flag.names:
                owners.setdefault(f"-{name}", set()).add(owner)
        return {name: frozenset(each) for name, each in owners.items() if "" not in each}

    def _name(self, value: Sym, trace: Trace) -> str:
        """The name that a set was made with, "" where it is not known."""
        if not self._is_set(value, trace):
            return ""
        if value.kind == "object":
            made = trace.objects[value.key]
            first, length = made.get(self.name_at), made.get(self.name_at + 8)
        else:
            first, length = trace.calls[value.key >> 4].arguments[:2]
        if isinstance(first, int) and isinstance(length, int):
            return self.program.text_at(first, length) or ""
        return ""

    def handling(self, value: Value, trace: Trace) -> int | None:
        """What a set does about an unknown flag, a constant of the package; None where that is not known."""
        if not isinstance(value, Sym):
            return None
        if value.kind == "load" and value.key != self.variable:
            return self._of_variable(value.key)
        if not self._is_set(value, trace):
            return None
        if value.kind == "object":
            found = trace.objects[value.key].get(self.handling_at)
        else:
            found = trace.calls[value.key >> 4].arguments[2]
        return found if isinstance(found, int) else None

    def _of_variable(self, address: int) -> int | None:
        """The same of the one set that a variable is given."""
        found = set()
        for row in self.program.writers(address):
            trace = self.tracing.of(row)
            for (_, place, _), value in trace.stores.items():
                if place == address:
                    found.add(
                        self.handling(value, trace) if isinstance(value, Sym) and self._is_set(value, trace) else None
                    )
        return found.pop() if len(found) == 1 else None

    def _set_inline(self) -> list[str]:
        """Functions that change what flag.CommandLine does: Init is small, and mostly inlined."""
        out = []
        for row in self.program.callers(self.program.named(("flag.",))):
            if own(self.program.package(row)):
                continue
            trace = self.tracing.of(row)
            for (at, distance, size), value in trace.loose.items():
                base = trace.bases[at, distance, size]
                if distance == self.handling_at and base == self.command_line and value not in {1, 2}:
                    out.append(f"{self.program.name(row)} changes what a set does about unknown flags")
        return out

    def lenient(self) -> list[str]:
        """Why flag.CommandLine may not end the program at an unknown flag."""
        if not self.variable:
            return ["flag.CommandLine was not found"]
        out = []
        for row in self.program.writers(self.variable):
            if row in self._setups():
                continue
            if any(place == self.variable for _, place, _ in self.tracing.of(row).stores):
                out.append(f"{self.program.name(row)} replaces flag.CommandLine")
        out += self._set_inline()
        for row, _, call, _ in calls_to(self.tracing, self.program.entries(_INIT), _not_the_programs):
            if call.arguments[3] not in {1, 2}:
                out.append(f"{self.program.name(row)} changes what a set does about unknown flags")
        return out
