"""Live evidence as the rules ask for it: one kind for each topic."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, TypeAlias

from gate.evidence import Evidence, Missing
from probes.live import topics as t

if TYPE_CHECKING:
    from collections.abc import Callable

    from gate.evidence import Key

Profiler: TypeAlias = Annotated[t.ProfilerFacts, Evidence("profiler")]
Calls: TypeAlias = Annotated[t.CallFacts, Evidence("calls")]
Canary: TypeAlias = Annotated[t.CanaryFacts, Evidence("canary")]
Resources: TypeAlias = Annotated[t.ResourceFacts, Evidence("resources")]
Descriptors: TypeAlias = Annotated[t.DescriptorFacts, Evidence("descriptors")]
Signals: TypeAlias = Annotated[t.SignalFacts, Evidence("signals")]
Image: TypeAlias = Annotated[t.RunningImage, Evidence("image")]
Process: TypeAlias = Annotated[t.ProcessNumbers, Evidence("process")]
Requests: TypeAlias = Annotated[t.RequestFacts, Evidence("requests")]
Privileges: TypeAlias = Annotated[t.PrivilegeFacts, Evidence("privileges")]
Gc: TypeAlias = Annotated[t.GcFacts, Evidence("gc")]
Pprof: TypeAlias = Annotated[t.PprofFacts, Evidence("pprof")]
Health: TypeAlias = Annotated[t.HealthFacts, Evidence("health")]
Heartbeat: TypeAlias = Annotated[t.HeartbeatFacts, Evidence("heartbeat")]

KEYS: dict[str, Key] = {
    name: (annotation.__origin__, name)
    for name, annotation in {
        "profiler": Profiler,
        "calls": Calls,
        "canary": Canary,
        "resources": Resources,
        "descriptors": Descriptors,
        "signals": Signals,
        "image": Image,
        "process": Process,
        "requests": Requests,
        "privileges": Privileges,
        "gc": Gc,
        "pprof": Pprof,
        "health": Health,
        "heartbeat": Heartbeat,
    }.items()
}
"""Topic -> the key under which a rule asks for it."""

NEEDED = ("profiler", "calls", "image")
"""Without these nobody can say that exec is safe right now: asked for, they are required."""

NOT_ASKED = "no live service was asked: pass --live URL or --pid PID"


def live_values(facts: t.LiveFacts | None) -> dict[Key, Callable[[], object]]:
    """The evidence of a running service, or why there is none, for `gate.evidence.Bundle`."""
    if facts is None:
        return {key: lambda: Missing(NOT_ASKED) for key in KEYS.values()}
    return {key: _value(facts, name) for name, key in KEYS.items()}


def _value(facts: t.LiveFacts, name: str) -> Callable[[], object]:
    found = getattr(facts, name)
    return lambda: Missing(facts.missing.get(name, "nobody could tell")) if found is None else found
