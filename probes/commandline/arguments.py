"""Which of a library's flags a command line has, by the rules of that library. Values are stepped over, and never given back."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from probes.commandline.facts import Definitions, Used

MAX_USED = 4096


class Found(Struct, frozen=True):
    """Flags of a command line: those that are defined, and how many words only look like flags."""

    used: tuple[Used, ...]
    unknown: int


def find(words: Sequence[str], definitions: Definitions) -> Found:
    """The flags among `words`, those behind the program's name."""
    plain = definitions.library in {"flag", "urfave/cli"}
    used: dict[str, Used] = {}
    unknown = 0
    at = 0
    while at < len(words) and len(used) < MAX_USED:
        word = words[at]
        at += 1
        if word == "--":
            break
        if len(word) < 2 or word[0] != "-":
            if definitions.nested:
                continue
            break
        if plain:
            found, step = _plain(word, definitions)
        elif word.startswith("--"):
            found, step = _long(word, definitions)
        else:
            found, step = _group(word, definitions)
        unknown += not found
        at += step
        used |= {each.written: each for each in found}
    return Found(tuple(used.values()), unknown)


def _plain(word: str, definitions: Definitions) -> tuple[list[Used], int]:
    """`-name`, `--name`, `-name=value`, `-name value`; of urfave/cli also a group of letters."""
    name, equals, _ = word.removeprefix("-").removeprefix("-").partition("=")
    if name in definitions.long:
        dashes = "-" if definitions.library == "flag" or len(name) == 1 else "--"
        found = Used(f"{dashes}{name}", name, short=False, library=definitions.library)
        return [found], int(definitions.long[name] is True and not equals)
    letters = definitions.short
    if not word.startswith("--") and len(name) > 1 and not equals and all(each in letters for each in name):
        return [Used(f"-{each}", each, short=False, library=definitions.library) for each in name], 0
    return [], 0


def _long(word: str, definitions: Definitions) -> tuple[list[Used], int]:
    """`--name`, `--name=value`, `--name value`."""
    name, equals, _ = word[2:].partition("=")
    if name not in definitions.long:
        return [], 0
    return [Used(f"--{name}", name, short=False, library=definitions.library)], int(
        definitions.long[name] is True and not equals
    )


def _group(word: str, definitions: Definitions) -> tuple[list[Used], int]:
    """`-a`, `-abc`, `-ovalue`, `-o=value`, `-o value`: the first flag with a value ends the group."""
    letters: dict[str, None] = {}
    step = 0
    for place, letter in enumerate(word[1:], 1):
        if letter not in definitions.short:
            break
        letters[letter] = None
        if definitions.short[letter] is True:
            step = int(place + 1 == len(word))
            break
        if word[place + 1 : place + 2] == "=":
            break
    return [Used(f"-{each}", each, short=True, library=definitions.library) for each in letters], step
