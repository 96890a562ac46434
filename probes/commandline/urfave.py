"""Flags of urfave/cli, versions 2 and 3: structs with a name and aliases, made in code or lying in the data.

Source: github.com/urfave/cli v2.27.5 and v3.0.0, flag_*.go and command.go.
"""

from __future__ import annotations

import re

import numpy as np
from msgspec import Struct

from probes.code.tracing import Tracing
from probes.code.types import Types
from probes.code.values import Made, Sym, Trace, Value
from probes.commandline import settings
from probes.commandline.facts import Definitions
from probes.commandline.sinks import calls_to

ROOT = "github.com/urfave/cli"
_RUN = re.compile(rf"^{re.escape(ROOT)}(?:/v[23])?\.\(\*(?:App|Command)\)\.Run(?:Context|AndExitOnError)?$")
MAX_ALIASES = 64
MAX_OBJECTS = 65_536


class Shape(Struct, frozen=True):
    """Where a kind of flag has its name and its aliases; `takes`: whether a value follows."""

    type: int
    name: int
    aliases: int
    takes: bool


def own(package: str) -> bool:
    """Whether a package is the library's."""
    return package == ROOT or package.startswith(ROOT + "/")


def read(tracing: Tracing, types: Types) -> Definitions | None:
    """The flags of all commands; None where nothing of the program runs an App or a Command."""
    program = tracing.program
    if ROOT.encode() not in program.table.name_bytes:
        return None
    entries = {
        int(program.entry[row]): name
        for name, row in program.rows.items()
        if name.startswith(ROOT) and _RUN.match(name)
    }
    runs = list(calls_to(tracing, entries, own))
    if not runs:
        return None
    packages = {name.partition(".(")[0] for _, _, _, name in runs}
    reader = _Flags(tracing, types)
    lenient, gaps = [], []
    for package in sorted(packages):
        if package == ROOT:
            gaps.append("flags of urfave/cli version 1, which are not read")
            continue
        reader.read(package)
        for name in ("App", "Command"):
            found = settings.switched_on(
                tracing, types, f"{package}.{name}", ("SkipFlagParsing", "AllowExtFlags"), (package,)
            )
            lenient += [f"{switch} of cli.{name} is set" for switch in found]
    names: dict[str, bool | None] = {**reader.names, "help": False, "h": False, "version": False, "v": False}
    short: dict[str, bool | None] = {name: takes for name, takes in names.items() if len(name) == 1}
    return Definitions(
        "urfave/cli",
        names,
        short,
        tuple(dict.fromkeys((*gaps, *reader.gaps))),
        tuple(dict.fromkeys(lenient)),
        nested=True,
    )


class _Flags:
    """The flags of one program, as they are found."""

    def __init__(self, tracing: Tracing, types: Types) -> None:
        self.tracing, self.types = tracing, types
        self.program = tracing.program
        self.names: dict[str, bool | None] = {}
        self.gaps: list[str] = []

    def read(self, package: str) -> None:
        """Find the flags whose types implement the interface Flag of `package`."""
        itabs = self.types.implementations(f"{package}.Flag")
        shapes: dict[int, Shape] = {}
        by_itab: dict[int, Shape] = {}
        for itab, concrete in itabs.items():
            row = self.types.element(concrete) if self.types.kind(concrete) == "ptr" else concrete
            shape = self._shape(row)
            if shape is None and own(self.types.table.name(row).rpartition(".")[0]):
                continue  # extFlag, which AllowExtFlags makes
            if shape is None:
                self.gaps.append(f"flags of the type {self.types.table.name(row)}, whose names are not in a field")
                continue
            shapes[shape.type] = shape
            by_itab[itab] = shape
        self._in_data(by_itab)
        self._in_code(shapes)

    def _shape(self, row: int) -> Shape | None:
        if row < 0 or self.types.kind(row) != "struct":
            return None
        name, aliases = self.types.offset(row, "Name"), self.types.offset(row, "Aliases")
        if name < 0:
            return None
        value = next((each.type for each in self.types.fields(row) if each.name == "Value"), "")
        full = self.types.table.name(row)
        bool_ = "BoolFlag" in full or "BoolWithInverse" in full or value == "bool"
        return Shape(int(self.types.table.address[row]), name, aliases, not bool_)

    def _in_data(self, by_itab: dict[int, Shape]) -> None:
        """Interfaces in the data: the address of an itab, and behind it that of the flag."""
        if not by_itab:
            return
        image = self.program.image
        wanted = np.array(sorted(by_itab), dtype=np.uint64)
        for span in image.spans:
            if span.executable:
                continue
            first, last = (span.offset + 7) // 8, (span.offset + span.end - span.start) // 8
            words = image.words[first:last]
            hits = np.flatnonzero(np.isin(words[:-1], wanted))[:MAX_OBJECTS]
            for at in hits.tolist():
                shape = by_itab[int(words[at])]
                self._static(shape, int(words[at + 1]))

    def _static(self, shape: Shape, address: int) -> None:
        """A flag that lies in the data at `address`; nothing where none does."""
        pointer, length = self.program.word(address + shape.name), self.program.word(address + shape.name + 8)
        if not pointer or not length:
            return  # filled in by code, which is followed
        name = self.program.text_at(pointer, length)
        if name is None or not name.isprintable():
            return
        self._take(name, shape)
        if shape.aliases >= 0:
            array, count = self.program.word(address + shape.aliases), self.program.word(address + shape.aliases + 8)
            for index in range(min(count or 0, MAX_ALIASES)):
                one, two = (
                    self.program.word((array or 0) + 16 * index),
                    self.program.word((array or 0) + 16 * index + 8),
                )
                alias = self.program.text_at(one or 0, two or 0)
                if alias:
                    self._take(alias, shape)

    def _in_code(self, shapes: dict[int, Shape]) -> None:
        for row in self.program.takers(set(shapes)):
            trace = self.tracing.of(row)
            library = own(self.program.package(row))
            if not trace.complete and not library:
                self._miss(row)
            for made in trace.objects.values():
                shape = shapes.get(made.type) if isinstance(made.type, int) else None
                if shape is not None and not self._made(shape, made, trace) and not library:
                    self._miss(row)

    def _made(self, shape: Shape, made: Made, trace: Trace) -> bool:
        """A flag that code makes; whether all of its names are known."""
        name = self._text(made.get(shape.name), made.get(shape.name + 8))
        if name is None:
            return False
        if name:
            self._take(name, shape)
        if shape.aliases < 0:
            return True
        array, count = made.get(shape.aliases), made.get(shape.aliases + 8)
        if count == 0:
            return True
        if not isinstance(count, int) or not 0 < count <= MAX_ALIASES:
            return False
        for index in range(count):
            alias = self._text(*self._pair(array, 16 * index, trace))
            if alias is None:
                return False
            self._take(alias, shape)
        return True

    def _pair(self, array: Value, at: int, trace: Trace) -> tuple[Value, Value]:
        if isinstance(array, Sym) and array.kind == "object" and array.key in trace.objects:
            made = trace.objects[array.key]
            return made.get(array.offset + at), made.get(array.offset + at + 8)
        if isinstance(array, int):
            return self.program.word(array + at), self.program.word(array + at + 8)
        return None, None

    def _text(self, pointer: Value, length: Value) -> str | None:
        if length == 0:
            return ""
        if isinstance(pointer, int) and isinstance(length, int):
            return self.program.text_at(pointer, length)
        return None

    def _take(self, name: str, shape: Shape) -> None:
        self.names[name] = shape.takes
        if "BoolWithInverse" in self.types.table.name(self.types.row(shape.type)):
            self.names[f"no-{name}"] = False

    def _miss(self, row: int) -> None:
        self.gaps.append(f"a name that {self.program.name(row)} computes")
