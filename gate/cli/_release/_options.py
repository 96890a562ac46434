"""What the commands of `hotgate release` share: folders of keys, passphrases, roles."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from gate.cli import Failure
from gate.exits import EXIT_CODES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from gate.release.repository.keys import KeyRing
    from gate.release.repository.store import Repository
    from gate.release.roles import Role

F = TypeVar("F", bound="Callable[..., Any]")

EXIT_NOT_WHOLE = EXIT_CODES["block"]
KEYS = "hotgate-keys"
MAX_PASSPHRASE = 4096
ROLE_NAMES = ("root", "targets", "snapshot", "timestamp")
TRIES = 3

repository_argument = click.argument("repo", type=click.Path(path_type=Path))


def key_options(function: F) -> F:
    """Give a command `keys`, `passphrase_file` and `passphrase_env`."""
    options = (
        click.option(
            "--keys",
            type=click.Path(path_type=Path),
            multiple=True,
            metavar="FOLDER",
            help=f"Where key files are; repeatable, such as for offline keys (default: {KEYS}).",
        ),
        click.option(
            "--passphrase-file",
            metavar="FILE",
            multiple=True,
            help="The first line of FILE opens keys; repeatable. Without it, you are asked.",
        ),
        click.option(
            "--passphrase-env", metavar="NAME", multiple=True, help="So does the environment variable NAME; repeatable."
        ),
    )
    for option in reversed(options):
        function = option(function)
    return function


class Passphrases:
    """Passphrases from files and variables, then from the person at the terminal. None is ever shown."""

    def __init__(self, files: Sequence[str], variables: Sequence[str]) -> None:
        self._known = [*map(_from_file, files), *map(_from_variable, variables)]
        self._given = bool(self._known)
        self._asked: dict[str, int] = {}

    def known(self) -> Iterator[bytes]:
        """Those that were given, and those that were typed before."""
        yield from list(self._known)

    def ask(self, file: str) -> bytes | None:
        """The passphrase of a key file, from the terminal; None without one, or when it was wrong too often."""
        self._asked[file] = self._asked.get(file, 0) + 1
        if self._given or not sys.stdin.isatty() or self._asked[file] > TRIES:
            return None
        typed: str = click.prompt(f"Passphrase of {file}", hide_input=True, err=True)
        self._known.append(typed.encode())
        return self._known[-1]

    def new(self) -> bytes:
        """The passphrase for new keys: the first that was given, else typed twice.

        Raises:
            Failure: there is nobody to ask.
        """
        if self._known:
            return self._known[0]
        if not sys.stdin.isatty():
            raise Failure("no passphrase for the keys", hint="pass --passphrase-file FILE or --passphrase-env NAME")
        typed: str = click.prompt("Passphrase for the new keys", hide_input=True, confirmation_prompt=True, err=True)
        self._known.append(typed.encode())
        return self._known[-1]


def _from_file(path: str) -> bytes:
    hint = "its first line is the passphrase"
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - a path such as /dev/fd/3
            line = file.readline(MAX_PASSPHRASE + 1).rstrip(b"\r\n")
    except OSError as exc:
        raise Failure(f"cannot read the passphrase file ({exc.strerror}): {path}", hint=hint) from exc
    if not line or len(line) > MAX_PASSPHRASE:
        raise Failure(f"no passphrase in the file: {path}", hint=hint)
    return line


def _from_variable(name: str) -> bytes:
    found = os.environ.get(name, "")
    if not found:
        # The name is shown only where it is one: who passed the passphrase itself must not find it in a log.
        shown = name if re.fullmatch(r"[A-Z_][A-Z0-9_]{0,63}", name) else "that was named"
        raise Failure(f"the environment variable {shown} is not set", hint="--passphrase-env takes a variable's name")
    return found.encode("utf-8", "surrogateescape")


def key_ring(folders: Sequence[Path], passphrases: Passphrases) -> KeyRing:
    """The keys in `folders`, or in the usual folder."""
    from gate.release.repository.keys import KeyRing

    return KeyRing(folders or (Path(KEYS),), passphrases)


def role_of(name: str) -> Role:
    """The role of that name, which click has checked."""
    from gate.release.roles import ROLES

    return ROLES[ROLE_NAMES.index(name)]


def warn(repository: Repository) -> None:
    """Say on stderr what ends soon."""
    from gate.release.repository.renewing import warnings

    for line in warnings(repository):
        click.echo(f"warning: {line}", err=True)


def size(number: int) -> str:
    """Bytes for people."""
    if number < 1000:
        return f"{number} B"
    return f"{number / 1e3:.0f} kB" if number < 10**6 else f"{number / 1e6:.1f} MB"
