"""The answer of `/debug/hotgate/cgo`."""

from __future__ import annotations

from typing import Literal

from probes.live.goprobe.wire.base import Answer, Count, Wire


class Canary(Wire, frozen=True):
    """One value that was drawn at run time, and what was found in its place."""

    state: Literal["holds", "broken", "unknown"]
    expected: str
    found: str
    reads: Count


class Canaries(Wire, frozen=True):
    """The canaries in C's thread-local and static storage."""

    thread_id: Count
    thread_local: Canary
    static: Canary


class CallRow(Wire, frozen=True):
    """Threads in one C function, by their caller in Go."""

    c_function: str
    caller: str
    file: str
    line: Count
    count: Count


class Calls(Wire, frozen=True):
    """Threads in C calls."""

    known: bool
    count: Count
    rows: list[CallRow]
    left_out: Count
    skipped: Count = 0


class ThreadRow(Wire, frozen=True):
    """A thread that Go did not start."""

    tid: Count
    name: str
    state: str
    certain: bool


class Threads(Wire, frozen=True):
    """The threads of the process."""

    known: bool
    total: Count
    foreign: Count
    rows: list[ThreadRow]
    left_out: Count


class Heap(Wire, frozen=True):
    """C's heap, by mallinfo2."""

    source: str
    in_use_bytes: Count


class HandlerRow(Wire, frozen=True):
    """A signal handler outside of Go's text."""

    signal: str
    address: str
    module: str
    symbol: str = ""


class Handlers(Wire, frozen=True):
    """Signal handlers that are not Go's."""

    known: bool
    rows: list[HandlerRow]
    left_out: Count


class Walk(Wire, frozen=True):
    """Whether C's walk up the stack agrees with Go's."""

    state: Literal["agrees", "differs", "unknown"]
    reason: str


class CgoAnswer(Answer, frozen=True):
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
