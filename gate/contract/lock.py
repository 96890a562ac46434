"""`hotgate.lock`: the layouts of a contract's types as one binary had them, to be reviewed and checked without it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import MsgspecError, Struct, to_builtins
from msgspec.json import decode

from gate.evidence.types import like
from gate.policy.contract import Contract
from gate.policy.errors import PolicyError
from probes.errors import MalformedTable, ProbeError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gate.contract.lock_shape import LockShape
    from probes.go.facts import BinaryFacts
    from probes.go.types.saved import SavedType
    from probes.go.types.table import TypeTable
    from probes.go.variables.saved import SavedVariable

SCHEMA_VERSION = "1"
MAX_BYTES = 16 << 20
HINT = "write one with `hotgate contract lock BINARY`"
ABOUT = "Written by `hotgate contract lock`. A change of this file is a change of what OLD and NEW have promised each other."

_KEPT = {"size", "align", "pointers", "named"}
_RARE = {"length", "direction"}


class UnreadableLock(ProbeError):
    """A file that is not what `hotgate contract lock` writes."""


class Lock(Struct, frozen=True):
    """A lock that was read. `sha256` and `size` are those of the file; `types` and `variables` by full name."""

    source: str
    sha256: str
    size: int
    arch: str
    os: str
    contract: Contract
    types: Mapping[str, SavedType]
    variables: Mapping[str, SavedVariable]


def dump_lock(facts: BinaryFacts, contract: Contract) -> str:
    """The lock of `contract` as `facts`' binary has it.

    Raises:
        PolicyError: the contract names nothing, or what the binary does not have.
        MalformedTable: the types cannot be read.
    """
    from probes.go.types.saved import closure

    if not contract.types and not contract.globals:
        raise PolicyError("the contract names no type", hint="propose one with `hotgate contract init BINARY`")
    saved = _saved_types(facts, contract)
    state = {
        name: {"codec": codec, "fingerprint": _fingerprint(closure(saved, name))}
        for name, codec in sorted(contract.state.items())
    }
    interfaces = {name: {"fingerprint": _fingerprint(closure(saved, name))} for name in sorted(contract.interfaces)}
    parts = [
        ("about", json.dumps(ABOUT)),
        ("schema_version", json.dumps(SCHEMA_VERSION)),
        ("goos", json.dumps(facts.os)),
        ("goarch", json.dumps(facts.arch)),
        ("state", _object({name: json.dumps(each) for name, each in state.items()}, 1)),
        ("interfaces", _object({name: json.dumps(each) for name, each in interfaces.items()}, 1)),
        ("types", _object({name: _written(saved[name]) for name in sorted(saved)}, 1)),
    ]
    if contract.globals:
        variables = {name: json.dumps(_filled(each)) for name, each in _saved_variables(facts, contract).items()}
        parts.insert(-1, ("globals", _object(variables, 1)))
    return _object(dict(parts), 0) + "\n"


def _saved_types(facts: BinaryFacts, contract: Contract) -> dict[str, SavedType]:
    from probes.drift.types.changes import ENCODERS
    from probes.go.types.saved import save

    if not contract.types:
        return {}
    if facts.types is None:
        raise MalformedTable("its types cannot be read", subject=facts.path)
    table = facts.types.read()
    for name in contract.types:
        _must_have(table, name)
    return dict(save(table, sorted(contract.types), ENCODERS))


def _saved_variables(facts: BinaryFacts, contract: Contract) -> dict[str, SavedVariable]:
    """The contract's variables. One that cannot be written down cannot be promised."""
    from probes.go.variables.saved import save_variables

    try:
        found = save_variables(facts, contract.globals)
    except MalformedTable as exc:
        raise PolicyError(
            f"the variables of the contract cannot be locked: {exc}", hint="lock an unstripped build of the same source"
        ) from exc
    for name in contract.globals:
        if name not in found.variables:
            raise PolicyError(
                f"the binary has no package variable {name}: {facts.path}",
                hint="names are full: example.com/shop/orders.Store",
            )
    if found.damaged:
        raise MalformedTable(f"the types of its variables cannot be read: {found.problem}", subject=facts.path)
    return found.variables


def _filled(saved: SavedVariable) -> dict[str, Any]:
    return {key: value for key, value in to_builtins(saved).items() if value != ""}


def _object(members: Mapping[str, str], depth: int) -> str:
    """A JSON object with a member a line; the values are JSON already."""
    if not members:
        return "{}"
    indent = " " * (depth + 1)
    lines = ",\n".join(f"{indent}{json.dumps(name)}: {text}" for name, text in members.items())
    return f"{{\n{lines}\n{' ' * depth}}}"


def _written(saved: SavedType) -> str:
    """One type: its properties on a line each, and so its fields and methods."""
    members = {}
    for key, value in _plain(saved).items():
        if key in {"fields", "methods"}:
            inside = ",\n".join(f"    {json.dumps(each)}" for each in value)
            members[key] = f"[\n{inside}\n   ]"
        else:
            members[key] = json.dumps(value)
    return _object(members, 2)


def _must_have(table: TypeTable, name: str) -> None:
    if table.find(name) < 0:
        similar = like(name, list(table.rows_by_name))
        hint = f"did you mean {' or '.join(similar)}?" if similar else "names are full: example.com/shop/orders.Order"
        raise PolicyError(f"the binary has no type {name}: {table.path}", hint=hint)


def _plain(saved: SavedType) -> dict[str, Any]:
    """The description without what is empty."""
    shape = {key: value for key, value in to_builtins(saved).items() if value not in ("", (), False) or key in _KEPT}
    for part in ("fields", "methods"):
        if part in shape:
            shape[part] = [
                {k: v for k, v in each.items() if v not in ("", False) or k == "offset"} for each in shape[part]
            ]
    return {key: value for key, value in shape.items() if key not in _RARE or value}


def _fingerprint(saved: Mapping[str, SavedType]) -> str:
    """A digest of a type and of everything that it leads to."""
    text = json.dumps({name: _plain(each) for name, each in sorted(saved.items())}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _check_whole(shape: LockShape, path: str) -> None:
    """Raise UnreadableLock when a type is missing, or is not the one whose fingerprint was reviewed."""
    from probes.go.types.saved import closure

    promised = {name: each.fingerprint for name, each in shape.state.items()}
    promised |= {name: each.fingerprint for name, each in shape.interfaces.items()}
    if not promised and not shape.globals:
        raise UnreadableLock("the lock names no type", subject=path, hint=HINT)
    for name, fingerprint in promised.items():
        if name not in shape.types:
            raise UnreadableLock(f"the lock does not describe {name}", subject=path, hint=HINT)
        if _fingerprint(closure(shape.types, name)) != fingerprint:
            raise UnreadableLock(f"the description of {name} is not the one that was locked", subject=path, hint=HINT)


def check_fits(lock: Lock, contract: Contract) -> None:
    """Raise PolicyError when `contract`, if it names anything, is not the one that was locked."""
    if not contract.types and not contract.globals:
        return
    ours, theirs = (
        set(c.state.items()) | {(name, "") for name in (*c.interfaces, *c.globals)} for c in (contract, lock.contract)
    )
    if ours != theirs:
        name = min(ours ^ theirs)[0]
        raise PolicyError(
            f"{lock.source} was not written for this contract: {name} differs",
            hint="write it again with `hotgate contract lock BINARY`, and review what changed",
        )


def load_lock(path: str) -> Lock:
    """Read a lock.

    Raises:
        UnreadableLock: the file cannot be read, or is not what `dump_lock` writes.
    """
    try:
        with Path(path).open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except OSError as exc:
        raise UnreadableLock(f"cannot read the lock ({exc.strerror})", subject=path, hint=HINT) from exc
    if len(raw) > MAX_BYTES:
        raise UnreadableLock("the lock is larger than 16 MiB", subject=path, hint=HINT)
    from gate.contract.lock_shape import LockShape
    from probes.go.variables.saved import SavedVariable

    try:
        shape = decode(raw, type=LockShape)
    except (MsgspecError, ValueError, RecursionError) as exc:
        raise UnreadableLock(f"not a lock ({str(exc)[:180]})", subject=path, hint=HINT) from exc
    _check_whole(shape, path)
    return Lock(
        source=path,
        sha256=hashlib.sha256(raw).hexdigest(),
        size=len(raw),
        arch=shape.goarch,
        os=shape.goos,
        contract=Contract(
            state={name: each.codec for name, each in shape.state.items()},
            interfaces=tuple(shape.interfaces),
            globals=tuple(shape.globals),
        ),
        types=shape.types,
        variables={name: SavedVariable(each.size, each.type, each.fingerprint) for name, each in shape.globals.items()},
    )
