"""Names that reach a function as an argument, followed back through the functions that pass them on."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from msgspec import Struct

from probes.code.tracing import Tracing
from probes.code.values import Call, Sym, Trace, Value

_COPIES = re.compile(r"\.func\d|\.\(\*FlagSet\)\.Add(?:FlagSet|GoFlagSet|GoFlag)\b")
"""Closures that are given each flag of a set, and functions of pflag that add those of another set."""
MAX_ROUNDS = 8
"""Functions in a row that pass a name on."""
MAX_FUNCTIONS = 4096
"""Functions that are followed for one library."""


class Name(Struct, frozen=True):
    """Where a function's arguments hold a string: the register of its address, before that of its length.

    With `inside`, the register of an object, and where in it the two are.
    """

    register: int
    inside: int = -1


class Sink(Struct, frozen=True):
    """A function that defines a flag.

    `names`: the flag's name, and its shorthand. `value`: the register of the value's itab, or where it is in the object;
    `takes`: whether a value follows, where that is known already. `receiver`: the register of the set, or what it always is.
    """

    names: tuple[Name, ...]
    value: Name | None = None
    takes: bool | None = None
    receiver: int | Sym = 0


class Defined(Struct, frozen=True):
    """A flag that was found: its names, whether a value follows, the function that defines it, and its set."""

    names: tuple[str, ...]
    takes: bool | None
    row: int
    set: Value


class Search:
    """Follows names to the functions that define flags."""

    def __init__(self, tracing: Tracing, takes: Callable[[Value], bool | None], own: Callable[[str], bool]) -> None:
        """`takes`: from an itab, whether a value follows; `own`: whether a package is the library's own."""
        self.tracing = tracing
        self.program = tracing.program
        self._takes = takes
        self._own = own
        self.found: list[Defined] = []
        self.unresolved: list[str] = []

    def run(self, seeds: dict[int, Sink]) -> None:
        """Find what reaches `seeds`, functions by their entry."""
        sinks = dict(seeds)
        fresh = set(seeds)
        done: set[int] = set()
        seen: set[int] = set()
        for _ in range(MAX_ROUNDS):
            rows = self.program.callers(fresh)
            fresh = set()
            for row in rows:
                seen.add(row)
                if len(seen) > MAX_FUNCTIONS:
                    self.unresolved.append("more functions define flags than are looked into")
                    return
                trace = self.tracing.of(row)
                if not trace.complete:
                    self._miss(row)
                for at, call in trace.calls.items():
                    sink = sinks.get(call.target)
                    if sink is None or at in done:
                        continue
                    done.add(at)
                    passed = self._one(row, trace, call, sink)
                    entry = int(self.program.entry[row])
                    if passed is not None and entry not in sinks:
                        sinks[entry] = passed
                        fresh.add(entry)
            if not fresh:
                break
        else:
            self.unresolved.append("names are passed through too many functions")
        self._by_address(sinks)

    def _by_address(self, sinks: dict[int, Sink]) -> None:
        """Functions that define flags and may be called by their address, which no call shows."""
        for entry in sorted(self.program.taken_functions(sinks)):
            said = f"what {self.program.name(self.program.row(entry))} is given, which may be called by its address"
            self.unresolved.append(said)

    def _miss(self, row: int) -> None:
        """A name in `row` is not known. Some functions of a library copy flags from one set to another, and define none."""
        if self._own(self.program.package(row)) and _COPIES.search(self.program.name(row)):
            return
        said = f"a name that {self.program.name(row)} computes"
        if said not in self.unresolved:
            self.unresolved.append(said)

    def _one(self, row: int, trace: Trace, call: Call, sink: Sink) -> Sink | None:
        """What one call of a sink says: a flag, or that its function is a sink itself."""
        takes = sink.takes
        value = _read(trace, call, sink.value)[0] if sink.value is not None else None
        if takes is None and value is not None:
            takes = self._takes(value)
        receiver: Value = sink.receiver if isinstance(sink.receiver, Sym) else call.arguments[sink.receiver]
        pairs = [_read(trace, call, name) for name in sink.names]
        texts = [self.text(pair) for pair in pairs]
        if texts[0] is not None:
            names = tuple(text for text in texts if text)
            self.found.append(Defined(names, takes, row, receiver))
            if None in texts:
                self._miss(row)
            return None
        places = [_passed(pair) for pair in pairs]
        if places[0] is None:
            self._miss(row)
            return None
        kept = tuple(Name(place) for place in places if place is not None)
        own_value = Name(value.key) if isinstance(value, Sym) and value.kind == "param" else None
        if isinstance(receiver, Sym) and receiver.kind == "param":
            return Sink(kept, own_value, takes, receiver.key)
        return Sink(kept, own_value, takes, receiver if isinstance(receiver, Sym) else 0)

    def text(self, pair: tuple[Value, Value]) -> str | None:
        """The constant at an address and length; None where they are not known."""
        address, length = pair
        if length == 0:
            return ""
        if isinstance(address, int) and isinstance(length, int) and self.program.is_constant(address):
            return self.program.text_at(address, length)
        return None


def _read(trace: Trace, call: Call, name: Name) -> tuple[Value, Value]:
    """The two words of a string (or an interface) that a call passes."""
    arguments = call.arguments
    if name.inside < 0:
        second = arguments[name.register + 1] if name.register + 1 < len(arguments) else None
        return arguments[name.register], second
    made = arguments[name.register]
    if isinstance(made, Sym) and made.kind == "object" and made.key in trace.objects:
        object_ = trace.objects[made.key]
        return object_.get(made.offset + name.inside), object_.get(made.offset + name.inside + 8)
    return None, None


def _passed(pair: tuple[Value, Value]) -> int | None:
    """The register in which a string came into the function; None where it did not."""
    first, second = pair
    if isinstance(first, Sym) and isinstance(second, Sym) and first.kind == second.kind == "param":
        return first.key if second.key == first.key + 1 else None
    return None


def calls_to(
    tracing: Tracing, entries: dict[int, str], own: Callable[[str], bool]
) -> Iterable[tuple[int, Trace, Call, str]]:
    """Calls of the functions at `entries` from outside of the library: (function, what it does, the call, the callee's name)."""
    for row in tracing.program.callers(entries):
        if own(tracing.program.package(row)):
            continue
        trace = tracing.of(row)
        for call in trace.calls.values():
            if call.target in entries:
                yield row, trace, call, entries[call.target]
