"""Where each setting of a policy comes from: default, file, variable or flag."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import fields

from gate.inflection import count
from gate.policy.command_line import split_argv
from gate.policy.environment import PREFIX

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import date

    from gate.model import Json
    from gate.policy.model import Policy

DEFAULT = "default"
FLAGS = {"data.values": "--no-values", "way_back": "--both-ways"}
"""Flags that are not called like their keys."""
_PASSWORD = re.compile(r"(?<=://)([^/@:]*):[^/@]*(?=@)")


def without_password(url: str) -> str:
    """`url` with `***` where a password stands."""
    return _PASSWORD.sub(r"\1:***", url)


def _counted(argv: tuple[str, ...]) -> str:
    """A command line without its values, which may be secrets."""
    return f"{argv[0]} and {count(len(argv) - 1, 'argument')}" if argv else ""


class Setting(Struct, frozen=True):
    """One setting: its key as a policy file has it, its value, and `default`, `FILE:LINE`, a variable or a flag."""

    key: str
    value: Json
    origin: str


def settings(
    policy: Policy, places: Mapping[str, str], environ: Mapping[str, str], flags: Collection[str], today: date
) -> list[Setting]:
    """All settings of `policy`, in the order of the policy file.

    Args:
        policy: what holds in the end.
        places: where the file sets a key, by key, from `gate.policy.file.key_places`.
        environ: the environment.
        flags: the keys that flags set.
        today: a suppression that ended before it is shown as expired.
    """

    def origin(key: str) -> str:
        variable = PREFIX + key.upper().replace(".", "_")
        if key in flags:
            return FLAGS.get(key) or "--" + key.replace("_", "-")
        return variable if environ.get(variable, "").strip() else places.get(key, DEFAULT)

    out = [
        Setting("mode", policy.mode.value, origin("mode")),
        Setting("fail_on", policy.fail_on.value, origin("fail_on")),
        Setting("require", list(policy.require), origin("require")),
    ]
    by_variable = {word.partition("=")[0] for word in environ.get(f"{PREFIX}SEVERITY", "").split()}
    for rule, severity in sorted(policy.severity.items()):
        key = f"severity.{rule}"
        where = f"{PREFIX}SEVERITY" if rule in by_variable else places.get(key, DEFAULT)
        out.append(Setting(key, str(severity), where))
    for key, limit in (
        ("thresholds.max_changed_functions", policy.thresholds.max_changed_functions),
        ("thresholds.min_health", policy.thresholds.min_health),
        *((f"profile.{each.name}", getattr(policy.profile, each.name)) for each in fields(policy.profile)),
    ):
        out.append(Setting(key, limit, origin(key)))
    out.append(Setting("protected_packages", list(policy.protected_packages), origin("protected_packages")))
    out.append(Setting("require_symbols", policy.require_symbols, origin("require_symbols")))
    out.append(Setting("debug_tags", list(policy.debug_tags), origin("debug_tags")))
    contract = policy.contract
    for name, codec in contract.state.items():
        key = f"contract.state.{name}"
        out.append(Setting(key, codec, places.get(key, DEFAULT)))
    rest: tuple[tuple[str, Json], ...] = (
        ("contract.interfaces", list(contract.interfaces)),
        ("contract.globals", list(contract.globals)),
        ("contract.protected_packages", list(contract.protected_packages)),
        ("contract.budget", contract.budget),
    )
    out += [Setting(key, value, places.get(key, DEFAULT)) for key, value in rest]
    live: tuple[tuple[str, Json], ...] = (
        ("live.in_flight", policy.live.in_flight),
        ("live.in_flight_limit", policy.live.in_flight_limit),
        ("live.handed_over", list(policy.live.handed_over)),
        ("live.connections_limit", policy.live.connections_limit),
        ("live.argv", _counted(split_argv(policy.live.argv))),
        ("live.exec_path", policy.live.exec_path),
        ("live.needed", list(policy.live.needed)),
    )
    out += [Setting(key, value, origin(key)) for key, value in live]
    out.append(Setting("data.values", policy.data.values, origin("data.values")))
    out.append(Setting("way_back", policy.way_back, origin("way_back")))
    out.append(Setting("docs_url", policy.docs_url, origin("docs_url")))
    out.append(Setting("audit", policy.audit, origin("audit")))
    out.append(Setting("store", without_password(policy.store) or None, origin("store")))
    for index, each in enumerate(policy.suppress):
        key = f"suppress[{index}]"
        until = f"expired on {each.expires}" if each.expires < today else f"until {each.expires}"
        owner = f" ({each.owner})" if each.owner else ""
        said = f"{each.rule} for {each.scope}, {until}: {each.reason}{owner}"
        out.append(Setting(key, said, places.get(key, DEFAULT)))
    return out
