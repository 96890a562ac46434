"""A table of watch rules -> WatchConfig."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gate.policy.errors import PolicyError
from gate.watch.config import WatchConfig, WatchRule
from probes.errors import ProbeError
from probes.live.client import base_url

if TYPE_CHECKING:
    from gate.watch.tables import Watch


def watch_config(path: str, service: str, own: Watch) -> WatchConfig:
    """The rules of `service` in the file at `path`.

    Raises:
        PolicyError: a rule lacks a key of its kind, or has one of the other.
    """
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
