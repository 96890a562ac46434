"""Flags of kong: fields of structs, by their names and tags.

Source: github.com/alecthomas/kong 1.6.0, build.go, tag.go and camelcase.go.
"""

from __future__ import annotations

import re

from probes.code.tracing import Tracing
from probes.code.types import Types
from probes.commandline import tags
from probes.commandline.facts import Definitions
from probes.commandline.sinks import calls_to
from probes.go.types.table import Field

PACKAGE = "github.com/alecthomas/kong"
_STARTS = tuple(f"{PACKAGE}.{name}" for name in ("Parse", "New", "Must"))
_CHANGES = tuple(f"{PACKAGE}.{name}" for name in ("Embed", "DynamicCommand", "PostBuild", "FlagNamer"))
"""Options that add flags, or name them otherwise."""
MAX_DEPTH = 32
MAX_FLAGS = 65_536
_WORDS = re.compile(r"[^\W\d_a-z]+|[^\W\d_A-Z]+|\d+|[\W_]+")
_LISTS = re.compile(r"[,\s]+")


def own(package: str) -> bool:
    """Whether a package is the library's."""
    return package == PACKAGE


def read(tracing: Tracing, types: Types) -> Definitions | None:
    """The flags of all commands; None where nothing of the program gives kong a struct."""
    program = tracing.program
    calls = list(calls_to(tracing, program.entries(*_STARTS), own))
    if not calls:
        return None
    walk = _Walk(types)
    for row, _, call, _ in calls:
        given = call.arguments[0]
        struct = types.row(given) if isinstance(given, int) else -1
        if struct >= 0 and types.kind(struct) == "ptr":
            struct = types.element(struct)
        if struct < 0 or types.kind(struct) != "struct":
            walk.gaps.append(f"a struct that {program.name(row)} is given")
            continue
        walk.fields(struct, "")
    # They are small, and mostly inlined: the names of inlined functions are in the table too.
    names = program.table.name_bytes
    walk.gaps += [
        f"what kong.{name.rpartition('.')[2]} adds or renames" for name in _CHANGES if f"\0{name}\0".encode() in names
    ]
    return Definitions(
        "kong",
        {**walk.long, "help": False},
        {**walk.short, "h": False},
        tuple(dict.fromkeys(walk.gaps)),
        tuple(dict.fromkeys(walk.lenient)),
        nested=True,
    )


class _Walk:
    """A struct and all that it leads to."""

    def __init__(self, types: Types) -> None:
        self.types = types
        self.long: dict[str, bool | None] = {}
        self.short: dict[str, bool | None] = {}
        self.gaps: list[str] = []
        self.lenient: list[str] = []
        self._within: list[int] = []

    def fields(self, row: int, prefix: str) -> None:
        """The fields of a struct, whose names begin with `prefix`."""
        if row in self._within or len(self._within) > MAX_DEPTH or len(self.long) > MAX_FLAGS:
            self.gaps.append("structs that hold each other")
            return
        self._within.append(row)
        for each in self.types.fields(row):
            self._field(each, prefix)
        self._within.pop()

    def _field(self, each: Field, prefix: str) -> None:
        found = tags.pairs(each.tag)
        own_tag = dict(found).get("kong")
        if own_tag == "-" or (own_tag is not None and own_tag.startswith("-,")):
            return
        self._tagged(each, dict(reversed(tags.items(own_tag) if own_tag is not None else found)), prefix)

    def _tagged(self, each: Field, tag: dict[str, str], prefix: str) -> None:
        if "passthrough" in tag:
            self.lenient.append(f"{each.name} takes what comes as it is (passthrough)")
        row, kind = self._behind(each.row)
        prefix += tag.get("prefix", "")
        if each.embedded or "embed" in tag:
            if kind == "struct":
                self.fields(row, prefix)
            else:
                self.gaps.append(f"what {each.name} is given when the program runs")
            return
        if not each.exported:
            return
        if kind == "struct" and ("cmd" in tag or "arg" in tag):
            self.fields(row, "")
            return
        if "arg" in tag:
            return
        self._flag(prefix + (tag.get("name") or dashed(each.name)), tag, kind)

    def _flag(self, name: str, tag: dict[str, str], kind: str) -> None:
        takes = not (kind == "bool" or tag.get("type") == "counter")
        self.long[name] = takes
        for alias in filter(None, _LISTS.split(tag.get("aliases", ""))):
            self.long[alias] = takes
        if "negatable" in tag:
            self.long[tag["negatable"] or f"no-{name}"] = False
        if tag.get("short"):
            self.short[tag["short"][:1]] = takes

    def _behind(self, row: int) -> tuple[int, str]:
        """A type, and its kind, without the pointer to it."""
        kind = self.types.kind(row) if row >= 0 else ""
        if kind == "ptr":
            row = self.types.element(row)
            kind = self.types.kind(row) if row >= 0 else ""
        return row, kind


def dashed(name: str) -> str:
    """`HTTPServer` → `http-server`, as kong names a flag by its field."""
    words = _WORDS.findall(name)
    for index in range(len(words) - 1):
        # The last capital of a run belongs to the small letters behind it.
        if words[index][-1].isupper() and words[index + 1][0].islower():
            words[index + 1] = words[index][-1] + words[index + 1]
            words[index] = words[index][:-1]
    return "-".join(word for word in words if word).lower()
