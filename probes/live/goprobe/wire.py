"""What goprobe's endpoints answer, as types: `goprobe/WIRE.md` describes each field.

Answers come from outside: every one is checked here before anything else sees it. Fields that a newer goprobe adds are
ignored; lists and texts are bounded by the size of the answer.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

SCHEMA_VERSION = "1"

Number = Annotated[int, Field(ge=-(1 << 62), le=1 << 62)]
Count = Annotated[int, Field(ge=0, le=1 << 62)]
Nanoseconds = Annotated[int, Field(ge=-(1 << 62), le=1 << 62)]
Amount = Annotated[float, Field(ge=0, le=1e18, allow_inf_nan=False)]


class Wire(BaseModel):
    """What all parts have in common."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class Answer(Wire):
    """The head of every answer."""

    schema_version: Literal["1"]
    taken_at: AwareDatetime
    taken_monotonic_ns: Nanoseconds


class Image(Wire):
    """The program that runs, and the hand-over that it came by."""

    epoch: str
    generation: Count
    previous_epoch: str
    planned: bool
    handover_monotonic_ns: Nanoseconds
    started_at: AwareDatetime
    started_monotonic_ns: Nanoseconds
    pid: Count
    go_version: str
    goos: str
    goarch: str
    main_path: str
    main_version: str
    go_build_id: str
    gnu_build_id: str


class Timer(Wire):
    """ITIMER_PROF, as getitimer(2) reads it."""

    known: bool
    armed: bool
    interval_us: Count
    value_us: Count


class Profiler(Wire):
    """Whether a CPU profile runs, and whose it is."""

    running: bool
    owner: Literal["none", "heartbeat", "endpoint", "other"]
    itimer_prof: Timer


class Cgo(Wire):
    """Whether C is linked in, and how many calls into it were made."""

    built: bool
    calls: Count


class Gc(Wire):
    """The garbage collector."""

    known: bool
    marking: bool
    cycles: Count
    heap_bytes: Count


class Reload(Wire):
    """The signal that asks for an update, if the service says which."""

    declared: bool
    signal: str
    handled: bool


class Signals(Wire):
    """Signals by name."""

    known: bool
    ignored: list[str]
    blocked: list[str]
    reload: Reload


class Listener(Wire):
    """A listening socket that the service told goprobe of."""

    name: str
    network: str
    address: str
    fd: Number
    inode: Count
    inherited: bool
    handover: bool


class Listeners(Wire):
    """The listeners that goprobe knows."""

    rows: list[Listener]
    left_out: Count


class Listening(Wire):
    """A stream socket that listens, whoever opened it."""

    fd: Count
    address: str
    inode: Count
    inheritable: bool


class Inheritable(Wire):
    """A descriptor that exec would leave open."""

    fd: Count
    target: str


class Descriptors(Wire):
    """Open descriptors; `inheritable` leaves out the standard three."""

    known: bool
    open: Count
    limit: Count
    scanned: Count
    inheritable: list[Inheritable]
    left_out: Count
    listening: list[Listening] | None = None
    left_out_listening: Count = 0


class Work(Wire):
    """One counter of work in flight."""

    name: str
    count: Number
    limit: Number
    state: str
    drained: bool = False


class InFlight(Wire):
    """All work in flight; `over`: some counter is above its limit."""

    count: Number
    over: bool
    rows: list[Work]
    left_out: Count


class Resource(Wire):
    """Something that the service holds in C and counts."""

    name: str
    count: Number
    handover: bool
    state: str


class Resources(Wire):
    """All that the service counts."""

    rows: list[Resource]
    left_out: Count


class Restored(Wire):
    """What the image before handed over."""

    version: Number
    fingerprint: str
    bytes: Count
    digest: str


class State(Wire):
    """One registered piece of state."""

    name: str
    version: Number
    accepts: list[int]
    type: str
    fingerprint: str
    codec: str
    handover: bool
    restored: Restored | None = None


class States(Wire):
    """All state that is registered."""

    rows: list[State]
    left_out: Count


class Refusal(Wire):
    """Why goprobe refused an update."""

    code: str
    subject: str
    message: str


class Update(Wire):
    """Where the last update stands."""

    state: str
    refused: list[Refusal]
    left_out: Count


class Status(Answer):
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


class Canary(Wire):
    """One value that was drawn at run time, and what was found in its place."""

    state: Literal["holds", "broken", "unknown"]
    expected: str
    found: str
    reads: Count


class Canaries(Wire):
    """The canaries in C's thread-local and static storage."""

    thread_id: Count
    thread_local: Canary
    static: Canary


class CallRow(Wire):
    """Threads in one C function, by their caller in Go."""

    c_function: str
    caller: str
    file: str
    line: Count
    count: Count


class Calls(Wire):
    """Threads in C calls."""

    known: bool
    count: Count
    rows: list[CallRow]
    left_out: Count
    skipped: Count = 0


class ThreadRow(Wire):
    """A thread that Go did not start."""

    tid: Count
    name: str
    state: str
    certain: bool


class Threads(Wire):
    """The threads of the process."""

    known: bool
    total: Count
    foreign: Count
    rows: list[ThreadRow]
    left_out: Count


class Heap(Wire):
    """C's heap, by mallinfo2."""

    source: str
    in_use_bytes: Count


class HandlerRow(Wire):
    """A signal handler outside of Go's text."""

    signal: str
    address: str
    module: str
    symbol: str = ""


class Handlers(Wire):
    """Signal handlers that are not Go's."""

    known: bool
    rows: list[HandlerRow]
    left_out: Count


class Walk(Wire):
    """Whether C's walk up the stack agrees with Go's."""

    state: Literal["agrees", "differs", "unknown"]
    reason: str


class CgoAnswer(Answer):
    """`cgo`. Without C, there are no canaries, heap and walk."""

    kind: Literal["cgo"]
    epoch: str
    built: bool
    canaries: Canaries | None
    calls: Calls
    threads: Threads
    heap: Heap | None
    signal_handlers: Handlers
    walk: Walk | None


class Window(Wire):
    """One window of the heartbeat."""

    seq: Count
    epoch: str
    generation: Count
    started_at: AwareDatetime
    ended_at: AwareDatetime
    start_monotonic_ns: Nanoseconds
    end_monotonic_ns: Nanoseconds
    duration_ns: Count
    rate_hz: Count
    samples: Count
    cpu_seconds: Amount
    bytes: Count
    state: Literal["ok", "short", "yielded", "failed"]
    reason: str


class Settings(Wire):
    """How the heartbeat collects."""

    interval_ns: Count
    window_ns: Count
    rate_hz: Count
    ring: Count


class HeartbeatAnswer(Answer):
    """`heartbeat`."""

    kind: Literal["heartbeat"]
    epoch: str
    generation: Count
    enabled: bool
    state: str
    settings: Settings
    next_seq: Count
    cpu_seconds: Amount
    windows: list[Window]


class HealthPart(Wire):
    """One part of the score."""

    name: str
    state: Literal["ok", "stale", "absent"]
    reason: str
    figure: float | None
    unit: str
    threshold: float
    limit: float
    weight: Amount
    score: Annotated[float, Field(ge=0, le=100)] | None


class HealthAnswer(Answer):
    """`healthz`."""

    kind: Literal["health"]
    epoch: str
    score: Annotated[float, Field(ge=0, le=100)] | None
    coverage: Annotated[float, Field(ge=0, le=1)]
    parts: list[HealthPart]


class ErrorBody(Wire):
    """What went wrong."""

    code: str
    message: str
    hint: str = ""


class ErrorAnswer(Wire):
    """Any answer from 400 on."""

    schema_version: Literal["1"]
    kind: Literal["error"]
    error: ErrorBody
