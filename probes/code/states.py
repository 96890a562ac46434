"""The state that a program hands to its next image by goprobe: what its calls of RegisterState say."""

from __future__ import annotations

from collections.abc import Callable

from probes.code.facts import REGISTER, RegisteredState
from probes.code.program import NoCode, Program
from probes.code.tracing import Tracing
from probes.code.types import Types
from probes.code.values import Call, Value
from probes.errors import MalformedTable
from probes.go.facts import BinaryFacts

CODEC = "goprobe.Codec"
_OURS = "goprobe.ValueCodec["
_MIGRATE = ").Migrate"
_READERS = "map[int]func(io.Reader) ("
"""The type of `ValueCodec.migrate`, up to what its functions give."""
MAX_STATES = 256


def registered(facts: BinaryFacts) -> tuple[RegisteredState, ...] | None:
    """The states that the program registers, none where it has no goprobe; None where its code does not tell."""
    if facts.functions is None:
        return None
    if REGISTER.encode() not in facts.functions.name_bytes:
        return ()
    try:
        program = Program(facts)
        tracing = Tracing(program)
        calls = _calls(program, tracing, lambda name: name.endswith(REGISTER))
        older = _migrations(program, tracing)
    except (NoCode, MalformedTable):
        return None
    if not calls or len(calls) > MAX_STATES:
        return None
    found = set()
    for call in calls:
        _, address, length, version = call.arguments[:4]
        name = program.text_at(address, length) if isinstance(address, int) and isinstance(length, int) else None
        if name is None or not isinstance(version, int) or not 0 < version < 1 << 31:
            return None
        found.add(RegisteredState(name, version, None if older is None else tuple(sorted({version, *older}))))
    return tuple(sorted(found, key=lambda each: (each.name, each.version)))


def _migrations(program: Program, tracing: Tracing) -> set[int] | None:
    """All versions that goprobe's codecs are told to read besides their own; None where that is not all, or one is computed."""
    types = Types(program)
    codecs = {
        types.table.strings[concrete]
        for row in range(len(types.table))
        if (name := types.table.full_names[row]).endswith(CODEC)
        for concrete in types.implementations(name).values()
    }
    if any(_OURS not in codec for codec in codecs):
        return None
    calls = _calls(program, tracing, lambda name: _OURS in name.replace("(*", "") and name.endswith(_MIGRATE))
    inlined = _inlined(program, tracing, types)
    if calls is None or inlined is None:
        return None
    # A method of a generic type gets the dictionary behind its receiver.
    versions = [*(call.arguments[2] for call in calls), *inlined]
    known = {each for each in versions if isinstance(each, int)}
    return known if all(isinstance(each, int) for each in versions) else None


def _inlined(program: Program, tracing: Tracing, types: Types) -> list[Value] | None:
    """The versions with which Migrate was called where it was inlined: keys that are put into a map of its type.

    None where a function that may do so cannot be followed.
    """
    maps = {int(types.table.address[row]) for row, name in enumerate(types.table.strings) if name.startswith(_READERS)}
    assign = program.entries("runtime.mapassign_fast64")
    found = []
    for row in program.takers(maps):
        if program.name(row).endswith(_MIGRATE):
            continue
        trace = tracing.of(row)
        if not trace.complete:
            return None
        found += [
            call.arguments[2] for call in trace.calls.values() if call.target in assign and call.arguments[0] in maps
        ]
    return found


def _calls(program: Program, tracing: Tracing, wanted: Callable[[str], bool]) -> list[Call] | None:
    """The calls of the functions whose names are `wanted`; None where one that calls them cannot be followed."""
    entries = {int(program.entry[row]) for row, name in enumerate(program.table.names) if wanted(name)}
    found = []
    for row in program.callers(entries):
        if int(program.entry[row]) in entries:
            continue
        trace = tracing.of(row)
        if not trace.complete:
            return None
        found += [call for call in trace.calls.values() if call.target in entries]
    return found
