"""HG302: thread-local storage changed."""

from collections.abc import Iterator

from gate.evidence.model import NativeChanges
from gate.inflection import some
from gate.model import Finding, Json, Mode, Severity
from gate.policy.model import Policy
from gate.rules.base import Check, Explanation, Samples
from gate.rules.samples.binaries import Case, native
from probes.drift.native.facts import Resize, TlsDrift
from probes.elf.facts import TlsSegment

SMALL = TlsSegment(size=8, file_size=0, align=8)
LARGE = TlsSegment(size=80, file_size=0, align=16)
GROWN = TlsDrift(old=SMALL, new=LARGE, added=("cache",), removed=(), resized=(), static_gained=False)
SAME_SIZE = TlsDrift(old=SMALL, new=SMALL, added=("b",), removed=("a",), resized=(), static_gained=False)
RESIZED = TlsDrift(old=SMALL, new=LARGE, added=(), removed=(), resized=(Resize("cache", 8, 72),), static_gained=False)
STATIC = TlsDrift(old=SMALL, new=SMALL, added=(), removed=(), resized=(), static_gained=True)


class ThreadLocalStorage(Check):
    """The thread-local segment's size, alignment or variables differ."""

    id = "HG302"
    title = "Thread-local storage changed"
    severity = Severity.WARN
    explanation = Explanation(
        what="The segment that each thread gets a copy of (PT_TLS) has another size or alignment, or other variables in it: "
        "`__thread` and `thread_local` of C and C++ code.",
        why="What threads keep there is lost by exec, and begins with its initial value. A shared object that is loaded "
        "beside a running program has to find room in every thread that runs: with the static model "
        "(DF_STATIC_TLS) dlopen fails with `cannot allocate memory in static TLS block` when there is too little, "
        "and code that was compiled for the old layout reads other variables.",
        example="A C library behind cgo got `static __thread char cache[4096]`.",
        remedy="Keep thread-local variables as they are, or restart the process; compile plugins with -fPIC and without "
        "-ftls-model=initial-exec.",
    )
    samples = Samples(
        fires=(
            lambda: Case(native=native(tls=GROWN)),
            lambda: Case(native=native(tls=SAME_SIZE)),
            lambda: Case(native=native(tls=RESIZED), policy=Policy(mode=Mode.PLUGIN)),
            lambda: Case(native=native(tls=STATIC), policy=Policy(mode=Mode.PLUGIN)),
        ),
        quiet=(Case, lambda: Case(native=native(tls=STATIC))),
    )

    def run(self, drift: NativeChanges, mode: Mode) -> Iterator[Finding]:
        """One finding on the layout, and in plugin mode one on the room for it."""
        tls = drift.tls
        if tls is None:
            return
        plugin = mode is Mode.PLUGIN
        level = Severity.BLOCK if plugin else None
        if tls.static_gained and plugin:
            yield self.finding(
                "static thread-local storage",
                "Loading NEW into a running process can fail: it now asks for room in the static thread-local block.",
                severity=level,
                key="static",
            )
        if tls.old == tls.new and not (tls.added or tls.removed or tls.resized):
            return
        detail = "; ".join(_details(tls))
        effect = (
            "Threads that run have no room laid out for NEW's variables"
            if plugin
            else "What threads keep in thread-local variables begins anew, in another layout"
        )
        yield self.finding("thread-local storage", f"{effect}: {detail}.", severity=level, evidence=_evidence(tls))


def _details(tls: TlsDrift) -> Iterator[str]:
    if tls.old != tls.new:
        yield f"the segment was {_segment(tls.old)} and is {_segment(tls.new)}"
    if tls.added:
        yield f"added {some(tls.added)}"
    if tls.removed:
        yield f"removed {some(tls.removed)}"
    if tls.resized:
        yield f"resized {some([f'{each.name} {each.old:,} → {each.new:,} bytes' for each in tls.resized])}"


def _segment(segment: TlsSegment | None) -> str:
    return "absent" if segment is None else f"{segment.size:,} bytes aligned to {segment.align:,}"


def _evidence(tls: TlsDrift) -> dict[str, Json]:
    sizes: dict[str, Json] = {}
    for side, segment in (("old", tls.old), ("new", tls.new)):
        sizes[side] = None if segment is None else {"size": segment.size, "align": segment.align}
    resized: list[Json] = [{"name": each.name, "old": each.old, "new": each.new} for each in tls.resized[:50]]
    return {**sizes, "added": list(tls.added[:50]), "removed": list(tls.removed[:50]), "resized": resized}
