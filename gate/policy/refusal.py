"""Why the table of a policy file is refused, or what it means all the same.

`gate.policy.file` reads with msgspec, and asks here only for what that does not take: pydantic is slow to import.
"""

from __future__ import annotations

from datetime import date  # noqa: TC003 - pydantic evaluates the annotation
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StrictBool,
    StrictInt,
    ValidationError,
    field_validator,
)
from pydantic_core import PydanticCustomError

from gate.policy.command_line import split_argv
from gate.policy.errors import PolicyError, checked_docs_url, nearest
from gate.policy.lines import place, written
from gate.policy.model import EVIDENCE_NAMES, LivePolicy, Policy
from probes.live.topics import TOPICS

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
    connections_limit: StrictInt | None = Field(default=None, ge=0)
    argv: list[str] | str = []
    exec_path: str = ""
    needed: list[_TopicName] = list(LivePolicy().needed)

    @field_validator("argv")
    @classmethod
    def _splits(cls, value: list[str] | str) -> list[str] | str:
        try:
            split_argv(value)
        except ValueError as exc:
            raise PydanticCustomError("argv", "{why}", {"why": str(exc)}) from exc
        return value


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
    mode: Literal["exec", "handoff", "hotfix", "plugin"] | None = None
    fail_on: Literal["info", "warn", "block"] = "block"
    require: list[_EvidenceName] = ["functions", "build"]
    severity: dict[str, _SeverityName] = {}
    thresholds: _Thresholds = _Thresholds()
    protected_packages: list[str] = []
    require_symbols: StrictBool = False
    debug_tags: list[str] = list(Policy().debug_tags)
    way_back: Literal["", "report", "judge"] = ""
    suppress: list[_Suppression] = []
    contract: _Contract = _Contract()
    live: _Live = _Live()
    sidecar: dict[str, Any] = {}  # read by gate.sidecar.config.model, which knows its keys
    rehearsal: dict[str, Any] = {}  # read by gate.rehearsal.plan.reading
    host: dict[str, Any] = {}  # read by gate.apply.host.config
    fleet: dict[str, Any] = {}  # read by gate.fleet.status.config
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


def read_or_refuse(path: str, prefix: str, text: str, table: dict[str, Any]) -> dict[str, Any]:
    """What the table means, every key of it given; `text` is that of the file at `path`, `prefix` leads to the table in it.

    Raises:
        PolicyError: it has a key or value that means nothing.
    """
    try:
        return _PolicyFile.model_validate(table).model_dump()
    except ValidationError as exc:
        raise _problem(path, prefix, text, exc) from exc


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
    if first["type"] == "argv" or "argv" in names:  # its values may be secrets
        said = first["msg"] if first["type"] == "argv" else "must be a string, or a list of strings"
        return PolicyError(f"{where}: {prefix}live.argv: {said}")
    if first["type"] == "missing":
        return PolicyError(f"{where}: {key} is missing")
    message = first["msg"][:1].lower() + first["msg"][1:]
    hint = "write a day like 2026-12-31, without quotes" if first["type"].startswith("date") else ""
    return PolicyError(f"{where}: {key}: {message}, not {first['input']!r}", hint=hint)
