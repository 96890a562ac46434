"""What is known of a running service, topic by topic, whoever told it: goprobe, plain pprof, or `/proc`.

A topic that nobody could tell is not there. `source` names who told, for people.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from msgspec import Struct, field

if TYPE_CHECKING:
    from probes.profile.facts import ProfileFacts
    from probes.profile.heartbeat.window import HeartbeatWindow

TOPICS = (
    "profiler",
    "calls",
    "canary",
    "resources",
    "descriptors",
    "signals",
    "image",
    "process",
    "requests",
    "privileges",
    "gc",
    "pprof",
    "health",
    "heartbeat",
)
"""Every topic, in the order in which people are told; the policy's `require` may name any."""


class ProfilerFacts(Struct, frozen=True):
    """Whether a CPU profile runs; None where there are signs of one that may be over.

    `timers`: POSIX timers that send SIGPROF, one a thread, None where not known. They are signs: a thread keeps its own
    until it next runs Go code (runtime/proc.go, `execute`).
    """

    source: str
    running: bool | None
    owner: Literal["none", "heartbeat", "endpoint", "other", "unknown"]
    timers: int | None = None


class Call(Struct, frozen=True):
    """Threads in one C function; `function` and `caller` are "" where not known."""

    function: str
    caller: str
    count: int


class CallFacts(Struct, frozen=True):
    """Threads that are in C. `foreign`: threads that Go did not start, None where not known.

    `certain`: they are known to be in calls; else some may be threads that C keeps for itself.
    """

    source: str
    count: int
    calls: tuple[Call, ...] = ()
    foreign: tuple[str, ...] | None = None
    certain: bool = True


class CanaryFacts(Struct, frozen=True):
    """The canaries, and C's walk up the stack: each `holds`/`agrees`, `broken`/`differs` or `unknown`."""

    source: str
    thread_id: int
    thread_local: Literal["holds", "broken", "unknown"]
    static: Literal["holds", "broken", "unknown"]
    walk: Literal["agrees", "differs", "unknown"]
    walk_reason: str = ""
    expected: tuple[str, str] = ("", "")
    found: tuple[str, str] = ("", "")


class ResourceUse(Struct, frozen=True):
    """Something held in C: how many, and whether there is a hand-over for it. `known`: its counter answered."""

    name: str
    count: int
    handed_over: bool
    known: bool = True


class ResourceFacts(Struct, frozen=True):
    """What the service counts. `heap_bytes`: C's heap in use, None where not known."""

    source: str
    resources: tuple[ResourceUse, ...]
    heap_bytes: int | None = None


class Listening(Struct, frozen=True):
    """A listening socket. `handed_over`: the service has declared that it passes it on."""

    fd: int
    address: str
    close_on_exec: bool
    handed_over: bool


class DescriptorFacts(Struct, frozen=True):
    """Open descriptors. `leaking`: (number, target) of those that exec leaves open and nobody hands over.

    `complete`: all listeners are known, which only `/proc` can say.
    """

    source: str
    listeners: tuple[Listening, ...]
    leaking: tuple[tuple[int, str], ...]
    complete: bool
    limit: int | None = None


class SignalFacts(Struct, frozen=True):
    """Signals by name. `handlers`: (signal, where) of handlers outside of Go, None where not known."""

    source: str
    ignored: tuple[str, ...]
    blocked: tuple[str, ...]
    handlers: tuple[tuple[str, str], ...] | None = None
    reload: str = ""
    reload_handled: bool | None = None


class RunningImage(Struct, frozen=True):
    """The program that runs. Ids are "" where not known; `sha256` only where the file could be read."""

    source: str
    gnu_build_id: str = ""
    go_build_id: str = ""
    sha256: str = ""
    path: str = ""
    go_version: str = ""
    replaced: bool = False
    """The file that it runs has been removed or replaced on disk."""
    epoch: str = ""
    generation: int | None = None
    another: str = ""
    """How the service at the URL is seen to be another process than the one that the PID names."""
    unsure: str = ""
    """Why it may be."""


class ProcessNumbers(Struct, frozen=True):
    """Where the process stands among others. `namespace_pid`: its own view of its PID."""

    source: str
    pid: int
    namespace_pid: int
    parent: int | None = None
    parent_name: str = ""


class WorkInFlight(Struct, frozen=True):
    """One counter of work: None as `limit` where nobody set one. `drained`: goprobe's Upgrade waits for it by itself."""

    name: str
    count: int
    limit: int | None
    known: bool = True
    drained: bool = False


class RequestFacts(Struct, frozen=True):
    """Work in flight. `over`: some counter is above its limit."""

    source: str
    work: tuple[WorkInFlight, ...]
    over: bool


class PrivilegeFacts(Struct, frozen=True):
    """What exec of NEW makes of the process's privileges, by capabilities(7). Masks: bit n stands for capability n."""

    source: str
    permitted: tuple[int, int]
    """Now, and after exec."""
    effective: tuple[int, int]
    uid: tuple[int, int]
    """The effective one now, and after exec."""
    gid: tuple[int, int]
    no_new_privs: bool
    reason: str
    """What about NEW decides: its file's capabilities or its set-id bits."""


class GcFacts(Struct, frozen=True):
    """Whether a garbage collection is marking."""

    source: str
    marking: bool
    cycles: int


class PprofFacts(Struct, frozen=True):
    """What the profile endpoints answered. `problems`: (endpoint, what is wrong)."""

    source: str
    answered: tuple[tuple[str, int], ...]
    """(endpoint, samples) of what was a profile."""
    problems: tuple[tuple[str, str], ...]


class HealthMark(Struct, frozen=True):
    """One part of the health score."""

    name: str
    state: str
    figure: float | None
    unit: str
    threshold: float
    score: float | None
    reason: str = ""


class HealthFacts(Struct, frozen=True):
    """The health score from 0 to 100, and the share of its parts that have data."""

    source: str
    score: float
    coverage: float
    parts: tuple[HealthMark, ...]


class HeartbeatFacts(Struct, frozen=True):
    """The heartbeat: its settings in nanoseconds and hertz, and the windows that are kept, oldest first."""

    source: str
    enabled: bool
    interval_ns: int
    window_ns: int
    rate_hz: int
    windows: tuple[HeartbeatWindow, ...]


class CpuProfiles(Struct, frozen=True):
    """CPU profiles of the running image that were there anyway, oldest first.

    `missing`: why there is none, "" when there are. `notes`: what of them could not be had.
    """

    source: str
    profiles: tuple[ProfileFacts, ...]
    missing: str = ""
    notes: tuple[str, ...] = ()


class LiveFacts(Struct, frozen=True):
    """Everything that could be learned about one service.

    A topic is None where nobody could tell; `missing` has the reason by topic. `notes` say what was odd.
    """

    url: str = ""
    pid: int | None = None
    profiler: ProfilerFacts | None = None
    calls: CallFacts | None = None
    canary: CanaryFacts | None = None
    resources: ResourceFacts | None = None
    descriptors: DescriptorFacts | None = None
    signals: SignalFacts | None = None
    image: RunningImage | None = None
    process: ProcessNumbers | None = None
    requests: RequestFacts | None = None
    privileges: PrivilegeFacts | None = None
    gc: GcFacts | None = None
    pprof: PprofFacts | None = None
    health: HealthFacts | None = None
    heartbeat: HeartbeatFacts | None = None
    cpu: CpuProfiles | None = None
    """None where nobody asked for them. No topic: what they say depends on the binaries that they are held against."""
    handed_over: tuple[int, ...] = ()
    """Inodes of the sockets that the service says it passes on."""
    missing: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
