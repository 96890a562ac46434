"""Policy files: `hotgate.toml`, or `[tool.hotgate]` in `pyproject.toml`.

Import it only when there is a file to read: pydantic is slow to import.
"""

from __future__ import annotations

import re
import tomllib
from datetime import date  # noqa: TC003 - pydantic evaluates the annotation
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StrictBool, StrictInt, ValidationError
from pydantic_core import PydanticCustomError

from gate.model import Mode, Severity
from gate.policy.contract import Contract
from gate.policy.errors import PolicyError, checked_docs_url, nearest
from gate.policy.lines import Key, place, written
from gate.policy.model import EVIDENCE_NAMES, DataPolicy, LivePolicy, Policy, ProfilePolicy, Suppression, Thresholds
from gate.rule_ids import rule_ids
from probes.live.topics import TOPICS

MAX_BYTES = 1 << 20

_SeverityName = Literal["info", "warn", "block", "off"]
_CodecName = Literal["memory", "gob", "json", "protobuf"]


def _evidence(name: str) -> str:
    if name not in EVIDENCE_NAMES:
        raise PydanticCustomError("evidence_name", "unknown evidence")
    return name


def _topic(name: str) -> str:
    if name not in TOPICS:
        raise PydanticCustomError("topic_name", "unknown topic")
    return name


def _docs_url(url: str) -> str:
    try:
        return checked_docs_url(url)
    except PolicyError as exc:
        raise PydanticCustomError("docs_url", "{why}", {"why": str(exc)}) from exc


_DocsUrl = Annotated[str, AfterValidator(_docs_url)]
_TopicName = Annotated[str, AfterValidator(_topic)]
_EvidenceName = Annotated[str, AfterValidator(_evidence)]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Thresholds(_Table):
    max_changed_functions: StrictInt | None = Field(default=None, ge=0)
    min_health: StrictInt = Field(default=85, ge=0, le=100)


class _Live(_Table):
    in_flight: str = ""
    in_flight_limit: StrictInt = Field(default=0, ge=0)
    handed_over: list[str] = []
    needed: list[_TopicName] = list(LivePolicy().needed)


class _Profile(_Table):
    min_continuity: StrictInt = Field(default=90, ge=0, le=100)
    hand_over_seconds: StrictInt = Field(default=60, ge=0, le=86_400)
    growth_percent: StrictInt = Field(default=10, ge=0, le=10_000)
    detect_percent: StrictInt = Field(default=50, ge=1, le=10_000)
    detect_share_percent: StrictInt = Field(default=5, ge=1, le=100)
    min_windows: StrictInt = Field(default=10, ge=2, le=1000)
    overlap_percent: StrictInt = Field(default=30, ge=0, le=100)
    heat_percent: StrictInt = Field(default=5, ge=0, le=100)
    leak_percent: StrictInt = Field(default=10, ge=0, le=10_000)


class _Data(_Table):
    values: StrictBool = True


class _Suppression(_Table):
    rule: str
    scope: str = Field(min_length=1)
    reason: str = Field(min_length=1)
    expires: date
    owner: str = ""


class _Contract(_Table):
    state: dict[str, _CodecName] = {}
    interfaces: list[str] = []
    globals: list[str] = []
    protected_packages: list[str] = []
    budget: StrictInt | None = Field(default=None, ge=0)


class _PolicyFile(_Table):
    mode: Literal["exec", "hotfix", "plugin"] = "exec"
    fail_on: Literal["info", "warn", "block"] = "block"
    require: list[_EvidenceName] = ["functions", "build"]
    severity: dict[str, _SeverityName] = {}
    thresholds: _Thresholds = _Thresholds()
    protected_packages: list[str] = []
    require_symbols: StrictBool = False
    debug_tags: list[str] = list(Policy().debug_tags)
    suppress: list[_Suppression] = []
    contract: _Contract = _Contract()
    live: _Live = _Live()
    sidecar: dict[str, Any] = {}  # read by gate.sidecar.config.model, which knows its keys
    profile: _Profile = _Profile()
    data: _Data = _Data()
    docs_url: _DocsUrl = ""
    audit: StrictBool = False
    store: str = ""


TABLES: dict[str, type[_Table]] = {
    "thresholds": _Thresholds,
    "suppress": _Suppression,
    "contract": _Contract,
    "live": _Live,
    "profile": _Profile,
    "data": _Data,
}

_SECTIONS = ("thresholds", "contract", "live", "profile", "data")


def load_policy(path: str) -> Policy:
    """The policy in the file at `path`; of a `pyproject.toml`, its `[tool.hotgate]` table.

    Raises:
        PolicyError: the file cannot be read, is not TOML, or has a key or value that means nothing. The message is one
            line that names the file, the line where that is known, and the key.
    """
    shape = _parse(path, _read(path))
    return Policy(
        mode=Mode(shape.mode),
        fail_on=Severity(shape.fail_on),
        require=tuple(shape.require),
        severity={rule: "off" if name == "off" else Severity(name) for rule, name in shape.severity.items()},
        thresholds=Thresholds(**shape.thresholds.model_dump()),
        protected_packages=tuple(shape.protected_packages),
        require_symbols=shape.require_symbols,
        debug_tags=tuple(shape.debug_tags),
        suppress=tuple(
            Suppression(each.rule, each.scope, each.reason, each.expires, each.owner) for each in shape.suppress
        ),
        source=path,
        contract=Contract(
            state=dict(shape.contract.state),
            interfaces=tuple(shape.contract.interfaces),
            globals=tuple(shape.contract.globals),
            protected_packages=tuple(shape.contract.protected_packages),
            budget=shape.contract.budget,
        ),
        live=LivePolicy(
            shape.live.in_flight,
            shape.live.in_flight_limit,
            tuple(shape.live.handed_over),
            tuple(shape.live.needed),
        ),
        profile=ProfilePolicy(**shape.profile.model_dump()),
        data=DataPolicy(shape.data.values),
        docs_url=shape.docs_url,
        audit=shape.audit,
        store=shape.store,
    )


def key_places(path: str) -> dict[str, str]:
    """Where the file at `path` sets a key: `thresholds.max_changed_functions` -> `hotgate.toml:7`. Errors as above."""
    text = _read(path)
    shape = _parse(path, text)
    keys: list[Key] = [(name,) for name in shape.model_fields_set - {"severity", "suppress", "sidecar", *_SECTIONS}]
    keys += [("contract", name) for name in shape.contract.model_fields_set - {"state"}]
    keys += [("contract", "state", name) for name in shape.contract.state]
    keys += [("severity", rule) for rule in shape.severity]
    keys += [("thresholds", name) for name in shape.thresholds.model_fields_set]
    keys += [("live", name) for name in shape.live.model_fields_set]
    keys += [("profile", name) for name in shape.profile.model_fields_set]
    keys += [("data", name) for name in shape.data.model_fields_set]
    found = {written(key): place(path, text, key) for key in keys}
    return found | {f"suppress[{i}]": place(path, text, ("suppress", i, "rule")) for i in range(len(shape.suppress))}


def _parse(path: str, text: str) -> _PolicyFile:
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as exc:
        problem, _, where = str(exc).rpartition(" (at ")
        line = re.match(r"line (\d+)", where)
        number = line[1] if line else text.rstrip().count("\n") + 1  # "(at end of document)"
        raise PolicyError(f"{path}:{number}: not valid TOML: {problem or exc}") from exc
    except RecursionError as exc:
        raise PolicyError(f"{path}: nested too deeply") from exc
    prefix = ""
    if Path(path).name == "pyproject.toml":
        tool = table.get("tool")
        table = tool.get("hotgate", {}) if isinstance(tool, dict) else {}
        prefix = "tool.hotgate."
        if not isinstance(table, dict):
            raise PolicyError(f"{path}: tool.hotgate must be a table")
    try:
        shape = _PolicyFile.model_validate(table)
    except ValidationError as exc:
        raise _problem(path, prefix, text, exc) from exc
    rules = rule_ids()
    named: list[tuple[str, Key]] = [(rule_id, ("severity", rule_id)) for rule_id in shape.severity]
    named += [(each.rule, ("suppress", index, "rule")) for index, each in enumerate(shape.suppress)]
    for rule_id, key in named:
        if rule_id not in rules:
            hint = f"{nearest(rule_id, rules)}`hotgate rules` lists them"
            name = written(key) if key[0] == "suppress" else "severity"
            raise PolicyError(f"{place(path, text, key)}: unknown rule in {prefix}{name}: {rule_id}", hint=hint)
    return shape


def _read(path: str) -> str:
    try:
        with Path(path).open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except OSError as exc:
        raise PolicyError(f"cannot read the policy ({exc.strerror}): {path}") from exc
    if len(raw) > MAX_BYTES:
        raise PolicyError(f"the policy is larger than 1 MiB: {path}")
    try:
        return raw.decode("utf-8").replace("\r\n", "\n")
    except UnicodeDecodeError as exc:
        raise PolicyError(f"the policy is not UTF-8 text: {path}") from exc


def _problem(path: str, prefix: str, text: str, exc: ValidationError) -> PolicyError:
    # A misspelt key also leaves the right one missing: the misspelling is what helps.
    first = min(exc.errors(include_url=False), key=lambda error: error["type"] != "extra_forbidden")
    loc = first["loc"]
    names = [part for part in loc if isinstance(part, str)]
    key = prefix + written(loc)
    where = place(path, text, loc)
    if first["type"] == "extra_forbidden":
        model = TABLES.get(names[0], _PolicyFile) if len(names) > 1 else _PolicyFile
        valid = list(model.model_fields)
        hint = f"{nearest(names[-1], valid)}valid keys are {', '.join(valid)}"
        return PolicyError(f"{where}: unknown key {key}", hint=hint)
    if first["type"] == "evidence_name":
        hint = f"{nearest(str(first['input']), EVIDENCE_NAMES)}valid names are {', '.join(EVIDENCE_NAMES)}"
        return PolicyError(f"{where}: unknown evidence in {prefix}require: {first['input']}", hint=hint)
    if first["type"] == "topic_name":
        hint = f"{nearest(str(first['input']), TOPICS)}valid names are {', '.join(TOPICS)}"
        return PolicyError(f"{where}: unknown topic in {key}: {first['input']}", hint=hint)
    if first["type"] == "missing":
        return PolicyError(f"{where}: {key} is missing")
    message = first["msg"][:1].lower() + first["msg"][1:]
    hint = "write a day like 2026-12-31, without quotes" if first["type"].startswith("date") else ""
    return PolicyError(f"{where}: {key}: {message}, not {first['input']!r}", hint=hint)
