"""Live evidence as the rules ask for it: one kind for each topic."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, TypeAlias

from gate.evidence.model import Evidence, Missing
from probes.commandline.facts import ArgumentFacts
from probes.kernel.facts import SystemCallDrift
from probes.live import topics as t

if TYPE_CHECKING:
    from collections.abc import Callable

    from gate.evidence.model import Key
    from probes.live.facts import LiveFacts

Profiler: TypeAlias = Annotated[t.ProfilerFacts, Evidence("profiler")]
Calls: TypeAlias = Annotated[t.CallFacts, Evidence("calls")]
Canary: TypeAlias = Annotated[t.CanaryFacts, Evidence("canary")]
Resources: TypeAlias = Annotated[t.ResourceFacts, Evidence("resources")]
Descriptors: TypeAlias = Annotated[t.DescriptorFacts, Evidence("descriptors")]
Connections: TypeAlias = Annotated[t.ConnectionFacts, Evidence("connections")]
Signals: TypeAlias = Annotated[t.SignalFacts, Evidence("signals")]
Image: TypeAlias = Annotated[t.RunningImage, Evidence("image")]
Process: TypeAlias = Annotated[t.ProcessNumbers, Evidence("process")]
Requests: TypeAlias = Annotated[t.RequestFacts, Evidence("requests")]
Privileges: TypeAlias = Annotated[t.PrivilegeFacts, Evidence("privileges")]
Executable: TypeAlias = Annotated[t.ExecutableFacts, Evidence("executable")]
Room: TypeAlias = Annotated[t.RoomFacts, Evidence("room")]
Seccomp: TypeAlias = Annotated[t.SeccompFacts, Evidence("seccomp")]
SystemCalls: TypeAlias = Annotated[SystemCallDrift, Evidence("system calls")]
Arguments: TypeAlias = Annotated[ArgumentFacts, Evidence("arguments")]
Gc: TypeAlias = Annotated[t.GcFacts, Evidence("gc")]
Pprof: TypeAlias = Annotated[t.PprofFacts, Evidence("pprof")]
Health: TypeAlias = Annotated[t.HealthFacts, Evidence("health")]
Heartbeat: TypeAlias = Annotated[t.HeartbeatFacts, Evidence("heartbeat")]
States: TypeAlias = Annotated[t.StateFacts, Evidence("states")]
CanaryRelease: TypeAlias = Annotated[t.CanaryReleaseFacts, Evidence("canary_release")]

SYSTEM_CALLS: Key = (SystemCallDrift, "system calls")
ARGUMENTS: Key = (ArgumentFacts, "arguments")

KEYS: dict[str, Key] = {topic: (kind, topic) for topic, kind in t.KINDS.items()}
"""Topic -> the key under which a rule asks for it."""


def live_values(facts: LiveFacts) -> dict[Key, Callable[[], object]]:
    """The evidence of a running service, or why there is none, for `gate.evidence.model.Bundle`."""
    return {key: _value(facts, name) for name, key in KEYS.items()}


def _value(facts: LiveFacts, name: str) -> Callable[[], object]:
    found = getattr(facts, name)
    return lambda: Missing(facts.missing.get(name, "it could not be found out")) if found is None else found
