"""The answer of `/debug/hotgate/status`."""

from __future__ import annotations

from typing import Literal

from probes.live.goprobe.wire.base import Answer, Count, Moment, Nanoseconds, Number, Wire
from probes.live.goprobe.wire.canary import CanaryStatus


class Image(Wire, frozen=True):
    """The program that runs, and the hand-over that it came by."""

    epoch: str
    generation: Count
    previous_epoch: str
    planned: bool
    handover_monotonic_ns: Nanoseconds
    started_at: Moment
    started_monotonic_ns: Nanoseconds
    pid: Count
    go_version: str
    goos: str
    goarch: str
    main_path: str
    main_version: str
    go_build_id: str
    gnu_build_id: str


class Timer(Wire, frozen=True):
    """ITIMER_PROF, as getitimer(2) reads it."""

    known: bool
    armed: bool
    interval_us: Count
    value_us: Count


class Profiler(Wire, frozen=True):
    """Whether a CPU profile runs, and whose it is."""

    running: bool
    owner: Literal["none", "heartbeat", "endpoint", "other"]
    itimer_prof: Timer


class Cgo(Wire, frozen=True):
    """Whether C is linked in, and how many calls into it were made."""

    built: bool
    calls: Count


class Gc(Wire, frozen=True):
    """The garbage collector."""

    known: bool
    marking: bool
    cycles: Count
    heap_bytes: Count


class Reload(Wire, frozen=True):
    """The signal that asks for an update, if the service says which."""

    declared: bool
    signal: str
    handled: bool


class Signals(Wire, frozen=True):
    """Signals by name."""

    known: bool
    ignored: list[str]
    blocked: list[str]
    reload: Reload


class Listener(Wire, frozen=True):
    """A listening socket that the service told goprobe of."""

    name: str
    network: str
    address: str
    fd: Number
    inode: Count
    inherited: bool
    handover: bool


class Listeners(Wire, frozen=True):
    """The listeners that goprobe knows."""

    rows: list[Listener]
    left_out: Count


class Listening(Wire, frozen=True):
    """A stream socket that listens, no matter who opened it."""

    fd: Count
    address: str
    inode: Count
    inheritable: bool


class Inheritable(Wire, frozen=True):
    """A descriptor that exec would leave open."""

    fd: Count
    target: str


class Descriptors(Wire, frozen=True):
    """Open descriptors; `inheritable` leaves out the standard three."""

    known: bool
    open: Count
    limit: Count
    scanned: Count
    inheritable: list[Inheritable]
    left_out: Count
    listening: list[Listening] | None = None
    left_out_listening: Count = 0


class Work(Wire, frozen=True):
    """One counter of work in flight."""

    name: str
    count: Number
    limit: Number
    state: str
    drained: bool = False


class InFlight(Wire, frozen=True):
    """All work in flight; `over`: some counter is above its limit."""

    count: Number
    over: bool
    rows: list[Work]
    left_out: Count


class Resource(Wire, frozen=True):
    """Something that the service holds in C and counts."""

    name: str
    count: Number
    handover: bool
    state: str


class Resources(Wire, frozen=True):
    """All that the service counts."""

    rows: list[Resource]
    left_out: Count


class Restored(Wire, frozen=True):
    """What the image before handed over."""

    version: Number
    fingerprint: str
    bytes: Count
    digest: str


class State(Wire, frozen=True):
    """One registered piece of state."""

    name: str
    version: Number
    accepts: list[int]
    type: str
    fingerprint: str
    codec: str
    handover: bool
    restored: Restored | None = None


class States(Wire, frozen=True):
    """All state that is registered."""

    rows: list[State]
    left_out: Count


class FromListener(Wire, frozen=True):
    """Connections that came in by one listener."""

    address: str
    count: Count


class KeptKind(Wire, frozen=True):
    """Connections of one kind: those that exec hands over, and those that it cannot."""

    name: str
    version: Number
    kept: Count
    tls: Count
    not_kept: Count
    addresses: list[FromListener]


class Serving(Wire, frozen=True):
    """A server whose connections end while an update drains."""

    kind: str
    address: str
    count: Count


class Connections(Wire, frozen=True):
    """The connections that goprobe knows of, by what an update does with them."""

    kept: Count
    tls: Count
    not_kept: Count
    drained: Count
    rows: list[KeptKind]
    left_out: Count
    servers: list[Serving]
    left_out_servers: Count


class Refusal(Wire, frozen=True):
    """Why goprobe refused an update."""

    code: str
    subject: str
    message: str


class Update(Wire, frozen=True):
    """Where the last update stands."""

    state: str
    refused: list[Refusal]
    left_out: Count
    at: str = ""
    """When the state was entered, RFC 3339; "" when never."""


class Status(Answer, frozen=True):
    """`status`."""

    kind: Literal["status"]
    image: Image
    profiler: Profiler
    cgo: Cgo
    goroutines: Count
    threads: Count
    gc: Gc
    signals: Signals
    listeners: Listeners
    descriptors: Descriptors
    in_flight: InFlight
    resources: Resources
    state: States
    update: Update
    connections: Connections | None = None
    """None of a goprobe that cannot keep any."""
    canary: CanaryStatus | None = None
    """None where there was no canary, and of a goprobe that knows none."""
