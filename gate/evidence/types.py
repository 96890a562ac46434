"""What became of types, as the rules ask for it: all layouts that changed, and all that the contract's types reach."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct, field

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from gate.policy.contract import Contract
    from probes.drift.types.facts import LayoutChange, LayoutDrift, TypeChange
    from probes.go.types.table import TypeTable

MAX_CANDIDATES = 3


class TypeEvidence(Struct, frozen=True):
    """Named types of both sides.

    `changed`: those that are on both sides and differ by themselves or in what they hold by value. `reached`: for every
    type of the contract that is on both sides, all changes that it leads to, through references too. `fresh`: those of
    the contract that only NEW has. `lost`: those that NEW does not have, each with names in NEW that are like it.
    `open`: for types of the contract, interfaces that they lead to: whatever values hold was not compared.
    `runtime`: those that lead to maps or channels, whose memory is laid out by the runtime.
    `problems`: what could not be read; then nothing is certain about what is not listed.
    """

    compared: int
    changed: tuple[TypeChange, ...] = ()
    reached: Mapping[str, tuple[LayoutChange, ...]] = field(default_factory=dict)
    fresh: tuple[str, ...] = ()
    open: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    lost: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    runtime: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()


def type_evidence(drift: LayoutDrift, contract: Contract) -> TypeEvidence:
    """The evidence for `contract`.

    Raises:
        MalformedTable: the types nest into one another more than those of any program.
    """
    from probes.drift.types.compare import reached

    found: dict[str, tuple[LayoutChange, ...]] = {}
    fresh: list[str] = []
    lost: dict[str, tuple[str, ...]] = {}
    interfaces: dict[str, tuple[str, ...]] = {}
    runtime: list[str] = []
    if contract.state or contract.types:  # else the pairing, which another process may have made, is not needed
        new = drift.pairing.get().new
    for name in contract.state:
        if new.find(name) >= 0:
            kinds = _reached_kinds(new, name)
            if kinds["interface"]:
                interfaces[name] = tuple(kinds["interface"])
            if kinds["map"] or kinds["chan"]:
                runtime.append(name)
    for name in contract.types:
        changes = reached(drift, name)
        if changes is not None:
            found[name] = changes
        elif new.find(name) >= 0:
            fresh.append(name)
        else:
            lost[name] = like(name, list(new.rows_by_name))
    return TypeEvidence(
        drift.compared,
        drift.changed,
        found,
        fresh=tuple(fresh),
        open=interfaces,
        lost=lost,
        runtime=tuple(runtime),
        problems=drift.problems,
    )


def _reached_kinds(table: TypeTable, name: str) -> dict[str, list[str]]:
    """Names of the interfaces, maps and channels that the type `name` leads to, through other things than methods."""
    from probes.go.types.saved import save

    out: dict[str, list[str]] = {"interface": [], "map": [], "chan": []}
    for full, each in save(table, [name], frozenset(), methods=False).items():
        if each.kind in out:
            out[each.kind].append(full)
    return out


def like(name: str, names: list[str]) -> tuple[str, ...]:
    """Types with the same last element, else close spellings in the same package."""
    short = "." + name.rpartition(".")[2]
    same = [each for each in names if each.endswith(short) and not each.startswith(("*", "[", "map[", "func("))]
    if not same:
        from difflib import get_close_matches

        package = name.rpartition(".")[0] + "."
        same = get_close_matches(name, [each for each in names if each.startswith(package)], n=MAX_CANDIDATES)
    return tuple(same[:MAX_CANDIDATES])


def causes_first(changes: Iterable[LayoutChange]) -> list[LayoutChange]:
    """The changes, those in front that others follow from."""
    return sorted(changes, key=lambda change: change.of in _CONSEQUENCES)


def said(changes: Iterable[LayoutChange]) -> list[str]:
    """A line for each change, causes first: `Order.Unit: offset 16 → 24`."""
    return [f"{each.path}: {each.detail.removeprefix(f'{each.name}: ')}" for each in causes_first(changes)]


_CONSEQUENCES = {"moved", "size", "align", "pointers"}
