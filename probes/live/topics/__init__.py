"""What can be known of a running service, a topic a file. `source` names where it is from, for people.

A topic that could not be found out is not there. Each has the facts and what they come to in words (`summary`); who can tell it has a
function of its name: `probes.live.goprobe.topics`, `probes.live.proc.topics`, `probes.live.pprof.topics`.
"""

from __future__ import annotations

from typing import Protocol

from probes.live.topics.calls import Call, CallFacts
from probes.live.topics.canary import CanaryFacts
from probes.live.topics.canary_release import CanaryCounts, CanaryReleaseFacts
from probes.live.topics.connections import Accepted, ConnectionFacts
from probes.live.topics.cpu import CpuProfiles
from probes.live.topics.descriptors import DescriptorFacts, Listening
from probes.live.topics.executable import ExecutableFacts, StartPath
from probes.live.topics.gc import GcFacts
from probes.live.topics.health import HealthFacts, HealthMark
from probes.live.topics.heartbeat import HeartbeatFacts
from probes.live.topics.image import RunningImage
from probes.live.topics.pprof import PprofFacts
from probes.live.topics.privileges import PrivilegeFacts
from probes.live.topics.process import ProcessNumbers
from probes.live.topics.profiler import ProfilerFacts
from probes.live.topics.requests import RequestFacts, WorkInFlight
from probes.live.topics.resources import ResourceFacts, ResourceUse
from probes.live.topics.room import MemoryRoom, RoomFacts, TaskRoom
from probes.live.topics.seccomp import SeccompFacts
from probes.live.topics.signals import SignalFacts
from probes.live.topics.states import HandedState, StateFacts

__all__ = [
    "KINDS",
    "TOPICS",
    "Accepted",
    "Call",
    "CallFacts",
    "CanaryCounts",
    "CanaryFacts",
    "CanaryReleaseFacts",
    "ConnectionFacts",
    "CpuProfiles",
    "DescriptorFacts",
    "ExecutableFacts",
    "GcFacts",
    "HandedState",
    "HealthFacts",
    "HealthMark",
    "HeartbeatFacts",
    "Listening",
    "MemoryRoom",
    "PprofFacts",
    "PrivilegeFacts",
    "ProcessNumbers",
    "ProfilerFacts",
    "RequestFacts",
    "ResourceFacts",
    "ResourceUse",
    "RoomFacts",
    "RunningImage",
    "SeccompFacts",
    "SignalFacts",
    "StartPath",
    "StateFacts",
    "TaskRoom",
    "Topic",
    "WorkInFlight",
]


class Topic(Protocol):
    """What every topic has."""

    @property
    def source(self) -> str:
        """Where it is from."""

    def summary(self) -> str:
        """What it comes to, in words."""


KINDS: dict[str, type[Topic]] = {
    "profiler": ProfilerFacts,
    "calls": CallFacts,
    "canary": CanaryFacts,
    "resources": ResourceFacts,
    "descriptors": DescriptorFacts,
    "connections": ConnectionFacts,
    "signals": SignalFacts,
    "image": RunningImage,
    "process": ProcessNumbers,
    "requests": RequestFacts,
    "privileges": PrivilegeFacts,
    "executable": ExecutableFacts,
    "room": RoomFacts,
    "seccomp": SeccompFacts,
    "gc": GcFacts,
    "pprof": PprofFacts,
    "health": HealthFacts,
    "heartbeat": HeartbeatFacts,
    "states": StateFacts,
    "canary_release": CanaryReleaseFacts,
}
"""Every topic, in the order in which they are reported; the policy's `require` may name any."""

TOPICS = tuple(KINDS)
