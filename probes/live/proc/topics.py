"""`/proc/<pid>` -> topics."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterable, Mapping

from probes.live import topics as t
from probes.live.proc.facts import OUTGOING, Descriptor, ProcessFacts, Thread
from probes.live.proc.facts import Mapping as CodeMapping
from probes.live.proc.image import SOURCE, Program

_INODE = re.compile(r"socket:\[(\d+)\]")
_LAST_NAMED = 64
IDLE_MILLISECONDS = 60_000


def profiler(process: ProcessFacts, program: Program | None) -> t.ProfilerFacts | None:
    """Whether a CPU profile of Go 1.18 or newer runs, by the POSIX timer that each of its threads gets.

    Without timers there is none: the thread that starts it has one at once. A thread that is busy loses its timer
    within a time slice after the end; one that is idle keeps it, and says nothing. `/proc` does not show ITIMER_PROF,
    so that no timers say nothing either where C, or an older Go, can have armed that.
    """
    if process.profile_timers is None:
        return None
    if not process.profile_timers:
        hidden = program is None or program.hidden_timer
        return t.ProfilerFacts(SOURCE, None if hidden else False, "unknown" if hidden else "none", timers=0)
    running = True if process.profile_timers_used else None
    return t.ProfilerFacts(SOURCE, running, "unknown", process.profile_timers)


def calls(process: ProcessFacts, program: Program | None) -> tuple[t.CallFacts | None, str]:
    """Threads that wait in a system call that code outside of Go made: in a C call, or kept by C for itself.

    None, and the reason, where that cannot be told: the kernel does not say where a thread that runs is.
    """
    if program is not None and not program.has_c:
        return t.CallFacts(SOURCE, 0), ""
    if process.code is None or program is None or all(thread.pc is None for thread in process.threads):
        return None, "the kernel does not say where its threads are"
    inside = [thread for thread in process.threads if _in_c(thread, process, process.code, program.go_text)]
    rows = tuple(t.Call("", f"thread {thread.tid} ({thread.name})", 1) for thread in inside)
    unseen = sum(thread.pc is None for thread in process.threads) + process.threads_omitted
    if unseen and not inside:
        return None, f"{unseen} of its threads may be computing in C: pass --live URL"
    return t.CallFacts(SOURCE, len(inside), rows, certain=not inside), ""


def _in_c(thread: Thread, process: ProcessFacts, code: Iterable[CodeMapping], go_text: tuple[int, int] | None) -> bool:
    pc = thread.pc or 0
    place = next((mapping for mapping in code if mapping.start <= pc < mapping.end), None)
    if place is None or place.path == "[vdso]":
        return False
    if place.path == process.exe:
        return go_text is not None and not go_text[0] <= pc < go_text[1]
    return bool(place.path)


def descriptors(process: ProcessFacts, handed_over: frozenset[int]) -> t.DescriptorFacts | None:
    """All descriptors; `handed_over`: inodes of the sockets that the service has said it passes on.

    A socket may have several descriptors, of which one that stays open is enough.
    """
    if process.descriptors is None:
        return None
    sockets: dict[str, list[Descriptor]] = {}
    leaking = []
    for each in process.descriptors:
        if each.listens:
            sockets.setdefault(each.target, []).append(each)
        elif not each.close_on_exec and not each.standard:
            leaking.append((each.fd, each.target))
    listeners = tuple(
        t.Listening(
            same[0].fd,
            same[0].listens,
            all(each.close_on_exec for each in same),
            _inode(target) in handed_over or not all(each.close_on_exec for each in same),
            copies=len(same),
            shared=_inode(target) in process.parent_sockets,
            passed=any(3 <= each.fd < 3 + process.supervision.sockets for each in same),
        )
        for target, same in sockets.items()
    )
    limit = process.open_files_limit[0] if process.open_files_limit else ""
    return t.DescriptorFacts(
        SOURCE,
        listeners,
        tuple(leaking),
        complete=not process.omitted,
        limit=int(limit) if limit.isdigit() else None,
        locks=tuple((each.fd, each.target) for each in process.descriptors if each.locked),
    )


def connections(process: ProcessFacts) -> t.ConnectionFacts | None:
    """The established connections; a socket with several descriptors is one, and one of them that stays open is enough."""
    if process.descriptors is None:
        return None
    sockets: dict[int, list[Descriptor]] = {}
    for each in process.descriptors:
        if each.connection:
            sockets.setdefault(each.inode, []).append(each)
    groups: dict[str, list[int]] = {}
    inheritable: dict[str, int] = {}
    for inode, same in sockets.items():
        listener = same[0].connection
        groups.setdefault(listener, []).append(inode)
        inheritable[listener] = inheritable.get(listener, 0) + (not all(each.close_on_exec for each in same))
    outgoing = len(groups.pop(OUTGOING, ()))
    accepted = (
        t.Accepted(listener, len(inodes), inheritable[listener], _idle(inodes, process.idle))
        for listener, inodes in groups.items()
    )
    return t.ConnectionFacts(
        SOURCE,
        tuple(sorted(accepted, key=lambda each: (-each.count, each.listener))),
        outgoing,
        complete=not process.omitted,
    )


def _idle(inodes: Iterable[int], idle: Mapping[int, int] | None) -> int | None:
    known = [idle[inode] for inode in inodes if inode in idle] if idle is not None else []
    return sum(each >= IDLE_MILLISECONDS for each in known) if known else None


def _inode(target: str) -> int:
    match = _INODE.fullmatch(target)
    return int(match[1]) if match else -1


def signals(process: ProcessFacts) -> t.SignalFacts:
    """Signals that the new image would inherit as ignored or blocked."""
    return t.SignalFacts(SOURCE, names(process.signals_ignored), names(process.signals_blocked))


def names(mask: int) -> tuple[str, ...]:
    """The signals of a mask by name: bit n - 1 stands for signal n."""
    return tuple(_name(number) for number in range(1, _LAST_NAMED + 1) if mask >> (number - 1) & 1)


def _name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def seccomp(facts: ProcessFacts) -> t.SeccompFacts:
    """Whether a filter decides about its system calls; exec keeps it."""
    return t.SeccompFacts(SOURCE, facts.credentials.seccomp, facts.credentials.seccomp_filters)


def process(facts: ProcessFacts) -> t.ProcessNumbers:
    """Where it stands among others."""
    by = facts.supervision
    return t.ProcessNumbers(
        SOURCE,
        facts.pid,
        facts.namespace_pids[-1],
        facts.parent,
        facts.parent_name,
        by.unit,
        by.unit_type,
        by.pid_file,
        by.notify_access,
        by.notifies,
    )
