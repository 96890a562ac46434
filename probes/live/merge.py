"""What a service says of itself and what `/proc` shows, as one."""

from __future__ import annotations

from dataclasses import replace

from probes.errors import ProbeError
from probes.live.facts import ProcessFacts
from probes.live.privileges import after_exec, read_file_privileges
from probes.live.topics import DescriptorFacts, LiveFacts, ProfilerFacts, RunningImage, SignalFacts


def merge(said: LiveFacts, seen: LiveFacts) -> LiveFacts:
    """`said` by the service itself and `seen` from outside.

    What is seen wins where it is complete (descriptors, masks, the file that runs), what is said adds what cannot be
    seen (whose profile it is, names, hand-overs). A danger that either tells of is one.
    """
    return replace(
        said,
        profiler=_profiler(said.profiler, seen.profiler),
        calls=said.calls if said.calls is not None else seen.calls,
        descriptors=_descriptors(said.descriptors, seen.descriptors),
        signals=_signals(said.signals, seen.signals),
        image=_image(said.image, seen.image),
        process=seen.process,
        notes=(*said.notes, *_disagreement(said, seen)),
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


def _signals(said: SignalFacts | None, seen: SignalFacts | None) -> SignalFacts | None:
    if said is None or seen is None:
        return seen or said
    return replace(
        said, source=_both(said.source, seen.source), ignored=seen.ignored, blocked=_union(said.blocked, seen.blocked)
    )


def _union(first: tuple[str, ...], second: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*first, *second)))


def _image(said: RunningImage | None, seen: RunningImage | None) -> RunningImage | None:
    if said is None or seen is None:
        return seen or said
    return replace(seen, source=_both(said.source, seen.source), epoch=said.epoch, generation=said.generation)


def _disagreement(said: LiveFacts, seen: LiveFacts) -> tuple[str, ...]:
    """Whether the service that answers is not the process that was named."""
    if said.process is None or seen.process is None or said.process.pid == seen.process.namespace_pid:
        return ()
    return (
        f"the service at the URL says that its PID is {said.process.pid}, and --pid names {seen.process.namespace_pid}",
    )
