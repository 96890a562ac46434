"""The `[sidecar]` table of a policy file: what is polled, how often, and where the answers are served.

Everything outside of that table is the policy that verdicts are given by.
"""

from __future__ import annotations

import hashlib
import ipaddress
import os
import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StrictInt, ValidationError
from pydantic_core import PydanticCustomError

from gate.policy import PolicyError, nearest
from gate.policy_place import place, written
from gate.sidecar.units import parse_seconds, parse_size
from gate.store.retention import Retention
from probes.errors import ProbeError
from probes.live.client import base_url
from probes.records import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_SERVICES = 5000
MAX_TOKEN_BYTES = 4096
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_.:/-]{0,127}")


def _checked(parse: Callable[[str], Any]) -> AfterValidator:
    def check(text: str) -> Any:
        try:
            return parse(text)
        except (PolicyError, ProbeError) as exc:
            raise PydanticCustomError("hotgate", "{said}", {"said": str(exc)}) from exc

    return AfterValidator(check)


def _seconds(low: float, high: float) -> AfterValidator:
    def check(text: str) -> float:
        seconds = parse_seconds(text)
        if not low <= seconds <= high:
            raise PolicyError(f"{text} is not between {low:g} s and {high:g} s")
        return seconds

    return _checked(check)


def _name(text: str) -> str:
    if not NAME.fullmatch(text):
        raise PolicyError("a name has letters, digits, '.', '_' and '-', and at most 128 of them")
    return text


def _variable(text: str) -> str:
    if not VARIABLE.fullmatch(text):
        raise PolicyError("not the name of an expvar variable")
    return text


def _path(text: str) -> str:
    if "\0" in text:
        raise PolicyError("no path has a NUL in it")
    return text


Seconds = Annotated[str, _seconds(0.1, 86400 * 366)]
Name = Annotated[str, _checked(_name)]
Variable = Annotated[str, _checked(_variable)]
FilePath = Annotated[str, _checked(_path)]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)


class _Rule(_Table):
    name: str = Field(min_length=1, max_length=100)
    kind: Literal["ratio", "level"]
    source: Literal["prometheus", "expvar"] = "prometheus"
    bad: str = Field(default="", max_length=2000)
    total: str = Field(default="", max_length=2000)
    value: str = Field(default="", max_length=2000)
    times: float = Field(gt=1, le=1000, allow_inf_nan=False)
    min_count: StrictInt = Field(default=10, ge=1)


class _Watch(_Table):
    join: Literal["any", "all"] = "any"
    within: Annotated[str, _seconds(5, 86400)] = "5m"
    baseline: Annotated[str, _seconds(5, 86400 * 7)] = "30m"
    prometheus: str = ""
    rule: list[_Rule] = Field(min_length=1, max_length=20)


class _Service(_Table):
    name: Name
    url: Annotated[str, _checked(base_url)]
    token_file: FilePath = ""
    interval: Annotated[str, _seconds(0.5, 3600)] | None = None
    pid_file: FilePath = ""
    old: FilePath = ""
    profile: bool = False
    counters: list[Variable] = Field(default=[], max_length=50)
    watch: _Watch | None = None


class _Retention(_Table):
    keep: Seconds = "30d"
    size: Annotated[str, _checked(parse_size)] = "1GB"


class _Sidecar(_Table):
    listen: str = "127.0.0.1:9847"
    token_file: FilePath = ""
    interval: Annotated[str, _seconds(0.5, 3600)] = "10s"
    timeout: Annotated[str, _seconds(0.1, 60)] = "5s"
    verdict_interval: Annotated[str, _seconds(5, 86400)] = "60s"
    concurrency: StrictInt = Field(default=64, ge=1, le=1024)
    releases: list[FilePath] = []
    retention: _Retention = Field(default_factory=_Retention)
    service: list[_Service] = Field(default=[], max_length=MAX_SERVICES)


class _File(BaseModel):
    model_config = ConfigDict(extra="ignore", validate_default=True)
    sidecar: _Sidecar = Field(default_factory=_Sidecar)


_SHAPES: dict[str, type[BaseModel]] = {"service": _Service, "retention": _Retention, "watch": _Watch, "rule": _Rule}


@dataclass(frozen=True, slots=True)
class WatchRule:
    """One comparison of after with before: `ratio` of the counts `bad` to `total`, or the `level` of `value`.

    Each is a PromQL expression in which `$window` stands for the length of time, or the name of an expvar variable.
    """

    name: str
    kind: Literal["ratio", "level"]
    source: Literal["prometheus", "expvar"]
    bad: str
    total: str
    value: str
    times: float
    min_count: int


@dataclass(frozen=True, slots=True)
class WatchConfig:
    """When to roll back: rules joined by `any` or `all`, for `within` seconds, against the `baseline` seconds before."""

    join: Literal["any", "all"]
    within: float
    baseline: float
    prometheus: str
    rules: tuple[WatchRule, ...]


@dataclass(frozen=True, slots=True)
class ServiceConfig:
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


@dataclass(frozen=True, slots=True)
class SidecarConfig:
    """All of it. Times in seconds; `releases` are the folders that NEW may be in; `sha256` is the file's when it was read."""

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


def load_sidecar(path: str) -> SidecarConfig:
    """The sidecar's part of the file at `path`, which `gate.policy_file.load_policy` has accepted.

    Raises:
        PolicyError: a key or a value means nothing, or a token file cannot be read.
    """
    raw = Path(path).read_bytes()
    text = raw.decode("utf-8").replace("\r\n", "\n")
    table: dict[str, Any] = tomllib.loads(text)
    if Path(path).name == "pyproject.toml":
        table = table.get("tool", {}).get("hotgate", {})
    try:
        own = _File.model_validate(table).sidecar
    except ValidationError as exc:
        raise _problem(path, text, exc) from exc
    host, port = _address(path, text, own.listen)
    token = _token(own.token_file) if own.token_file else ""
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
    )


def _service(path: str, own: _Service, interval: float, timeout: float) -> ServiceConfig:
    every: Any = own.interval or interval
    return ServiceConfig(
        name=own.name,
        url=own.url,
        token=_token(own.token_file) if own.token_file else "",
        interval=every,
        timeout=timeout,
        token_file=own.token_file,
        pid_file=own.pid_file,
        old=own.old,
        profile=own.profile,
        counters=tuple(own.counters),
        watch=None if own.watch is None else _watch(path, own.name, own.watch),
    )


def _watch(path: str, service: str, own: _Watch) -> WatchConfig:
    within: Any = own.within
    baseline: Any = own.baseline
    for rule in own.rule:
        needed = {"ratio": ("bad", "total"), "level": ("value",)}[rule.kind]
        for key in ("bad", "total", "value"):
            if bool(getattr(rule, key)) != (key in needed):
                said = f"needs {key}" if key in needed else f"has no use for {key}"
                raise PolicyError(f"{path}: rule {rule.name} of {service}: a {rule.kind} {said}")
        if rule.source == "prometheus" and not own.prometheus:
            raise PolicyError(f"{path}: rule {rule.name} of {service}: watch.prometheus is missing")
    server = ""
    if own.prometheus:
        try:
            server = base_url(own.prometheus)
        except ProbeError as exc:
            raise PolicyError(f"{path}: watch.prometheus of {service}: {exc}", hint=exc.hint) from exc
    rules = tuple(WatchRule(r.name, r.kind, r.source, r.bad, r.total, r.value, r.times, r.min_count) for r in own.rule)
    return WatchConfig(own.join, within, baseline, server, rules)


def _token(path: str) -> str:
    try:
        # Without O_NONBLOCK, a FIFO would hold up the start, or a reload, for ever.
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            raw = file.read(MAX_TOKEN_BYTES + 1) or b""
    except (OSError, ValueError) as exc:
        raise PolicyError(f"cannot read the token file ({getattr(exc, 'strerror', exc)}): {path}") from exc
    text = raw.decode("ascii", "replace").strip()
    if not text or len(raw) > MAX_TOKEN_BYTES or not all(" " < char <= "~" for char in text):
        raise PolicyError(f"the token file must hold one line of visible ASCII characters: {path}")
    return text


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
        valid = list(_SHAPES.get(names[-2], _Sidecar).model_fields)
        return PolicyError(
            f"{where}: unknown key {key}", hint=f"{nearest(names[-1], valid)}valid keys are {', '.join(valid)}"
        )
    if first["type"] == "missing":
        return PolicyError(f"{where}: {key} is missing")
    return PolicyError(f"{where}: {key}: {first['msg'][:1].lower()}{first['msg'][1:]}")
