"""The package initialisers, in the order in which the runtime calls them (runtime.doInit1)."""

from __future__ import annotations

from probes.elf.symbols import SymbolTable
from probes.errors import MalformedTable
from probes.go.table.functions import FuncTable

MAX_EDGES = 1 << 20
"""Dependencies between packages. The largest program seen (Kubernetes) has some 30,000."""


def read_initialisers(table: FuncTable, symtab: SymbolTable | None) -> tuple[str, ...] | None:
    """Names of the initialisation functions in calling order.

    Since Go 1.21 the linker writes the order into the module data; before, it follows from the tasks'
    dependencies, which start at symbols that a stripped file no longer has.

    Returns:
        the names, or None when the order cannot be known.

    Raises:
        MalformedTable: a task lies outside of the image.
    """
    tasks = table.module.inittasks
    if tasks is None:
        return _by_dependencies(table, symtab) if symtab is not None else None
    out: list[str] = []
    if not tasks.len:
        return ()
    for task in table.image.u64s(tasks.ptr, tasks.len).tolist():
        out += _functions(table, task + 8, table.image.u32(task + 4), before=len(out))
    return tuple(out)


def _functions(table: FuncTable, address: int, count: int, *, before: int) -> list[str]:
    if before + count > len(table):
        raise MalformedTable("there are more initialisers than functions", subject=table.path)
    out = []
    for pc in table.image.u64s(address, count).tolist():
        index = table.find(pc)
        out.append(table.names[index] if index >= 0 else f"?{pc:#x}")
    return out


def _by_dependencies(table: FuncTable, symtab: SymbolTable) -> tuple[str, ...] | None:
    """Go 1.16 to 1.20: {state, ndeps, nfns uintptr; deps [ndeps]*initTask; fns [nfns]pc}, depth first."""
    roots = symtab.find("runtime..inittask", "main..inittask")
    if "main..inittask" not in roots:
        return None
    out: list[str] = []
    done: set[int] = set()
    for name in ("runtime..inittask", "main..inittask"):
        if name in roots:
            _visit(table, int(symtab.value[roots[name]]), done, out)
    return tuple(out)


def _visit(table: FuncTable, root: int, done: set[int], out: list[str]) -> None:
    stack: list[tuple[int, bool]] = [(root, False)]
    edges = 0
    while stack:
        task, finished = stack.pop()
        _, deps, functions = table.image.u64s(task, 3).tolist()
        if finished:
            out += _functions(table, task + 24 + 8 * deps, functions, before=len(out))
            continue
        if task in done:
            continue
        done.add(task)
        edges += deps
        if edges > MAX_EDGES:
            raise MalformedTable("there are more dependencies between packages than can be", subject=table.path)
        stack.append((task, True))
        stack += [(dep, False) for dep in reversed(table.image.u64s(task + 24, deps).tolist()) if dep not in done]
