"""Answers of two images compared: status, headers, JSON by pointer, text by lines, all else by digest."""

from __future__ import annotations

import difflib
import hashlib
import json
from typing import TYPE_CHECKING, Any

from gate.values import DIGITS, SECRET

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from gate.rehearsal.rounds.fetch import Fetched

Facets = dict[str, str]
"""Where in an answer -> what is there, in words that may be shown: `status`, `header:NAME`, `$.pointer`, `line:N`, `body`."""

TIMES = 5
"""How often OLD is asked: what differs among its own answers says nothing about NEW."""
MOST_FACETS = 20_000
MAX_LINES = 5_000
SHOWN = 160
VOLATILE = {"date", "connection", "keep-alive", "content-length", "transfer-encoding", "age"}
"""Headers that are about the message, or the time of day."""


def facets(answer: Fetched | None) -> Facets:
    """What an answer is made of; one that did not come has only a status."""
    if answer is None:
        return {"status": "no answer"}
    out: Facets = {"status": str(answer.status)}
    out |= {f"header:{name}": value[:SHOWN] for name, value in answer.headers.items() if name not in VOLATILE}
    kind = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind.endswith("json") and _add_json(out, answer.body):
        return out
    if (kind.startswith("text/") or kind.endswith(("json", "xml"))) and answer.body.count(b"\n") <= MAX_LINES:
        try:
            lines = answer.body.decode("utf-8").splitlines()
        except UnicodeDecodeError:
            pass
        else:
            return out | {f"line:{number}": line for number, line in enumerate(lines, 1)}
    digest = hashlib.sha256(answer.body).hexdigest()[:12]
    return out | {"body": f"{len(answer.body):,}{'+' if answer.cut else ''} bytes, sha256 {digest}"}


def _add_json(out: Facets, body: bytes) -> bool:
    try:
        value = json.loads(body)
        found: Facets = {}
        _flatten(value, "$", found, 0)
    except (ValueError, RecursionError, OverflowError):
        return False
    out |= found
    return True


def _flatten(value: Any, at: str, out: Facets, depth: int) -> None:
    """Every leaf under its pointer; containers say that they are there, so that an empty one is seen."""
    if len(out) >= MOST_FACETS or depth > 64:
        raise OverflowError
    if isinstance(value, dict):
        out[at] = "{}" if not value else "{…}"
        for key, each in value.items():
            _flatten(each, f"{at}.{key}", out, depth + 1)
    elif isinstance(value, list):
        out[at] = f"[{len(value)}]"
        for number, each in enumerate(value):
            _flatten(each, f"{at}[{number}]", out, depth + 1)
    else:
        out[at] = json.dumps(value)[:SHOWN]


def noise(samples: Iterable[Facets]) -> set[str]:
    """The places in which answers of one image differ from one another."""
    every = list(samples)
    names = {name for each in every for name in each}
    return {name for name in names if len({each.get(name) for each in every}) > 1}


def differences(old: Facets, new: Facets, noisy: set[str], ignore: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Place -> a short diff, of the places that differ, are not noisy and are not to be ignored.

    Lines of text are one place, `text`: a line that was put in moves all that follow it.
    """
    ignored = tuple(ignore)
    names = [name for name in dict.fromkeys([*old, *new]) if old.get(name) != new.get(name)]
    lines = [name for name in names if name.startswith("line:")]
    out = {}
    for name in names:
        if name in lines or name in noisy or is_ignored(name, ignored):
            continue
        if any(name.startswith((f"{each}.", f"{each}[")) for each in noisy):
            continue
        out[name] = _pair(old.get(name), new.get(name))
    if lines and (diff := _text(old, new, noisy, ignored)):
        out["text"] = diff
    return out


def is_ignored(name: str, ignore: Iterable[str]) -> bool:
    """Whether a rule covers the place: itself, what is below a pointer, and any index for `[*]`."""
    for rule in ignore:
        if rule.lower() == name.lower() and name.startswith("header:"):
            return True
        if rule.startswith("$") and _covers(rule, name):
            return True
    return False


def _covers(rule: str, name: str) -> bool:
    wanted, given = _parts(rule), _parts(name)
    return len(wanted) <= len(given) and all(want in (have, "[*]") for want, have in zip(wanted, given, strict=False))


def _parts(pointer: str) -> list[str]:
    return pointer.replace("[", ".[").split(".")


def _pair(old: str | None, new: str | None) -> tuple[str, ...]:
    return tuple(
        line
        for line in (None if old is None else f"-{old[:SHOWN]}", None if new is None else f"+{new[:SHOWN]}")
        if line
    )


def _text(old: Facets, new: Facets, noisy: set[str], ignore: Iterable[str]) -> tuple[str, ...]:
    """The lines that differ, as `diff` shows them, without noise: a noisy line is noisy with whatever is in it."""
    words = [rule.removeprefix("line:") for rule in ignore if rule.startswith("line:")]
    before, after = (
        [
            text[:SHOWN]
            for name, text in side.items()
            if name.startswith("line:") and name not in noisy and not any(word in text for word in words)
        ]
        for side in (old, new)
    )
    found = list(difflib.unified_diff(before, after, lineterm="", n=0))[2:]
    return tuple(line for line in found if not line.startswith("@@"))[:12]


def union(samples: Iterable[Facets]) -> Mapping[str, str]:
    """The last value of every place."""
    out: Facets = {}
    for each in samples:
        out |= each
    return out


def shown(where: str, diff: tuple[str, ...], *, values: bool) -> tuple[str, ...]:
    """`diff` as it may be shown: lines of a place whose name speaks of a secret, and all without `values`, by length and digest."""
    if values and SECRET.search(where) is None:
        return diff
    return tuple(
        f"{line[:1]}{len(line) - 1} characters, sha256 {hashlib.sha256(line[1:].encode()).hexdigest()[:DIGITS]}"
        for line in diff
    )
