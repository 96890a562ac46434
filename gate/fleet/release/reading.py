"""Reads `release.yaml`. Every error is one line with file and line, and nothing of a plan with an error is used."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from gate.fleet.errors import FleetError
from gate.fleet.release import tables
from gate.fleet.release.model import Component, Kubernetes, Pair, Release
from gate.fleet.yaml.reading import parse, read_text
from gate.fleet.yaml.tree import Mapping, Node, line_of, to_python
from gate.policy.errors import nearest
from gate.policy.lines import written

if TYPE_CHECKING:
    from pydantic import BaseModel
    from pydantic_core import ErrorDetails

MAX_BYTES = 4 << 20
_TELLING = {"extra_forbidden": 0, "hotgate": 1}
"""Which of several errors says most: a misspelt key also leaves the right one missing."""


def load_release(path: str) -> Release:
    """The plan in the file at `path`.

    Raises:
        FleetError: it cannot be read, or a key, a name or a number in it means nothing.
    """
    tree = parse(path, read_text(path, "the plan", MAX_BYTES), strict=True)
    if not isinstance(tree, Mapping):
        raise FleetError(f"{path}:{tree.line}: a plan has keys, such as components:")
    try:
        own = tables.Release.model_validate(to_python(tree))
    except ValidationError as exc:
        raise _problem(path, tree, exc) from exc
    _check_batches(path, tree, own.batches)
    _check_twice(path, tree, own)
    beside = Path(path).parent
    raw: Any = own
    return Release(
        source=path,
        name=own.name,
        components=tuple(_component(beside, tree, own, index) for index in range(len(own.components))),
        strategy=own.strategy,
        batches=tuple(own.batches),
        observe=raw.observe,
        rollback_policy=own.rollback_policy,
        forks=own.forks,
        contacts=tuple(own.contacts),
    )


def _component(beside: Path, tree: Node, release: tables.Release, index: int) -> Component:
    own = release.components[index]
    raw: Any = own
    kubernetes = Kubernetes(
        own.kubernetes.namespace,
        own.kubernetes.rollout or own.name,
        own.kubernetes.container or own.name,
        own.kubernetes.image or own.name,
    )
    return Component(
        name=own.name,
        version=own.version,
        line=line_of(tree, ("components", index, "name")),
        hosts=own.hosts or release.hosts or own.name,
        depends_on=tuple(own.depends_on),
        provides=tuple(own.provides),
        calls=tuple(own.calls),
        produces=tuple(own.produces),
        consumes=tuple(own.consumes),
        phase=own.schema_.phase if own.schema_ else None,
        schema_of=own.schema_.of if own.schema_ else "",
        protobuf=_pair(beside, own.interfaces.protobuf),
        openapi=_pair(beside, own.interfaces.openapi),
        migrations=tuple(str(beside / each) for each in own.interfaces.migrations),
        kubernetes=kubernetes,
        takes=raw.takes,
        owner=own.owner,
    )


def _pair(beside: Path, own: tables.Pair | None) -> Pair | None:
    return None if own is None else Pair(str(beside / own.old), str(beside / own.new))


def _check_batches(path: str, tree: Node, batches: list[str]) -> None:
    for index, each in enumerate(batches):
        if each == "100%" and index < len(batches) - 1:
            where = line_of(tree, ("batches", index + 1))
            raise FleetError(
                f"{path}:{where}: no hosts are left after the batch of 100%", hint="make 100% the last one"
            )
    if batches[-1] != "100%":
        where = line_of(tree, ("batches", len(batches) - 1))
        raise FleetError(
            f"{path}:{where}: the batches never reach all hosts: the last one is {batches[-1]}",
            hint="end them with 100%, which is all that are left",
        )


def _check_twice(path: str, tree: Node, own: tables.Release) -> None:
    """Components, and what each lists, are there once; what a component depends on is there at all."""
    known: dict[str, int] = {}
    for index, each in enumerate(own.components):
        if each.name in known:
            first = own.components[known[each.name]]
            lines = [line_of(tree, ("components", number, "name")) for number in (known[each.name], index)]
            said = f"as {first.version} (line {lines[0]}) and as {each.version}"
            if first.version == each.version:
                said = f"first in line {lines[0]}"
            raise FleetError(f"{path}:{lines[1]}: the component {each.name} is here twice, {said}")
        known[each.name] = index
    for index, each in enumerate(own.components):
        for key in ("depends_on", "provides", "calls", "produces", "consumes"):
            listed: list[str] = getattr(each, key)
            if len(set(listed)) < len(listed):
                number = next(i for i, name in enumerate(listed) if name in listed[:i])
                where = line_of(tree, ("components", index, key, number))
                raise FleetError(f"{path}:{where}: {each.name} lists {listed[number]} twice in {key}")
        named: list[tuple[tuple[str | int, ...], str]]
        named = [(("depends_on", number), name) for number, name in enumerate(each.depends_on)]
        if each.schema_ is not None:
            named.append((("schema", "of"), each.schema_.of))
        for key_path, name in named:
            if name not in known:
                where = line_of(tree, ("components", index, *key_path))
                hint = f"{nearest(name, known)}components are {', '.join(list(known)[:20])}"
                verb = "depends on" if key_path[0] == "depends_on" else "names the schema of"
                raise FleetError(
                    f"{path}:{where}: {each.name} {verb} {name}, which is no component of the plan", hint=hint
                )


def _problem(path: str, tree: Node, exc: ValidationError) -> FleetError:
    first = min(exc.errors(include_url=False), key=lambda error: _TELLING.get(error["type"], len(_TELLING)))
    loc = _in_tree(tree, first["loc"])
    where = f"{path}:{line_of(tree, loc)}"
    key = written(loc)
    if first["type"] == "extra_forbidden":
        parents = [part for part in loc[:-1] if isinstance(part, str)]
        model: type[BaseModel] = tables.SHAPES[parents[-1]] if parents else tables.Release
        valid = [field.alias or name for name, field in model.model_fields.items()]
        hint = f"{nearest(str(loc[-1]), valid)}valid keys are {', '.join(valid)}"
        return FleetError(f"{where}: unknown key {key[:200]}", hint=hint)
    if first["type"] == "missing":
        return FleetError(f"{where}: {key} is missing")
    if first["type"] == "too_short":
        return FleetError(f"{where}: {key} is empty", hint="leave the key out, or give it at least one item")
    if first["type"] == "hotgate":
        context = first.get("ctx", {})
        return FleetError(f"{where}: {key}: {context.get('said')}", hint=str(context.get("hint", "")))
    return FleetError(f"{where}: {key}: {_words(first)}"[:500])


def _words(error: ErrorDetails) -> str:
    message = error["msg"][:1].lower() + error["msg"][1:]
    given = error["input"]
    if given is None:
        return f"{message}, and nothing is here"
    if isinstance(given, list | dict):
        return f"{message}, not {'a list' if isinstance(given, list) else 'a mapping'}"
    return f"{message}, not {given!r}"[:400]


def _in_tree(tree: Node, loc: tuple[int | str, ...]) -> tuple[int | str, ...]:
    """`loc` without the names of alternatives, which pydantic puts in the place of a value that may be of several kinds."""
    kept: list[int | str] = []
    node = tree.entries if isinstance(tree, Mapping) else {}
    here: Any = to_python(tree) if node else {}
    for index, part in enumerate(loc):
        last = index == len(loc) - 1
        inside = (isinstance(here, dict) and part in here) or (isinstance(here, list) and isinstance(part, int))
        if inside:
            here = here[part]
            kept.append(part)
        elif last and isinstance(here, dict) and isinstance(part, str):
            kept.append(part)  # a key that is missing
    return tuple(kept)
