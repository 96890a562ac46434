"""How a program renews itself: the functions of restart libraries that it calls, by its function names.

The linker keeps a function that is no method only where code that can be reached refers to it, and the names of inlined
ones are kept with the rest: a program that has a library's entry among its names calls it. A module that is required, a
package that is imported for its types, leaves no such name.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

ENTRIES: dict[str, tuple[str, ...]] = {
    "github.com/cloudflare/tableflip": ("New",),
    "github.com/facebookgo/grace": ("gracehttp.Serve", "gracehttp.ServeWithOptions", "gracenet.(*Net).StartProcess"),
    "github.com/fvbock/endless": ("ListenAndServe", "ListenAndServeTLS", "NewServer"),
    "github.com/jpillora/overseer": ("Run", "RunErr"),
    "github.com/rcrowley/goagain": ("ForkExec", "Wait"),
}
"""Module path -> what a service calls to be renewed; below a package of the module where there is a package's name before it."""

GOPROBE = "goprobe.(*Probe).Upgrade"
"""Executes NEW in place."""


def entries_called(names: bytes) -> tuple[str, ...]:
    """The entries of restart libraries among `names`, a `funcnametab`, each with its import path.

    `github.com/cloudflare/tableflip.New`. Vendored copies and major versions count.
    """
    return tuple(dict.fromkeys(_found(names)))


def library_of(entry: str) -> str:
    """The module path of the library that `entry`, of `entries_called`, belongs to."""
    return next(path for path in ENTRIES if _bare(entry).startswith(path))


def _found(names: bytes) -> Iterator[str]:
    for path, functions in ENTRIES.items():
        if path.encode() not in names:
            continue
        for function in functions:
            separator = "/" if "." in function.partition("(")[0] else "."
            pattern = rf"\0((?:[^\0]*/vendor/)?{re.escape(path)}(?:/v\d{{1,3}})?{separator}{re.escape(function)})\0"
            for match in re.finditer(pattern.encode(), names):
                yield match[1].decode("utf-8", "replace")


def _bare(entry: str) -> str:
    return entry.rpartition("/vendor/")[2]
