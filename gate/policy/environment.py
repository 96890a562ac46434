"""The policy's part of the environment: `HOTGATE_*` variables, laid over the policy file and under the flags.

A list is words separated by blanks (addresses: by commas), a table is words like `HG403=block`. An empty variable counts as not set.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from gate.model import Mode, Severity
from gate.policy.command_line import split_argv
from gate.policy.errors import PolicyError, checked_docs_url, nearest
from gate.policy.model import check_evidence_name
from probes.live.topics import TOPICS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from gate.policy.model import Policy, Setting

PREFIX = "HOTGATE_"
MAX_DIGITS = 18


def check_environment(environ: Mapping[str, str]) -> None:
    """Raise PolicyError, with the nearest valid name, for a variable of ours that means nothing."""
    for name in sorted(environ):
        if not name.startswith(PREFIX) or name in OTHERS or name in LAYERS:
            continue
        if name == "HOTGATE_SUPPRESS":
            hint = "a suppression needs a reason and an expiry date: write it into the policy file"
        elif name.startswith("HOTGATE_SIDECAR"):
            hint = "services are listed in the file: hotgate sidecar --config FILE"
        elif name.startswith("HOTGATE_CONTRACT"):
            hint = "a contract is reviewed with the code: write it into the policy file"
        else:
            names = sorted({*LAYERS, *OTHERS})
            hint = f"{nearest(name, names, cutoff=0.75)}valid names are {', '.join(names)}"
        raise PolicyError(f"unknown environment variable: {name}", hint=hint)


def apply_environment(policy: Policy, environ: Mapping[str, str]) -> Policy:
    """`policy` with what the environment says instead.

    Raises:
        PolicyError: a variable holds what its key cannot mean. The message names the variable.
    """
    for name, layer in LAYERS.items():
        text = environ.get(name, "").strip()
        if text:
            try:
                policy = layer(policy, text)
            except PolicyError as exc:
                raise PolicyError(f"{name}: {exc}", hint=exc.hint) from exc
    return policy


def _mode(policy: Policy, text: str) -> Policy:
    return replace(policy, mode=Mode(_one_of(text, [mode.value for mode in Mode])), mode_by=f"{PREFIX}MODE")


def _fail_on(policy: Policy, text: str) -> Policy:
    return replace(policy, fail_on=Severity(_one_of(text, [severity.value for severity in Severity])))


def _require(policy: Policy, text: str) -> Policy:
    names = tuple(text.split())
    for name in names:
        check_evidence_name(name)
    return replace(policy, require=names)


def _severity(policy: Policy, text: str) -> Policy:
    from gate.rule_ids import rule_ids

    rules = rule_ids()
    settings: dict[str, Setting] = dict(policy.severity)
    for word in text.split():
        rule, equals, name = word.partition("=")
        if not equals:
            raise PolicyError(f"not RULE=SEVERITY: {word}", hint="write it like HG403=block HG105=off")
        if rule not in rules:
            raise PolicyError(f"unknown rule: {rule}", hint=f"{nearest(rule, rules)}`hotgate rules` lists them")
        chosen = _one_of(name, [*(severity.value for severity in Severity), "off"])
        settings[rule] = "off" if chosen == "off" else Severity(chosen)
    return replace(policy, severity=settings)


def _max_changed_functions(policy: Policy, text: str) -> Policy:
    return replace(policy, thresholds=replace(policy.thresholds, max_changed_functions=_number(text)))


def _min_health(policy: Policy, text: str) -> Policy:
    if _number(text) > 100:
        raise PolicyError(f"above 100: {text}")
    return replace(policy, thresholds=replace(policy.thresholds, min_health=_number(text)))


def _number(text: str) -> int:
    if not (text.isascii() and text.isdecimal()) or len(text) > MAX_DIGITS:
        raise PolicyError(f"not a whole number: {text}")
    return int(text)


def _live_in_flight(policy: Policy, text: str) -> Policy:
    return replace(policy, live=replace(policy.live, in_flight=text))


def _live_in_flight_limit(policy: Policy, text: str) -> Policy:
    return replace(policy, live=replace(policy.live, in_flight_limit=_number(text)))


def _protected_packages(policy: Policy, text: str) -> Policy:
    return replace(policy, protected_packages=tuple(text.split()))


def _debug_tags(policy: Policy, text: str) -> Policy:
    return replace(policy, debug_tags=tuple(text.split()))


def _require_symbols(policy: Policy, text: str) -> Policy:
    return replace(policy, require_symbols=_one_of(text, ["true", "false"]) == "true")


def _data_values(policy: Policy, text: str) -> Policy:
    return replace(policy, data=replace(policy.data, values=_one_of(text, ["true", "false"]) == "true"))


def _way_back(policy: Policy, text: str) -> Policy:
    return replace(policy, way_back="judge" if _one_of(text, ["report", "judge"]) == "judge" else "report")


def _docs_url(policy: Policy, text: str) -> Policy:
    return replace(policy, docs_url=checked_docs_url(text))


def _audit(policy: Policy, text: str) -> Policy:
    return replace(policy, audit=_one_of(text, ["true", "false"]) == "true")


def _store(policy: Policy, text: str) -> Policy:
    return replace(policy, store=text)


def _one_of(text: str, valid: Iterable[str]) -> str:
    choices = list(valid)
    if text not in choices:
        raise PolicyError(
            f"unknown value: {text}", hint=f"{nearest(text, choices)}valid values are {', '.join(choices)}"
        )
    return text


def _live_handed_over(policy: Policy, text: str) -> Policy:
    addresses = tuple(part.strip() for part in text.split(",") if part.strip())  # an address has a blank in it
    return replace(policy, live=replace(policy.live, handed_over=addresses))


def _live_connections_limit(policy: Policy, text: str) -> Policy:
    return replace(policy, live=replace(policy.live, connections_limit=_number(text)))


def _live_argv(policy: Policy, text: str) -> Policy:
    try:
        return replace(policy, live=replace(policy.live, argv=split_argv(text)))
    except ValueError as exc:
        raise PolicyError(str(exc)) from exc


def _live_exec_path(policy: Policy, text: str) -> Policy:
    return replace(policy, live=replace(policy.live, exec_path=text))


def _live_needed(policy: Policy, text: str) -> Policy:
    names = tuple(text.split())
    for name in names:
        if name not in TOPICS:
            raise PolicyError(
                f"unknown topic: {name}", hint=f"{nearest(name, TOPICS)}valid names are {', '.join(TOPICS)}"
            )
    return replace(policy, live=replace(policy.live, needed=names))


def _profile(key: str, most: int, least: int = 0) -> Callable[[Policy, str], Policy]:
    def layer(policy: Policy, text: str) -> Policy:
        if not least <= _number(text) <= most:
            raise PolicyError(f"not between {least} and {most}: {text}")
        return replace(policy, profile=replace(policy.profile, **{key: _number(text)}))

    return layer


LAYERS: dict[str, Callable[[Policy, str], Policy]] = {
    "HOTGATE_MODE": _mode,
    "HOTGATE_FAIL_ON": _fail_on,
    "HOTGATE_REQUIRE": _require,
    "HOTGATE_SEVERITY": _severity,
    "HOTGATE_THRESHOLDS_MAX_CHANGED_FUNCTIONS": _max_changed_functions,
    "HOTGATE_THRESHOLDS_MIN_HEALTH": _min_health,
    "HOTGATE_LIVE_IN_FLIGHT": _live_in_flight,
    "HOTGATE_LIVE_IN_FLIGHT_LIMIT": _live_in_flight_limit,
    "HOTGATE_LIVE_HANDED_OVER": _live_handed_over,
    "HOTGATE_LIVE_CONNECTIONS_LIMIT": _live_connections_limit,
    "HOTGATE_LIVE_ARGV": _live_argv,
    "HOTGATE_LIVE_EXEC_PATH": _live_exec_path,
    "HOTGATE_LIVE_NEEDED": _live_needed,
    "HOTGATE_PROFILE_MIN_CONTINUITY": _profile("min_continuity", 100),
    "HOTGATE_PROFILE_HAND_OVER_SECONDS": _profile("hand_over_seconds", 86_400),
    "HOTGATE_PROFILE_GROWTH_PERCENT": _profile("growth_percent", 10_000),
    "HOTGATE_PROFILE_DETECT_PERCENT": _profile("detect_percent", 10_000, 1),
    "HOTGATE_PROFILE_DETECT_SHARE_PERCENT": _profile("detect_share_percent", 100, 1),
    "HOTGATE_PROFILE_MIN_WINDOWS": _profile("min_windows", 1000, 2),
    "HOTGATE_PROFILE_OVERLAP_PERCENT": _profile("overlap_percent", 100),
    "HOTGATE_PROFILE_HEAT_PERCENT": _profile("heat_percent", 100),
    "HOTGATE_PROFILE_LEAK_PERCENT": _profile("leak_percent", 10_000),
    "HOTGATE_PROTECTED_PACKAGES": _protected_packages,
    "HOTGATE_REQUIRE_SYMBOLS": _require_symbols,
    "HOTGATE_DEBUG_TAGS": _debug_tags,
    "HOTGATE_DATA_VALUES": _data_values,
    "HOTGATE_WAY_BACK": _way_back,
    "HOTGATE_DOCS_URL": _docs_url,
    "HOTGATE_AUDIT": _audit,
    "HOTGATE_STORE": _store,
}
"""What each variable that stands for a key of the policy does to a policy."""

OTHERS = ("HOTGATE_BASELINE", "HOTGATE_DEBUG", "HOTGATE_POLICY", "HOTGATE_TARGET", "HOTGATE_TOKEN_FILE")
"""Variables that stand for flags, and the one that asks for tracebacks."""
