"""HG418: a seccomp filter is active, and NEW makes system calls that OLD does not."""

from collections.abc import Iterator
from typing import Any

from msgspec.structs import replace

from gate.evidence.live import Seccomp, SystemCalls
from gate.evidence.model import Builds
from gate.inflection import some
from gate.model import Finding, Severity
from gate.rules.base import Check, Explanation, Samples
from gate.rules.samples.binaries import BUILD, Case, other
from gate.rules.samples.services import READY, running
from gate.rules.support.go_releases import release
from probes.kernel.facts import SystemCallDrift
from probes.live.topics import SeccompFacts

MAX_NAMES = 12


def _filtered(**changes: Any) -> Case:
    """A service with a filter."""
    return Case(live=replace(READY, seccomp=SeccompFacts("/proc", 2, 1)), **changes)


def _newer(one: str, other: str) -> bool:
    """Whether one Go release is newer than another; not where one of the two is none."""
    first, second = release(one), release(other)
    return first is not None and second is not None and first > second


class FilteredSystemCalls(Check):
    """The filter was made for OLD."""

    id = "HG418"
    title = "A seccomp filter may not know NEW's system calls"
    severity = Severity.WARN
    explanation = Explanation(
        what="A seccomp filter decides about the service's system calls, and NEW can make some that OLD cannot. Those of each side are read "
        "from its Go code: the numbers that are loaded before SYSCALL and SVC instructions, or passed to package syscall and to "
        "golang.org/x/sys/unix. The filter itself cannot be read without CAP_SYS_ADMIN.",
        why="exec keeps the filter. A call that it does not know fails with EPERM or ENOSYS, or ends the process with SIGSYS: often not at "
        "the start, but when a path is taken for the first time. New Go releases use new system calls by themselves.",
        example="Since Go 1.23, os.StartProcess opens a pidfd: a filter that ends the process at an unknown call does so at the first child.",
        remedy="Add the calls to the filter before the update (SystemCallFilter= in a systemd unit, the container's seccomp profile), or try "
        "NEW under that filter.",
    )
    samples = Samples(
        fires=(
            lambda: _filtered(system_calls=SystemCallDrift(added=("pidfd_open", "waitid"))),
            lambda: _filtered(
                system_calls=SystemCallDrift(problem="its function table cannot be read"),
                new=other(build=replace(BUILD, go_version="go1.27.3")),
            ),
            lambda: _filtered(
                system_calls=SystemCallDrift(foreign=True), new=other(build=replace(BUILD, go_version="go1.27.3"))
            ),
        ),
        quiet=(
            running,
            lambda: _filtered(system_calls=SystemCallDrift(removed=("pipe2",))),
            lambda: Case(system_calls=SystemCallDrift(added=("pidfd_open",)), live=READY),
            lambda: _filtered(system_calls=SystemCallDrift(problem="its function table cannot be read")),
        ),
    )

    def run(self, seccomp: Seccomp, calls: SystemCalls | None, builds: Builds | None) -> Iterator[Finding]:
        """At most one finding."""
        if not seccomp.filtered:
            return
        newer = builds is not None and _newer(builds.new.go_version, builds.old.go_version)
        facts = {"filters": seccomp.filters, "newer_toolchain": newer}
        if calls is not None and calls.added:
            by = f" It is built by {builds.new.go_version}, OLD by {builds.old.go_version}." if newer and builds else ""
            more = " C code of NEW may make others." if calls.foreign else ""
            yield self.finding(
                "system calls",
                f"A seccomp filter is active, and NEW can make system calls that OLD cannot: {some(calls.added, MAX_NAMES)}.{by}{more}",
                evidence={**facts, "added": list(calls.added), "foreign": calls.foreign},
            )
        elif newer and builds is not None and (calls is None or calls.problem or calls.foreign):
            why = (
                calls.problem
                if calls is not None and calls.problem
                else "NEW has C code, whose system calls are not read"
            )
            yield self.finding(
                "system calls",
                f"A seccomp filter is active, and NEW is built by {builds.new.go_version}, OLD by {builds.old.go_version}: which system calls "
                f"are new is not known ({why}).",
                evidence={**facts},
            )
