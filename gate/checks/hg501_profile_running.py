"""HG501: a CPU profile is running."""

from collections.abc import Iterator

from gate.evidence.live import Profiler
from gate.inflection import count
from gate.model import Finding, Mode, Severity
from gate.rules.base import Check, Explanation, Samples
from gate.rules.samples.services import handed_off, running, tweaked
from probes.live.topics import ProfilerFacts


class ProfileRunning(Check):
    """A CPU profile runs: its timer survives exec, and its signal can end the new image."""

    id = "HG501"
    title = "A CPU profile is running"
    severity = Severity.BLOCK
    explanation = Explanation(
        what="The process takes a CPU profile now. Seen by goprobe (whose profile it is, and ITIMER_PROF read back), by the "
        "answer of net/http/pprof to a second profile, or by the POSIX timers that send SIGPROF in /proc/PID/timers. In mode `handoff` "
        "it is no hazard: a child does not inherit timers.",
        why="The interval timer ITIMER_PROF survives execve. Until the new runtime has its handlers, SIGPROF's default action "
        "ends the process: `Profiling timer expired`, exit status 155 in a shell. Measured: of 1,500 execs with a profile "
        "running, 6 died with Go 1.21.13 and 12 with Go 1.27.3; another run had 47 of 300; none died without a profile.",
        example="A continuous profiler has its ten seconds a minute, and the update falls into them.",
        remedy="Stop the profile before exec (pprof.StopCPUProfile disarms the timer), or let goprobe's PrepareExec do it and "
        "read the timer back; --wait 30s waits for the end of a profile.",
    )
    samples = Samples(
        fires=(
            lambda: tweaked("profiler", running=True, owner="other"),
            lambda: tweaked("profiler", running=True, owner="heartbeat"),
            lambda: tweaked("profiler", running=True, owner="unknown", timers=9, source="/proc"),
            lambda: tweaked("profiler", running=None, owner="unknown", timers=2, source="/proc"),
            lambda: tweaked("profiler", running=None, owner="unknown", timers=0, source="/proc"),
        ),
        quiet=(running, lambda: handed_off(tweaked("profiler", running=True, owner="other"))),
    )

    def run(self, profiler: Profiler, mode: Mode) -> Iterator[Finding]:
        """One finding while a profile runs; goprobe's own window is closed by its Exec, and only warned about."""
        if mode is Mode.HANDOFF:
            return  # fork(2) gives the child no timers
        if profiler.running is None:
            yield self.unverified(
                "CPU profile",
                f"{_doubt(profiler)}.",
                remedy="Ask the service itself: pass --live URL of its goprobe or net/http/pprof.",
                evidence={"timers": profiler.timers, "source": profiler.source},
            )
        if not profiler.running:
            return
        own = profiler.owner == "heartbeat"
        by = {
            "heartbeat": "goprobe's heartbeat has a window open",
            "endpoint": "a client of the profile endpoint is taking a CPU profile",
        }.get(profiler.owner, "a CPU profile is running")
        then = (
            "goprobe's Exec closes it first; a bare syscall.Exec would leave its timer armed"
            if own
            else "its timer survives exec, and SIGPROF can end the new image before it has a handler"
        )
        yield self.finding(
            "CPU profile",
            f"{by[0].upper()}{by[1:]}: {then}.",
            severity=Severity.WARN if own else None,
            evidence={"owner": profiler.owner, "timers": profiler.timers, "source": profiler.source},
            key="heartbeat" if own else "",
        )


def _doubt(profiler: ProfilerFacts) -> str:
    if not profiler.timers:
        return "Whether a profile's timer is armed is unknown: C, or Go before 1.18, arms ITIMER_PROF, which /proc does not show"
    return (
        f"{count(profiler.timers, 'idle thread')} of the process still {'has' if profiler.timers == 1 else 'have'} "
        "the timer of a CPU profile: it runs, or it has ended since they last did"
    )
