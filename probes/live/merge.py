"""What a service says of itself and what `/proc` shows, as one."""

from __future__ import annotations

from urllib.parse import urlsplit

from msgspec.structs import replace

from probes.errors import ProbeError
from probes.live.facts import LiveFacts
from probes.live.proc.executable import read_executable
from probes.live.proc.facts import ProcessFacts
from probes.live.proc.privileges import after_exec, read_file_privileges
from probes.live.proc.room import read_room
from probes.live.topics import CallFacts, ConnectionFacts, DescriptorFacts, ProfilerFacts, RunningImage, SignalFacts


def merge(said: LiveFacts, seen: LiveFacts) -> LiveFacts:
    """`said` by the service itself and `seen` from outside.

    What is seen wins where it is complete (descriptors, masks, the file that runs), what is said adds what cannot be
    seen (whose profile it is, names, hand-overs). A danger that either reports is one.
    """
    return replace(
        said,
        profiler=_profiler(said.profiler, seen.profiler),
        calls=_calls(said.calls, seen.calls),
        descriptors=_descriptors(said.descriptors, seen.descriptors),
        connections=_connections(said.connections, seen.connections),
        signals=_signals(said.signals, seen.signals),
        image=_image(said, seen),
        process=seen.process,
        seccomp=seen.seccomp,
        argv=seen.argv,
        missing={name: said.missing.get(name) or reason for name, reason in (said.missing | seen.missing).items()},
    )


def with_privileges(facts: LiveFacts, process: ProcessFacts, new_path: str) -> LiveFacts:
    """`facts` with what exec of the file at `new_path` makes of the process's privileges."""
    if not new_path:
        return replace(facts, missing={**facts.missing, "privileges": "there is no NEW"})
    try:
        file = read_file_privileges(new_path)
    except ProbeError as exc:
        return replace(facts, missing={**facts.missing, "privileges": exc.what})
    return replace(facts, privileges=after_exec(process.credentials, file, source="/proc"))


def with_start(facts: LiveFacts, process: ProcessFacts, new_path: str, exec_path: str) -> LiveFacts:
    """`facts` with which file exec would start, and what room there is for it."""
    missing = dict(facts.missing)
    executable = room = None
    try:
        executable = read_executable(process, new_path, exec_path=exec_path) if new_path else None
        missing |= {} if new_path else {"executable": "there is no NEW"}
    except ProbeError as exc:
        missing["executable"] = f"{exc.what}: {exc.hint}" if exc.hint else exc.what
    try:
        room = read_room(process)
    except ProbeError as exc:
        missing["room"] = exc.what
    return replace(facts, executable=executable, room=room, missing=missing)


def _both(first: str, second: str) -> str:
    return f"{first} and {second}"


def _profiler(said: ProfilerFacts | None, seen: ProfilerFacts | None) -> ProfilerFacts | None:
    if said is None or seen is None:
        return said or seen
    running = bool(said.running or seen.running)  # timers of idle threads are told apart by what the service says
    owner = said.owner if said.running else "other" if running else "none"
    return ProfilerFacts(_both(said.source, seen.source), running, owner, seen.timers)


def _descriptors(said: DescriptorFacts | None, seen: DescriptorFacts | None) -> DescriptorFacts | None:
    if said is None or seen is None:
        return seen or said
    return replace(seen, source=_both(said.source, seen.source))


def _connections(said: ConnectionFacts | None, seen: ConnectionFacts | None) -> ConnectionFacts | None:
    """Seen by number, and as many of them handed over as the service says, listener by listener.

    The two looks are of two moments: what the service counted and has gone since, such as the connection that asked it, must
    not stand for one that nobody hands over.
    """
    if said is None or seen is None:
        return seen or said
    counted = {each.listener: each.count for each in said.accepted}
    unknown = sum(max(each.count - counted.get(each.listener, 0), 0) for each in seen.accepted)
    lost = max(said.total - said.kept - said.drained, 0)
    kept = min(said.kept, seen.total)
    drained = min(max(seen.total - kept - unknown - lost, 0), said.drained)
    return replace(seen, source=_both(said.source, seen.source), kept=kept, drained=drained)


def _signals(said: SignalFacts | None, seen: SignalFacts | None) -> SignalFacts | None:
    if said is None or seen is None:
        return seen or said
    return replace(
        said, source=_both(said.source, seen.source), ignored=seen.ignored, blocked=_union(said.blocked, seen.blocked)
    )


def _union(first: tuple[str, ...], second: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*first, *second)))


def _calls(said: CallFacts | None, seen: CallFacts | None) -> CallFacts | None:
    """Threads that are seen in C beyond the calls that the service knows of are threads that C keeps for itself."""
    if said is None or seen is None:
        return said or seen
    beyond = seen.count - said.count
    if beyond <= 0 or said.foreign is not None:
        return said
    named = tuple(call.caller for call in seen.calls) if not said.count else (f"{beyond} of those seen in C",)
    return replace(said, source=_both(said.source, seen.source), foreign=named)


def _image(said: LiveFacts, seen: LiveFacts) -> RunningImage | None:
    if said.image is None or seen.image is None:
        return replace(seen.image, unsure=_unsure(said, seen)) if seen.image is not None else said.image
    return replace(
        seen.image,
        source=_both(said.image.source, seen.image.source),
        epoch=said.image.epoch,
        generation=said.image.generation,
        another=_another(said, seen, said.image, seen.image),
        unsure=_unsure(said, seen),
    )


def _another(said: LiveFacts, seen: LiveFacts, ours: RunningImage, theirs: RunningImage) -> str:
    """How the service that answers is not the process that was named."""
    if said.process is not None and seen.process is not None and said.process.pid != seen.process.namespace_pid:
        return f"the service says that its PID is {said.process.pid}, and --pid names {seen.process.namespace_pid}"
    for name in ("gnu_build_id", "go_build_id"):
        first, second = getattr(ours, name), getattr(theirs, name)
        if first and second and first != second:
            return f"the service at the URL is build {first[:16]}, and the process is build {second[:16]}"
    return ""


def _unsure(said: LiveFacts, seen: LiveFacts) -> str:
    """Whether a service that does not tell its PID listens at another port than the process does."""
    port = urlsplit(said.url).port if said.url else None
    if said.process is not None or port is None or seen.descriptors is None:
        return ""
    if any(listener.address.endswith(f":{port}") for listener in seen.descriptors.listeners):
        return ""
    return f"the process does not listen on port {port}"
