"""The `[host.NAME]` tables of a policy file: which services of this host releases are brought to, and how.

Everything outside of these tables is the policy that the gate judges by.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from pydantic import ValidationError

from gate.apply.host import tables
from gate.policy.errors import PolicyError, nearest
from gate.policy.lines import place, written
from gate.watch.reading import watch_config

if TYPE_CHECKING:
    from gate.watch.config import WatchConfig

_TELLING = {"extra_forbidden": 0, "hotgate": 1}
"""Which of several errors says most: of a value that may be of several kinds, each kind has one."""
EXAMPLE = "docs/examples/orders.toml has every key"


class Host(Struct, frozen=True):
    """One service on this host. Times in seconds; "" and empty tuples for what is not configured.

    `folder` has `current`, `previous` and `releases`; `file` is an image's name in the folder of its release. `trigger`: a
    signal, or a command as words. `start`: the command that starts the service where no process of it runs.
    """

    name: str
    folder: Path
    file: str
    repository: str
    root: str
    state: Path
    url: str
    token_file: str
    pid_file: str
    unit: str
    trigger: str | tuple[str, ...]
    start: tuple[str, ...]
    ready: str
    within: float
    quiet: float
    keep: int
    owner: str
    mode: int
    watch: WatchConfig | None


def load_hosts(path: str) -> dict[str, Host]:
    """The services by name, of the file at `path`, which `gate.policy.file.load_policy` has accepted.

    Raises:
        PolicyError: a key or a value means nothing; the message names file, line and key.
    """
    text = Path(path).read_bytes().decode("utf-8").replace("\r\n", "\n")
    table: dict[str, Any] = tomllib.loads(text)
    if Path(path).name == "pyproject.toml":
        table = table.get("tool", {}).get("hotgate", {})
    try:
        found = tables.File.model_validate(table).host
    except ValidationError as exc:
        raise _problem(path, text, exc) from exc
    return {name: _host(path, text, name, own) for name, own in found.items()}


def load_host(path: str, name: str) -> Host:
    """The service `name`.

    Raises:
        PolicyError: as above, or there is no such service.
    """
    hosts = load_hosts(path)
    if name not in hosts:
        hint = f"{nearest(name, hosts)}services of this host are {', '.join(hosts)}" if hosts else EXAMPLE
        raise PolicyError(f"{path}: no table [host.{name[:100]}]", hint=hint)
    return hosts[name]


def _host(path: str, text: str, name: str, own: tables.Host) -> Host:
    if (own.pid_file is None) == (own.unit is None):
        where = place(path, text, ("host", name))
        said = "names both pid_file and unit" if own.unit else "names neither pid_file nor unit"
        raise PolicyError(f"{where}: host.{name} {said}", hint="one of them says which process is the service")
    raw: Any = own
    folder = Path(own.folder)
    start = own.start or (["systemctl", "start", own.unit] if own.unit else [])
    return Host(
        name=name,
        folder=folder,
        file=own.file or name,
        repository=own.repository or "",
        root=own.root or "",
        state=Path(own.state) if own.state else folder / ".hotgate",
        url=own.url or "",
        token_file=own.token_file or "",
        pid_file=own.pid_file or "",
        unit=own.unit or "",
        trigger=own.trigger if isinstance(own.trigger, str) else tuple(own.trigger),
        start=tuple(start),
        ready=own.ready or "",
        within=raw.within,
        quiet=raw.quiet,
        keep=own.keep,
        owner=own.owner or "",
        mode=int(own.mode, 8),
        watch=None if own.watch is None else _watch(path, name, own),
    )


def _watch(path: str, name: str, own: tables.Host) -> WatchConfig | None:
    if own.watch is None:
        return None
    if any(each.source == "expvar" for each in own.watch.rule) and own.url is None:
        raise PolicyError(
            f"{path}: host.{name}.watch has rules on expvar variables, and host.{name} has no url to read them from"
        )
    return watch_config(path, name, own.watch)


def _problem(path: str, text: str, exc: ValidationError) -> PolicyError:
    """As `gate.policy.refusal`: the misspelt key rather than what it leaves missing, and the line."""
    first = min(exc.errors(include_url=False), key=lambda error: _TELLING.get(error["type"], len(_TELLING)))
    kinds = re.compile(r"constrained-str|list\[.*|function-.*|nullable.*")  # alternatives stand in a value's place
    loc = tuple(part for part in first["loc"] if isinstance(part, int) or not kinds.fullmatch(part))
    if loc and loc[-1] == "[key]":
        loc = loc[:-1]
    names = [part for part in loc if isinstance(part, str)]
    where, key = place(path, text, loc), written(loc)
    if first["type"] == "extra_forbidden":
        model = tables.SHAPES.get(names[-2], tables.Host) if len(names) > 2 else tables.Host
        valid = list(model.model_fields)
        return PolicyError(
            f"{where}: unknown key {key}", hint=f"{nearest(names[-1], valid)}valid keys are {', '.join(valid)}"
        )
    if first["type"] == "missing":
        return PolicyError(f"{where}: {key} is missing", hint=EXAMPLE)
    if first["type"] == "hotgate":
        context = first.get("ctx", {})
        return PolicyError(f"{where}: {key}: {context.get('said')}", hint=str(context.get("hint", "")))
    return PolicyError(f"{where}: {key}: {first['msg'][:1].lower()}{first['msg'][1:]}")
