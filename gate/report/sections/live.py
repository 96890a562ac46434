"""Live facts into the report: each topic with a line that says what it comes to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import to_builtins

from gate.inflection import count, some
from gate.report.models import report as model
from probes.live import topics as t

if TYPE_CHECKING:
    from collections.abc import Callable


def live_section(facts: t.LiveFacts) -> model.LiveSection:
    """What is known of the running service."""
    items = []
    for topic in t.TOPICS:
        found = getattr(facts, topic)
        if found is not None:
            shape = to_builtins(found)
            items.append(model.LiveItem(topic, shape.pop("source"), SAID[topic](found), shape))
    return model.LiveSection(facts.url or None, facts.pid, items, list(facts.notes))


def _profiler(facts: t.ProfilerFacts) -> str:
    if facts.running is None:
        return f"{count(facts.timers or 0, 'idle thread')} with a profile's timer"
    owner = {"heartbeat": "goprobe's heartbeat window", "endpoint": "a client of the profile endpoint"}.get(facts.owner)
    return f"a CPU profile is running{f': {owner}' if owner else ''}" if facts.running else "no CPU profile is running"


def _calls(facts: t.CallFacts) -> str:
    foreign = f", {count(len(facts.foreign), 'thread')} not started by Go" if facts.foreign else ""
    return f"{count(facts.count, 'thread')} in C{foreign}"


def _canary(facts: t.CanaryFacts) -> str:
    return f"thread-local {facts.thread_local}, static {facts.static}, stack walk {facts.walk}"


def _resources(facts: t.ResourceFacts) -> str:
    named = [f"{each.name} {each.count}" for each in facts.resources]
    heap = f"; {facts.heap_bytes:,} bytes on C's heap" if facts.heap_bytes is not None else ""
    return (some(named) if named else "nothing is tracked") + heap


def _descriptors(facts: t.DescriptorFacts) -> str:
    kept = sum(each.handed_over for each in facts.listeners)
    listening = f"{count(len(facts.listeners), 'listener')}, {kept} of them handed over"
    return f"{listening}; {count(len(facts.leaking), 'descriptor')} would leak"


def _signals(facts: t.SignalFacts) -> str:
    parts = [
        f"{word} {some(names)}" for word, names in (("ignored", facts.ignored), ("blocked", facts.blocked)) if names
    ]
    if facts.handlers:
        parts.append(f"{count(len(facts.handlers), 'handler')} of C")
    return "; ".join(parts) or "none ignored or blocked"


def _image(facts: t.RunningImage) -> str:
    name = facts.gnu_build_id or facts.go_build_id or facts.sha256
    parts = [f"build {name[:16]}" if name else "build unknown"]
    if facts.generation is not None:
        parts.append(f"generation {facts.generation}")
    if facts.replaced:
        parts.append("its file has been replaced on disk")
    return ", ".join(parts)


def _process(facts: t.ProcessNumbers) -> str:
    inside = f", {facts.namespace_pid} in its namespace" if facts.namespace_pid != facts.pid else ""
    parent = f", started by {facts.parent_name}" if facts.parent_name else ""
    return f"PID {facts.pid}{inside}{parent}"


def _requests(facts: t.RequestFacts) -> str:
    return some([f"{each.name} {each.count}" for each in facts.work]) if facts.work else "no counter of work in flight"


def _privileges(facts: t.PrivilegeFacts) -> str:
    pairs = (facts.permitted, facts.effective, facts.uid, facts.gid)
    return "unchanged by exec" if all(now == then for now, then in pairs) else f"changed by exec: {facts.reason}"


def _gc(facts: t.GcFacts) -> str:
    return f"{'marking' if facts.marking else 'not marking'}, {count(facts.cycles, 'cycle')} so far"


def _pprof(facts: t.PprofFacts) -> str:
    if facts.problems:
        return some([f"{endpoint}: {problem}" for endpoint, problem in facts.problems])
    return some([f"{endpoint}: {count(samples, 'sample')}" for endpoint, samples in facts.answered])


def _health(facts: t.HealthFacts) -> str:
    return f"{facts.score:.1f} of 100, {facts.coverage:.0%} of its parts known"


def _heartbeat(facts: t.HeartbeatFacts) -> str:
    if not facts.enabled:
        return "switched off"
    return (
        f"{count(len(facts.windows), 'window')} kept; {facts.window_ns / 1e9:g} s of every {facts.interval_ns / 1e9:g} s at "
        f"{facts.rate_hz} Hz"
    )


SAID: dict[str, Callable[[Any], str]] = {
    "profiler": _profiler,
    "calls": _calls,
    "canary": _canary,
    "resources": _resources,
    "descriptors": _descriptors,
    "signals": _signals,
    "image": _image,
    "process": _process,
    "requests": _requests,
    "privileges": _privileges,
    "gc": _gc,
    "pprof": _pprof,
    "health": _health,
    "heartbeat": _heartbeat,
}
"""What each topic comes to, in words."""
