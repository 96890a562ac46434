"""HG502: threads are inside C calls."""

from collections.abc import Iterator

from gate.evidence.live import Calls
from gate.inflection import count, some
from gate.model import Finding, Mode, Severity
from gate.rules.base import Check, Explanation, Samples
from gate.rules.samples.services import handed_off, running, tweaked
from probes.live.topics import Call

_PARK = Call("park", "main.parkInC", 2)


class ThreadsInC(Check):
    """Threads are in C code: exec takes it away in the middle of what it does."""

    id = "HG502"
    title = "Threads are inside C calls"
    severity = Severity.BLOCK
    explanation = Explanation(
        what="Goroutines are in a cgo call, or in Go code that C has called back. Told by goprobe, by runtime.cgocall in the "
        "goroutine profile, or by threads that wait in a system call made from outside of Go's code (/proc/PID/task/*/syscall).",
        why="exec ends all threads but the one that calls it, without any of their clean-up: what C holds in memory, in its "
        "thread-local storage, in half-written files and in locks shared with other processes stays as it was at that "
        "instant.",
        example="A thread is in sqlite3_step while the journal is open.",
        remedy="Drain the calls first: stop taking work that reaches C, and wait (--wait 30s waits for none to be left).",
    )
    samples = Samples(
        fires=(
            lambda: tweaked("calls", count=2, calls=(_PARK,)),
            lambda: tweaked("calls", count=1, calls=(Call("", "thread 71 (shop)", 1),), source="/proc", certain=False),
        ),
        quiet=(running, lambda: handed_off(tweaked("calls", count=2, calls=(_PARK,)))),
    )

    def run(self, calls: Calls, mode: Mode) -> Iterator[Finding]:
        """One finding for all of them; none in a hand-off, where OLD goes on until they have returned."""
        if not calls.count or mode is Mode.HANDOFF:
            return
        named = [_named(call) for call in calls.calls]
        where = f": {some(named)}" if named else ""
        if not calls.certain:
            yield self.unverified(
                "C calls",
                f"{count(calls.count, 'thread')} {'waits' if calls.count == 1 else 'wait'} in C{where}: in calls, or kept there by a "
                "library.",
                remedy="Ask the service itself: pass --live URL of its goprobe or net/http/pprof.",
                evidence={"count": calls.count, "calls": list(named), "source": calls.source},
            )
            return
        verb = "is" if calls.count == 1 else "are"
        yield self.finding(
            "C calls",
            f"{count(calls.count, 'thread')} {verb} in C{where}; exec would end {'it' if calls.count == 1 else 'them'} there.",
            evidence={"count": calls.count, "calls": list(named), "source": calls.source},
        )


def _named(call: Call) -> str:
    name = f"{call.function} called by {call.caller}" if call.function and call.caller else call.function or call.caller
    return f"{name} (x{call.count})" if call.count > 1 else name
