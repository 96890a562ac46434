"""Policy files: `hotgate.toml`, or `[tool.hotgate]` in `pyproject.toml`."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any, Literal

from msgspec import MsgspecError, Struct, convert
from msgspec.structs import replace

from gate.model import Mode, Severity
from gate.policy.contract import CODECS, Contract
from gate.policy.errors import PolicyError, checked_docs_url, nearest
from gate.policy.lines import Key, place, written
from gate.policy.model import (
    EVIDENCE_NAMES,
    DataPolicy,
    LivePolicy,
    Policy,
    ProfilePolicy,
    Setting,
    Suppression,
    Thresholds,
)
from gate.rule_ids import rule_ids
from probes.live.topics import TOPICS

MAX_BYTES = 1 << 20

_DEFAULT = Policy()
_NOT_KEYS = ("source", "mode", "mode_by")
_SECTIONS = ("thresholds", "contract", "live", "profile", "data")


class PolicyFile(Struct, frozen=True, forbid_unknown_fields=True):
    """The table of a policy file.

    `sidecar`, `rehearsal`, `host` and `fleet` are read by `gate.sidecar.config.model`, `gate.rehearsal.plan.reading`,
    `gate.apply.host.config` and `gate.fleet.status.config`, which know their keys.
    """

    mode: Mode | None = None
    fail_on: Severity = _DEFAULT.fail_on
    require: tuple[str, ...] = _DEFAULT.require
    severity: dict[str, Literal["info", "warn", "block", "off"]] = {}
    thresholds: Thresholds = _DEFAULT.thresholds
    protected_packages: tuple[str, ...] = ()
    require_symbols: bool = False
    debug_tags: tuple[str, ...] = _DEFAULT.debug_tags
    way_back: Literal["", "report", "judge"] = ""
    suppress: tuple[Suppression, ...] = ()
    contract: Contract = _DEFAULT.contract
    live: LivePolicy = _DEFAULT.live
    sidecar: dict[str, Any] = {}
    rehearsal: dict[str, Any] = {}
    host: dict[str, Any] = {}
    fleet: dict[str, Any] = {}
    profile: ProfilePolicy = _DEFAULT.profile
    data: DataPolicy = _DEFAULT.data
    docs_url: str = ""
    audit: bool = False
    store: str = ""


def load_policy(path: str) -> Policy:
    """The policy in the file at `path`; of a `pyproject.toml`, its `[tool.hotgate]` table.

    Raises:
        PolicyError: the file cannot be read, is not TOML, or has a key or value that means nothing. The message is one
            line that names the file, the line where that is known, and the key.
    """
    shape, _ = _parse(path, _read(path))
    given: dict[str, Any] = {name: getattr(shape, name) for name in Policy.__struct_fields__ if name not in _NOT_KEYS}
    given |= {} if shape.mode is None else {"mode": shape.mode, "mode_by": path}
    severity: dict[str, Setting] = {
        rule: "off" if name == "off" else Severity(name) for rule, name in shape.severity.items()
    }
    return Policy(**given | {"severity": severity, "source": path})


def key_places(path: str) -> dict[str, str]:
    """Where the file at `path` sets a key: `thresholds.max_changed_functions` -> `hotgate.toml:7`. Errors as above."""
    text = _read(path)
    shape, table = _parse(path, text)
    keys: list[Key] = [
        (name,) for name in table.keys() - {"severity", "suppress", "sidecar", "rehearsal", "host", "fleet", *_SECTIONS}
    ]
    keys += [(section, name) for section in _SECTIONS for name in table.get(section, {}) if name != "state"]
    keys += [("contract", "state", name) for name in shape.contract.state]
    keys += [("severity", rule) for rule in shape.severity]
    found = {written(key): place(path, text, key) for key in keys}
    return found | {f"suppress[{i}]": place(path, text, ("suppress", i, "rule")) for i in range(len(shape.suppress))}


def _parse(path: str, text: str) -> tuple[PolicyFile, dict[str, Any]]:
    """What the file says, and the table that says it."""
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
    shape = _shape(path, prefix, text, table)
    rules = rule_ids()
    named: list[tuple[str, Key]] = [(rule_id, ("severity", rule_id)) for rule_id in shape.severity]
    named += [(each.rule, ("suppress", index, "rule")) for index, each in enumerate(shape.suppress)]
    for rule_id, key in named:
        if rule_id not in rules:
            hint = f"{nearest(rule_id, rules)}`hotgate rules` lists them"
            name = written(key) if key[0] == "suppress" else "severity"
            raise PolicyError(f"{place(path, text, key)}: unknown rule in {prefix}{name}: {rule_id}", hint=hint)
    return shape, table


def _shape(path: str, prefix: str, text: str, table: dict[str, Any]) -> PolicyFile:
    try:
        shape = convert(table, PolicyFile)
        known = set(shape.require) <= set(EVIDENCE_NAMES) and set(shape.live.needed) <= set(TOPICS)
        if known and set(shape.contract.state.values()) <= set(CODECS):
            return replace(shape, docs_url=checked_docs_url(shape.docs_url))
    except (MsgspecError, PolicyError):
        pass
    from gate.policy.refusal import read_or_refuse  # says what is wrong, with pydantic, which is slow to import

    return convert(read_or_refuse(path, prefix, text, table), PolicyFile)


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
