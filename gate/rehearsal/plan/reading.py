"""The plan in a policy file."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from gate.policy.errors import PolicyError, nearest
from gate.policy.lines import place, written
from gate.rehearsal.plan import tables
from gate.rehearsal.plan.model import DRILLS, ComparePlan, LimitsPlan, LoadPlan, Plan, StatePlan

if TYPE_CHECKING:
    from pydantic import BaseModel


_TELLING = {"extra_forbidden": 0, "hotgate": 1}
"""Which of several errors says most: of a value that may be of several kinds, each kind has one."""


def load_plan(path: str) -> Plan | None:
    """The `[rehearsal]` table of the file at `path`, which `gate.policy.file.load_policy` has accepted; None without one.

    Files that it names are looked for beside it.

    Raises:
        PolicyError: a key or a value means nothing; the message names file, line and key.
    """
    text = Path(path).read_bytes().decode("utf-8").replace("\r\n", "\n")
    table: dict[str, Any] = tomllib.loads(text)
    if Path(path).name == "pyproject.toml":
        table = table.get("tool", {}).get("hotgate", {})
    try:
        found = tables.File.model_validate(table).rehearsal
    except ValidationError as exc:
        raise _problem(path, text, exc) from exc
    return None if found is None else _plan(path, text, found)


def _plan(path: str, text: str, own: tables.Rehearsal) -> Plan:
    beside = Path(path).resolve().parent
    load: Any = own.load
    given = load.requests
    if isinstance(given, str) and given:
        given = str(_file(path, text, ("rehearsal", "load", "requests"), beside / given))
    files = {
        name: str(_file(path, text, ("rehearsal", "files", name), beside / each)) for name, each in own.files.items()
    }
    if load.keep and not load.keep_at:
        where = place(path, text, ("rehearsal", "load", "keep"))
        raise PolicyError(
            f"{where}: rehearsal.load.keep needs keep_at", hint="a path for websocket and events, an address for lines"
        )
    if load.keep and load.keep_as != "lines" and not load.keep_at.startswith("/"):
        where = place(path, text, ("rehearsal", "load", "keep_at"))
        raise PolicyError(f"{where}: rehearsal.load.keep_at is a path for {load.keep_as}, not {load.keep_at[:60]!r}")
    if load.new + load.slow > 100:
        raise PolicyError(
            f"{place(path, text, ('rehearsal', 'load', 'slow'))}: rehearsal.load.new and slow are more than 100 percent"
        )
    raw: Any = own
    limits: Any = own.limits
    trigger = raw.trigger
    return Plan(
        source=path,
        command=tuple(own.command),
        environment=dict(own.environment),
        inherit=tuple(own.inherit),
        folder=own.folder,
        files=files,
        ready=raw.ready,
        trigger=trigger if isinstance(trigger, str) else tuple(trigger),
        within=raw.within,
        updates=own.updates,
        pause=raw.pause,
        pprof=own.pprof,
        max_age=raw.max_age,
        load=LoadPlan(
            requests=given if isinstance(given, str) else tuple(given),
            command=tuple(load.command),
            rate=load.rate,
            new=load.new,
            slow=load.slow,
            timeout=load.timeout,
            expect=tuple(load.expect),
            keep=load.keep,
            keep_as=load.keep_as,
            keep_at=load.keep_at,
        ),
        compare=ComparePlan(tuple(own.compare.paths), tuple(own.compare.ignore)),
        state=StatePlan(_several(own.state.read), tuple(own.state.ignore)),
        limits=LimitsPlan(limits.memory, limits.processes, limits.file),
        drills=tuple(name for name in DRILLS if getattr(own.drills, name)),
    )


def _several(value: str | list[str]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)


def _file(path: str, text: str, key: tuple[str, ...], file: Path) -> Path:
    if not file.is_file():
        raise PolicyError(f"{place(path, text, key)}: {written(key)}: no such file: {file}")
    return file


def _problem(path: str, text: str, exc: ValidationError) -> PolicyError:
    """As `gate.policy.refusal`: the misspelt key rather than what it leaves missing, and the line."""
    first = min(exc.errors(include_url=False), key=lambda error: _TELLING.get(error["type"], len(_TELLING)))
    # Names of alternatives stand in the place of a value that may be of several kinds.
    loc = tuple(part for part in first["loc"] if isinstance(part, int) or part.isidentifier())
    names = [part for part in loc if isinstance(part, str)]
    loc = tuple(part for part in loc if part not in ("str", "list"))
    where = place(path, text, loc)
    key = written(loc)
    if first["type"] == "extra_forbidden":
        parent = names[-2] if len(names) > 1 else ""
        model: type[BaseModel] = tables.SHAPES.get(parent, tables.Rehearsal)
        valid = list(model.model_fields)
        return PolicyError(
            f"{where}: unknown key {key}", hint=f"{nearest(names[-1], valid)}valid keys are {', '.join(valid)}"
        )
    if first["type"] == "missing":
        return PolicyError(f"{where}: {key} is missing", hint="`hotgate rehearse init BINARY` writes a plan")
    if first["type"] == "hotgate":
        context = first.get("ctx", {})
        return PolicyError(f"{where}: {key}: {context.get('said')}", hint=str(context.get("hint", "")))
    message = first["msg"][:1].lower() + first["msg"][1:]
    return PolicyError(f"{where}: {key}: {message}, not {first['input']!r}"[:500])
