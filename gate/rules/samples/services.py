"""Hand-made live facts for the rules' own samples and for the tests: a service that is ready for exec, and tweaks to it."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from gate.model import Mode
from gate.policy.model import Policy
from gate.rules.samples.binaries import Case
from probes.commandline.facts import ArgumentFacts
from probes.live import topics as t
from probes.live.facts import LiveFacts
from probes.profile.heartbeat.window import HeartbeatWindow

EPOCH = "9f0c2f6be4a84e17b0a3d1c25e7788aa"
SECOND = 1_000_000_000


def window(seq: int, **changes: Any) -> HeartbeatWindow:
    """One window of six seconds in every minute."""
    start = seq * 60 * SECOND
    facts = HeartbeatWindow(seq, EPOCH, 1, start, start + 6 * SECOND, 1_770_000_000.0 + seq * 60, 100, 212, 2.1, "ok")
    return replace(facts, **changes)


READY = LiveFacts(
    url="http://127.0.0.1:8080",
    pid=4242,
    profiler=t.ProfilerFacts("goprobe", running=False, owner="none", timers=0),
    calls=t.CallFacts("goprobe", 0, (), ()),
    canary=t.CanaryFacts("goprobe", 4250, "holds", "holds", "agrees"),
    resources=t.ResourceFacts("goprobe", (t.ResourceUse("libfoo handles", 0, handed_over=False),)),
    descriptors=t.DescriptorFacts(
        "/proc", (t.Listening(7, "tcp 127.0.0.1:8080", close_on_exec=True, handed_over=True),), (), complete=True
    ),
    connections=t.ConnectionFacts("/proc", (), outgoing=2),
    signals=t.SignalFacts("goprobe and /proc", (), (), (), "SIGUSR2", reload_handled=True),
    image=t.RunningImage("/proc", go_build_id="old/build/id", sha256="a" * 64, path="/srv/shop"),
    process=t.ProcessNumbers("/proc", 4242, 4242, 1, "systemd"),
    requests=t.RequestFacts("goprobe", (t.WorkInFlight("http requests", 0, 0),), over=False),
    privileges=t.PrivilegeFacts("/proc", (0, 0), (0, 0), (1000, 1000), (1000, 1000), no_new_privs=False, reason=""),
    executable=t.ExecutableFacts("/proc", (t.StartPath("argv[0]", "/srv/shop", "OLD"),)),
    room=t.RoomFacts("/proc", 64 << 20, 12, open_files=(40, 1024)),
    seccomp=t.SeccompFacts("/proc", 0, 0),
    states=t.StateFacts("goprobe", (t.HandedState("orders", 1, (1,), "json"),)),
    canary_release=t.CanaryReleaseFacts("goprobe", "none"),
    gc=t.GcFacts("goprobe", marking=False, cycles=41),
    pprof=t.PprofFacts("goprobe", (("/debug/hotgate/pprof/goroutine", 9),), ()),
    health=t.HealthFacts("goprobe", 97.3, 1.0, ()),
    heartbeat=t.HeartbeatFacts(
        "goprobe",
        enabled=True,
        interval_ns=60 * SECOND,
        window_ns=6 * SECOND,
        rate_hz=100,
        windows=tuple(window(seq) for seq in range(1, 6)),
    ),
)


def running(**topics: Any) -> Case:
    """A comparison with live evidence, of a service that is ready but for `topics`."""
    return Case(live=replace(READY, **topics))


def handed_off(case: Case) -> Case:
    """The same, of a service that starts NEW as its child."""
    return replace(case, policy=Policy(mode=Mode.HANDOFF, mode_by="--mode"))


ARGUMENTS = ArgumentFacts("/proc", 4, ("-listen", "-v"), 0, ("flag",), ("flag",))
"""A command line whose flags both programs define."""


def with_arguments(**changes: Any) -> Case:
    """The comparison with a command line, with changes to what became of it."""
    return Case(arguments=replace(ARGUMENTS, **changes))


def tweaked(topic: str, **changes: Any) -> Case:
    """The same, with changes within one topic."""
    return running(**{topic: replace(getattr(READY, topic), **changes)})
