"""goprobe's answers -> topics."""

from __future__ import annotations

from msgspec import Struct

from probes.live import topics as t
from probes.live.goprobe import wire
from probes.profile.heartbeat.window import HeartbeatWindow

SOURCE = "goprobe"


class Answers(Struct, frozen=True):
    """What goprobe answered; None for an endpoint that did not."""

    status: wire.Status
    cgo: wire.CgoAnswer | None
    health: wire.HealthAnswer | None
    heartbeat: wire.HeartbeatAnswer | None


def read(answers: Answers) -> dict[str, t.Topic | None]:
    """Every topic that a function of this module is named after."""
    return {topic: reader(answers) for topic in t.TOPICS if (reader := globals().get(topic)) is not None}


def profiler(answers: Answers) -> t.ProfilerFacts:
    """A timer that is armed kills as well as a profile that runs, no matter who armed it."""
    status = answers.status
    timer = status.profiler.itimer_prof
    owner = status.profiler.owner
    if not status.profiler.running and timer.known and timer.armed:
        owner = "other"
    return t.ProfilerFacts(SOURCE, status.profiler.running or (timer.known and timer.armed), owner)


def calls(answers: Answers) -> t.CallFacts | None:
    """Threads in C; None where the probe could not tell."""
    cgo = answers.cgo
    if cgo is None:
        return None
    if not cgo.built:
        return t.CallFacts(SOURCE, 0, (), _foreign(cgo))
    if not cgo.calls.known or (cgo.calls.skipped and not cgo.calls.count):
        return None
    rows = tuple(t.Call(row.c_function, row.caller, row.count) for row in cgo.calls.rows)
    return t.CallFacts(SOURCE, cgo.calls.count, rows, _foreign(cgo))


def _foreign(cgo: wire.CgoAnswer) -> tuple[str, ...] | None:
    if not cgo.threads.known:
        return None
    return tuple(f"{row.name or 'unnamed'} ({row.tid})" for row in cgo.threads.rows if row.certain)


def canary(answers: Answers) -> t.CanaryFacts | None:
    """The canaries; None in a program without C."""
    cgo = answers.cgo
    if cgo is None:
        return None
    if cgo.canaries is None:
        return None
    local, static = cgo.canaries.thread_local, cgo.canaries.static
    return t.CanaryFacts(
        SOURCE,
        cgo.canaries.thread_id,
        local.state,
        static.state,
        cgo.walk.state if cgo.walk is not None else "unknown",
        cgo.walk.reason if cgo.walk is not None else "",
        (local.expected, static.expected),
        (local.found, static.found),
    )


def resources(answers: Answers) -> t.ResourceFacts:
    """What the service counts."""
    status, cgo = answers.status, answers.cgo
    rows = tuple(t.ResourceUse(row.name, row.count, row.handover, row.state == "ok") for row in status.resources.rows)
    if status.resources.left_out:
        rows += (t.ResourceUse(f"{status.resources.left_out} more kinds", 0, handed_over=False, known=False),)
    return t.ResourceFacts(SOURCE, rows, cgo.heap.in_use_bytes if cgo is not None and cgo.heap is not None else None)


def descriptors(answers: Answers) -> t.DescriptorFacts | None:
    """What the service says of its descriptors. An older goprobe lists only the listeners that it was told of."""
    status = answers.status
    if not status.descriptors.known:
        return None
    leaking = {row.fd: row.target for row in status.descriptors.inheritable}
    listeners = tuple(
        t.Listening(row.fd, f"{row.network} {row.address}", row.fd not in leaking, row.handover)
        for row in status.listeners.rows
    )
    passed = {row.fd for row in status.listeners.rows if row.handover}
    left = tuple(sorted((fd, target) for fd, target in leaking.items() if fd not in passed))
    found = status.descriptors.listening
    own = status.descriptors
    complete = found is not None and not own.left_out_listening and own.scanned >= own.open
    if found is not None:
        known = {row.inode for row in status.listeners.rows}
        open_ = {row.inode for row in found if row.inheritable}
        listeners += tuple(
            t.Listening(row.fd, _named(row.address), row.inode not in open_, row.inode in open_)
            for row in {row.inode: row for row in found}.values()
            if row.inode not in known
        )
    return t.DescriptorFacts(SOURCE, listeners, left, complete=complete, limit=status.descriptors.limit)


def connections(answers: Answers) -> t.ConnectionFacts | None:
    """The connections that goprobe knows of; those that nobody gave to it are not among them."""
    said = answers.status.connections
    if said is None:
        return None
    groups: dict[str, int] = {}
    for kind in said.rows:
        for each in kind.addresses:
            groups[each.address] = groups.get(each.address, 0) + each.count
    for server in said.servers:
        groups[server.address] = groups.get(server.address, 0) + server.count
    accepted = (t.Accepted(_named(address), count) for address, count in groups.items() if count)
    return t.ConnectionFacts(
        SOURCE,
        tuple(sorted(accepted, key=lambda each: (-each.count, each.listener))),
        kept=said.kept,
        drained=said.drained + said.tls,
        complete=False,
    )


def states(answers: Answers) -> t.StateFacts:
    """The state that the service registered."""
    said = answers.status.state
    rows = tuple(
        t.HandedState(row.name, row.version, tuple(row.accepts), row.codec) for row in said.rows if row.handover
    )
    return t.StateFacts(SOURCE, rows, complete=not said.left_out)


def canary_release(answers: Answers) -> t.CanaryReleaseFacts:
    """The canary that runs, or how the last one ended."""
    said = answers.status.canary
    if said is None:
        return t.CanaryReleaseFacts(SOURCE, "none")
    return t.CanaryReleaseFacts(
        SOURCE,
        said.state,
        said.code,
        said.reason,
        said.share,
        said.epoch,
        said.go_build_id,
        _counts(said.old),
        _counts(said.new),
    )


def _counts(side: wire.CanarySide) -> t.CanaryCounts:
    return t.CanaryCounts(side.connections, side.requests, side.failed, side.timed, side.slow)


def _named(address: str) -> str:
    """An address with its network, as `/proc` has it."""
    return f"{'unix' if address.startswith(('/', '@')) or not address else 'tcp'} {address or '(unnamed)'}"


def signals(answers: Answers) -> t.SignalFacts | None:
    """Signals that the new image would inherit, and handlers that are not Go's."""
    status, cgo = answers.status, answers.cgo
    said = status.signals
    if not said.known:
        return None
    handlers = None
    if cgo is not None and (cgo.signal_handlers.known or not cgo.built):
        handlers = tuple(
            (row.signal, f"{row.symbol or row.address} in {row.module or 'unknown memory'}")
            for row in cgo.signal_handlers.rows
        )
    return t.SignalFacts(
        SOURCE,
        tuple(said.ignored),
        tuple(said.blocked),
        handlers,
        said.reload.signal if said.reload.declared else "",
        said.reload.handled if said.reload.declared else None,
    )


def image(answers: Answers) -> t.RunningImage:
    """The program that answers."""
    status = answers.status
    own = status.image
    return t.RunningImage(
        SOURCE,
        gnu_build_id=own.gnu_build_id,
        go_build_id=own.go_build_id,
        go_version=own.go_version,
        epoch=own.epoch,
        generation=own.generation,
    )


def process(answers: Answers) -> t.ProcessNumbers:
    """The PID as the process itself sees it."""
    status = answers.status
    return t.ProcessNumbers(SOURCE, status.image.pid, status.image.pid)


def requests(answers: Answers) -> t.RequestFacts:
    """Work in flight by the service's own counters and limits."""
    status = answers.status
    said = status.in_flight
    rows = tuple(t.WorkInFlight(row.name, row.count, row.limit, row.state == "ok", row.drained) for row in said.rows)
    if said.left_out and said.over and not any(row.count > row.limit or row.state != "ok" for row in said.rows):
        rows += (t.WorkInFlight(f"{said.left_out} more counters", -1, None, known=False),)
    return t.RequestFacts(SOURCE, rows, status.in_flight.over)


def gc(answers: Answers) -> t.GcFacts | None:
    """The garbage collector; None where the runtime does not tell."""
    status = answers.status
    return t.GcFacts(SOURCE, status.gc.marking, status.gc.cycles) if status.gc.known else None


def health(answers: Answers) -> t.HealthFacts | None:
    """The score and its parts; None while no part has data."""
    answer = answers.health
    if answer is None or answer.score is None:
        return None
    parts = tuple(t.HealthMark(p.name, p.state, p.figure, p.unit, p.threshold, p.score, p.reason) for p in answer.parts)
    return t.HealthFacts(SOURCE, answer.score, answer.coverage, parts)


def heartbeat_window(w: wire.Window) -> HeartbeatWindow:
    """A window as goprobe describes it, in its answers and in its directory."""
    return HeartbeatWindow(
        w.seq,
        w.epoch,
        w.generation,
        w.start_monotonic_ns,
        w.end_monotonic_ns,
        w.started_at.timestamp(),
        w.rate_hz,
        w.samples,
        w.cpu_seconds,
        w.state,
        w.reason,
    )


def kept_windows(answer: wire.HeartbeatAnswer) -> t.HeartbeatFacts:
    """The heartbeat's windows, oldest first."""
    windows = tuple(map(heartbeat_window, answer.windows))
    own = answer.settings
    return t.HeartbeatFacts(SOURCE, answer.enabled, own.interval_ns, own.window_ns, own.rate_hz, windows)


def heartbeat(answers: Answers) -> t.HeartbeatFacts | None:
    """The heartbeat."""
    return None if answers.heartbeat is None else kept_windows(answers.heartbeat)
