"""Whether a program changes os.Args, from which all of the libraries read the command line."""

from __future__ import annotations

from probes.code.tracing import Tracing
from probes.code.values import Sym

_SETUPS = ("os.init", *(f"os.init.{number}" for number in range(8)))
_FIRST = "os.runtime_args"


def changed(tracing: Tracing) -> list[str]:
    """Functions that change it, in words."""
    program = tracing.program
    address = _address(tracing)
    if not address:
        return []
    out = []
    words = {address, address + 8, address + 16}  # of a slice that is cut, only the length changes
    for row in sorted({row for word in words for row in program.writers(word)}):
        if program.package(row) in {"os", "runtime"}:
            continue
        if any(place in words for _, place, _ in tracing.of(row).stores):
            out.append(f"{program.name(row)} changes os.Args")
    return out


def _address(tracing: Tracing) -> int:
    """Where the variable os.Args is: what package os stores the command line in; 0 where not found."""
    program = tracing.program
    first = program.entries(_FIRST)
    for name in _SETUPS:
        if name not in program.rows:
            continue
        trace = tracing.of(program.rows[name])
        for (_, address, size), value in trace.stores.items():
            call = trace.calls.get(value.key >> 4) if isinstance(value, Sym) and value.kind == "result" else None
            if size == 8 and call is not None and call.target in first and not value.key & 15:  # type: ignore[union-attr]
                return address
    return 0
