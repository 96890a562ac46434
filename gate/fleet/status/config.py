"""The table `[fleet]` of a control host's file: which plan, which inventory, how often the hosts are asked."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Any

from msgspec import Struct
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from gate.policy.errors import PolicyError, nearest
from gate.policy.lines import place, written
from gate.policy.token_file import read_token
from gate.policy.validators import checked, seconds_between
from probes.live.client import base_url


class _Fleet(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)

    release: str = Field(min_length=1, max_length=4000)
    inventory: str = Field(min_length=1, max_length=4000)
    interval: Annotated[str, seconds_between(5, 3600)] = "30s"
    prometheus: Annotated[str, checked(lambda url: base_url(url) if url else "")] = ""
    token_file: str = ""


class _File(BaseModel):
    model_config = ConfigDict(extra="ignore")
    fleet: _Fleet | None = None


class FleetConfig(Struct, frozen=True):
    """Paths of the plan and the inventory; `interval` in seconds; `prometheus` is asked instead of the sidecars unless it is ""."""

    release: str
    inventory: str
    interval: float
    prometheus: str
    token: str


def load_fleet(path: str) -> FleetConfig | None:
    """The table in the file at `path`, which `gate.policy.file.load_policy` has accepted; None without one. Paths are relative to it.

    Raises:
        PolicyError: a key or a value means nothing, or the token file cannot be read.
    """
    text = Path(path).read_bytes().decode("utf-8").replace("\r\n", "\n")
    table: dict[str, Any] = tomllib.loads(text)
    if Path(path).name == "pyproject.toml":
        table = table.get("tool", {}).get("hotgate", {})
    try:
        own = _File.model_validate(table).fleet
    except ValidationError as exc:
        first = min(exc.errors(include_url=False), key=lambda error: error["type"] != "extra_forbidden")
        where, key = place(path, text, first["loc"]), written(first["loc"])
        if first["type"] == "extra_forbidden":
            valid = list(_Fleet.model_fields)
            hint = f"{nearest(str(first['loc'][-1]), valid)}valid keys are {', '.join(valid)}"
            raise PolicyError(f"{where}: unknown key {key}", hint=hint) from exc
        if first["type"] == "missing":
            raise PolicyError(f"{where}: {key} is missing") from exc
        raise PolicyError(f"{where}: {key}: {first['msg'][:1].lower()}{first['msg'][1:]}") from exc
    if own is None:
        return None
    beside = Path(path).parent
    interval: Any = own.interval
    return FleetConfig(
        release=str(beside / own.release),
        inventory=str(beside / own.inventory),
        interval=interval,
        prometheus=own.prometheus,
        token=read_token(own.token_file, wait=False) if own.token_file else "",
    )
