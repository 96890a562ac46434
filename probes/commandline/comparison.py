"""A running command line held against OLD and NEW."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from probes.code.program import Program
from probes.code.tracing import Tracing
from probes.code.types import Types
from probes.commandline import cobra, go_flags, kong, os_args, standard, urfave
from probes.commandline.arguments import find
from probes.commandline.facts import ALL, ArgumentFacts, Definitions, Gone, Used
from probes.errors import ProbeError
from probes.go.facts import BinaryFacts

READERS = (standard, cobra, urfave, kong, go_flags)
MAX_FRESH = 8
MAX_SAID = 3
"""Reasons that are given for one flag."""


def read_definitions(facts: BinaryFacts) -> tuple[Definitions, ...]:
    """The flags that a program defines, by the libraries that read its command line; empty where none of those known does.

    Raises:
        ProbeError: its functions or its types cannot be read.
    """
    program = Program(facts)
    tracing, types = Tracing(program), Types(program)
    found = [each for reader in READERS if (each := reader.read(tracing, types)) is not None]
    changed = tuple(os_args.changed(tracing)) if found else ()
    return tuple(replace(each, lenient=(*each.lenient, *changed)) for each in found)


def compare(old: BinaryFacts, new: BinaryFacts, argv: Sequence[str], source: str) -> ArgumentFacts:
    """What becomes of the flags of `argv`, the program's name first, which is from `source`."""
    words = argv[1:]
    if not any(word.startswith("-") and len(word) > 1 for word in words):
        return ArgumentFacts(source, len(words))
    try:
        before = read_definitions(old)
        used, unknown = _used(words, before)
        after = read_definitions(new) if used else ()
    except ProbeError as exc:
        return ArgumentFacts(source, len(words), problem=exc.what)
    gone = []
    for flag in used:
        if any(each.has(flag.name, short=flag.short) for each in after if each.library == flag.library):
            doubts = _moved(flag, words, before, after)
            if not doubts:
                continue
        else:
            doubts = _doubts(flag, before, after)
        gone.append(Gone(flag.written, flag.library, doubts[:MAX_SAID]))
    return ArgumentFacts(
        source,
        len(words),
        tuple(each.written for each in used),
        unknown,
        tuple(each.library for each in before),
        tuple(each.library for each in after),
        gone=tuple(gone),
        fresh=_fresh(before, after) if gone else (),
        gaps=tuple(gap for each in before for gap in each.gaps)[:MAX_SAID],
    )


def _moved(
    flag: Used, words: Sequence[str], before: tuple[Definitions, ...], after: tuple[Definitions, ...]
) -> tuple[str, ...]:
    """Why NEW may not take a flag that it defines: for another subcommand than the one that the command line names."""
    old, new = (
        next((each.owners.get(flag.written) for each in side if each.library == flag.library), None)
        for side in (before, after)
    )
    if not old or not new or ALL in new:
        return ()
    named = old & set(words)
    if not named or new & named:
        return ()
    return (
        f"NEW defines it for {' and '.join(sorted(new))}, and the command line is for {' and '.join(sorted(named))}",
    )


def _used(words: Sequence[str], before: tuple[Definitions, ...]) -> tuple[list[Used], int]:
    """Flags that OLD defines, and how many words only look like flags, by the library that knows most of them."""
    used: list[Used] = []
    unknown = sum(word.startswith("-") and len(word) > 1 for word in words)
    for each in before:
        found = find(words, each)
        used += found.used
        unknown = min(unknown, found.unknown)
    return used, unknown


def _fresh(before: tuple[Definitions, ...], after: tuple[Definitions, ...]) -> tuple[str, ...]:
    """Flags that only NEW defines, as they are written: one of them may be the new name."""
    known = {name for each in before for name in each.long}
    out = []
    for each in after:
        dashes = "-" if each.library == "flag" else "--"
        out += [f"{dashes}{name}" for name in sorted(each.long) if name not in known and len(name) > 1]
    return tuple(out[:MAX_FRESH])


def _doubts(flag: Used, before: tuple[Definitions, ...], after: tuple[Definitions, ...]) -> tuple[str, ...]:
    """Why NEW may take a flag that it was not seen to define."""
    library = flag.library
    if not after:
        return ("how NEW reads its command line is not known: by no library that hotgate knows",)
    same = next((each for each in after if each.library == library), None)
    if same is None:
        return (f"NEW reads its command line by {' and '.join(each.library for each in after)}, OLD by {library}",)
    out = [f"NEW defines it by {each.library}" for each in after if flag.name in each.long or flag.name in each.short]
    out += [f"NEW may define it: {gap} could not be read" for each in after for gap in each.gaps]
    out += [each for definitions in after for each in definitions.lenient]
    others = {each.library for each in after} - {each.library for each in before}
    if others:
        out.append(f"NEW reads flags by {' and '.join(sorted(others))} as well")
    return tuple(out)
