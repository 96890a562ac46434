"""What makes two functions of two profiles the same one.

An identity is a name without what a rebuild changes about it: never an address, a file or a line, because a line that
moves must not make a new function.
"""

from __future__ import annotations

import re

from probes.drift.functions.numbered_names import family

UNKNOWN = "[unknown]"
PREEMPTED = "runtime.asyncPreempt"
"""A signal asked the goroutine to give way there (runtime/preempt.go): how busy the machine is, no work of the program's."""

_CGO = re.compile(r"_cgo_[0-9a-f]{12}_")
_ESCAPES = (("%2e", "."), ("%22", '"'), ("%25", "%"))


def identity(name: str) -> str:
    """`name` with type arguments, closure numbers and cgo's hashes left out.

    >>> identity("main.serve.func2.1"), identity("example.com/a.Map[go.shape.int,go.shape.string].func3")
    ('main.serve.func#.#', 'example.com/a.Map[...].func#')
    """
    if name.startswith("type:"):
        return name  # brackets of an array, not of arguments
    plain = _without_arguments(name) if "[" in name else name
    if "_cgo_" in plain:
        plain = _CGO.sub("_cgo_", plain)
    if "%" in plain:
        for escape, char in _ESCAPES:  # the linker escapes dots in the last element of a path
            plain = plain.replace(escape, char)
    return family(plain) or plain


def _without_arguments(name: str) -> str:
    """Type arguments as `[...]`, as Go's own profiles write them since 1.21; another bracket stays."""
    out, depth = [], 0
    for char in name:
        if char == "[":
            depth += 1
            if depth == 1:
                out.append("[...")
        if depth == 0 or (char == "]" and depth == 1):
            out.append(char)
        if char == "]" and depth:
            depth -= 1
    return name if depth or name.startswith("[") else "".join(out)
