"""A service's command line, as a policy or `--argv` gives it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_LETTERS = 2 << 20
"""Of a command line; Linux allows no more in most configurations (ARG_MAX)."""
MAX_WORDS = 65_536


def split_argv(given: str | Sequence[str]) -> tuple[str, ...]:
    """The words of a command line, the program's name first; empty where none is given.

    Raises:
        ValueError: it is too long, has no program, or a quotation in it does not end. The message holds nothing of it: values
            may be secrets.
    """
    letters = len(given) if isinstance(given, str) else sum(map(len, given))
    if letters > MAX_LETTERS:
        raise ValueError(f"a command line of more than {MAX_LETTERS:,} letters")
    if isinstance(given, str):
        import shlex  # most policies have none

        try:
            words = shlex.split(given)
        except ValueError as exc:
            raise ValueError(f"not a command line: {str(exc).lower()}") from None
        if given and not words:
            raise ValueError("a command line without a word: write it like 'orders -listen :8080'")
    else:
        words = list(given)
    if len(words) > MAX_WORDS:
        raise ValueError(f"a command line of more than {MAX_WORDS:,} words")
    if words and words[0].startswith("-"):
        raise ValueError("a command line begins with the program's name: write it like 'orders -listen :8080'")
    return tuple(words)
