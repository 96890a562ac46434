"""Everything that could be learned about one service."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct, field

if TYPE_CHECKING:
    from probes.live import topics as t


class LiveFacts(Struct, frozen=True):
    """Everything that could be learned about one service.

    A topic is None where it could not be found out; `missing` has the reason by topic. `notes` say what was odd.
    """

    url: str = ""
    pid: int | None = None
    profiler: t.ProfilerFacts | None = None
    calls: t.CallFacts | None = None
    canary: t.CanaryFacts | None = None
    resources: t.ResourceFacts | None = None
    descriptors: t.DescriptorFacts | None = None
    connections: t.ConnectionFacts | None = None
    signals: t.SignalFacts | None = None
    image: t.RunningImage | None = None
    process: t.ProcessNumbers | None = None
    requests: t.RequestFacts | None = None
    privileges: t.PrivilegeFacts | None = None
    executable: t.ExecutableFacts | None = None
    room: t.RoomFacts | None = None
    seccomp: t.SeccompFacts | None = None
    gc: t.GcFacts | None = None
    pprof: t.PprofFacts | None = None
    health: t.HealthFacts | None = None
    heartbeat: t.HeartbeatFacts | None = None
    states: t.StateFacts | None = None
    canary_release: t.CanaryReleaseFacts | None = None
    cpu: t.CpuProfiles | None = None
    """None where they were not asked for. No topic: what they say depends on the binaries that they are held against."""
    argv: tuple[str, ...] = ()
    """The process's command line; empty where it is not known. No topic: its values may be secrets, and no report may have them."""
    handed_over: tuple[int, ...] = ()
    """Inodes of the sockets that the service says it passes on."""
    missing: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
