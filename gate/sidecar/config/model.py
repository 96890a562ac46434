"""The `[sidecar]` table of a policy file: what is polled, how often, and where the answers are served.

Everything outside of that table is the policy that verdicts are given by.
"""

from __future__ import annotations

import hashlib
import ipaddress
import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from pydantic import ValidationError

from gate.apply.host.config import Host, load_hosts
from gate.fleet.status.config import FleetConfig, load_fleet
from gate.policy.errors import PolicyError, nearest
from gate.policy.lines import place, written
from gate.policy.token_file import read_token
from gate.sidecar.config import tables
from gate.store.retention import Retention
from gate.watch.config import CanaryLimits
from gate.watch.reading import watch_config

if TYPE_CHECKING:
    from gate.watch.config import WatchConfig


class ServiceConfig(Struct, frozen=True):
    """One service. `interval` in seconds; `old` is the file that runs, `pid_file` names its process on this host."""

    name: str
    url: str
    token: str
    interval: float
    timeout: float
    token_file: str = ""
    pid_file: str = ""
    old: str = ""
    profile: bool = False
    counters: tuple[str, ...] = ()
    watch: WatchConfig | None = None
    canary: CanaryLimits = CanaryLimits()


class ActionsConfig(Struct, frozen=True):
    """What the sidecar may do: run `hotgate rollback` for who has `token`, and `hotgate apply --resume` at its start."""

    token: str
    rollback: bool
    resume: bool


class SidecarConfig(Struct, frozen=True):
    """All of it. Times in seconds; `releases` are the folders that NEW may be in; `sha256` is the file's when it was read.

    `hosts`: the services of this host that releases are brought to, by name; `actions` is None where the sidecar only looks on;
    `fleet` is None but on a control host.
    """

    source: str
    host: str
    port: int
    token: str
    verdict_interval: float
    concurrency: int
    releases: tuple[str, ...]
    retention: Retention
    services: tuple[ServiceConfig, ...]
    sha256: str
    hosts: dict[str, Host] = {}
    actions: ActionsConfig | None = None
    fleet: FleetConfig | None = None


def load_sidecar(path: str) -> SidecarConfig:
    """The sidecar's part of the file at `path`, which `gate.policy.file.load_policy` has accepted.

    Raises:
        PolicyError: a key or a value means nothing, or a token file cannot be read.
    """
    raw = Path(path).read_bytes()
    text = raw.decode("utf-8").replace("\r\n", "\n")
    table: dict[str, Any] = tomllib.loads(text)
    if Path(path).name == "pyproject.toml":
        table = table.get("tool", {}).get("hotgate", {})
    try:
        own = tables.File.model_validate(table).sidecar
    except ValidationError as exc:
        raise _problem(path, text, exc) from exc
    host, port = _address(path, text, own.listen)
    token = read_token(own.token_file, wait=False) if own.token_file else ""
    if not token and not is_loopback(host):
        raise PolicyError(
            f"{place(path, text, ('sidecar', 'listen'))}: without a token only loopback is served, not {own.listen}",
            hint="set sidecar.token_file, or listen on 127.0.0.1",
        )
    names = [service.name for service in own.service]
    for index, name in enumerate(names):
        if name in names[:index]:
            raise PolicyError(f"{path}: two services with the name {name}", hint="each needs its own")
    interval: Any = own.interval
    timeout: Any = own.timeout
    kept: Any = own.retention
    verdict_interval: Any = own.verdict_interval
    return SidecarConfig(
        source=path,
        host=host,
        port=port,
        token=token,
        verdict_interval=verdict_interval,
        concurrency=own.concurrency,
        releases=tuple(own.releases),
        retention=Retention(kept.keep, kept.size),
        services=tuple(_service(path, each, interval, timeout) for each in own.service),
        sha256=hashlib.sha256(raw).hexdigest(),
        hosts=load_hosts(path) if "host" in table else {},
        actions=None if own.actions is None else _actions(path, own.actions, token),
        fleet=load_fleet(path) if "fleet" in table else None,
    )


def _actions(path: str, own: tables.Actions, token: str) -> ActionsConfig:
    found = read_token(own.token_file, wait=False)
    if found == token:
        hint = "who may read what the sidecar shows may not roll back for that alone"
        raise PolicyError(f"{path}: sidecar.actions.token_file holds the token of sidecar.token_file", hint=hint)
    return ActionsConfig(found, own.rollback, own.resume)


def _service(path: str, own: tables.Service, interval: float, timeout: float) -> ServiceConfig:
    every: Any = own.interval or interval
    return ServiceConfig(
        name=own.name,
        url=own.url,
        token=read_token(own.token_file, wait=False) if own.token_file else "",
        interval=every,
        timeout=timeout,
        token_file=own.token_file,
        pid_file=own.pid_file,
        old=own.old,
        profile=own.profile,
        counters=tuple(own.counters),
        watch=None if own.watch is None else watch_config(path, own.name, own.watch),
        canary=CanaryLimits(own.canary.times, own.canary.min_count, own.canary.min_requests),
    )


def _address(path: str, text: str, listen: str) -> tuple[str, int]:
    host, _, port = listen.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not host or "\0" in host or not re.fullmatch("[0-9]{1,5}", port) or int(port) > 65535:
        where = place(path, text, ("sidecar", "listen"))
        raise PolicyError(f"{where}: not an address: {listen}", hint="write it like 127.0.0.1:9847")
    return host, int(port)


def is_loopback(host: str) -> bool:
    """Whether only this host can reach what listens on `host`."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _problem(path: str, text: str, exc: ValidationError) -> PolicyError:
    first = min(exc.errors(include_url=False), key=lambda error: error["type"] != "extra_forbidden")
    loc = first["loc"]
    names = [part for part in loc if isinstance(part, str)]
    where, key = place(path, text, loc), written(loc)
    if first["type"] == "extra_forbidden":
        valid = list(tables.SHAPES.get(names[-2], tables.Sidecar).model_fields)
        return PolicyError(
            f"{where}: unknown key {key}", hint=f"{nearest(names[-1], valid)}valid keys are {', '.join(valid)}"
        )
    if first["type"] == "missing":
        return PolicyError(f"{where}: {key} is missing")
    return PolicyError(f"{where}: {key}: {first['msg'][:1].lower()}{first['msg'][1:]}")
