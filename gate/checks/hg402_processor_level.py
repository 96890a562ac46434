"""HG402: compiled for more than the target's processor has."""

import re
from collections.abc import Iterator

from gate.evidence.model import Builds, NewBinary, Target
from gate.model import Finding, Severity
from gate.rules.base import Check, Explanation, Samples
from gate.rules.samples.binaries import TARGET, Case, build, other
from probes.host import TargetFacts

AMD64 = re.compile(r"v([1-4])")
ARM64 = re.compile(r"v([89])\.(\d)((?:,[a-z0-9]+)*)")


BASELINE = {"amd64": "v1", "arm64": "v8.0"}
"""The level of each architecture that every processor of it has; Go's default."""


def arm64_reaches(target: str, wanted: str) -> bool | None:
    """Whether a host of GOARM64 `target` runs code for `wanted`; None when either is not understood.

    Armv9.x includes Armv8.(x+5), and every version from 8.1 on has LSE (Arm A-profile architecture reference manual,
    and `cmd/go help environment` on GOARM64).
    """
    have, want = ARM64.fullmatch(target), ARM64.fullmatch(wanted)
    if have is None or want is None:
        return None

    def rank(major: str, minor: str) -> int:
        return int(minor) + (5 if major == "9" else 0)

    options = set(filter(None, have[3].split(",")))
    if rank(have[1], have[2]) >= 1:
        options.add("lse")
    missing = set(filter(None, want[3].split(","))) - options
    # The host's cryptography extension is not part of a version: say nothing rather than something wrong.
    if "crypto" in missing:
        return None
    fits = have[1] == "9" or want[1] == "8"
    return fits and not missing and rank(have[1], have[2]) >= rank(want[1], want[2])


class ProcessorLevel(Check):
    """GOAMD64 or GOARM64 of NEW asks for instructions that the target lacks."""

    id = "HG402"
    title = "Built for a newer processor than the target's"
    severity = Severity.BLOCK
    explanation = Explanation(
        what="NEW was built with a GOAMD64 or GOARM64 level above what the target's processor has. The target is this "
        "host unless --target names another.",
        why="A Go program that finds its level missing exits at start with `This program can only be run on AMD64 "
        "processors with v3 microarchitecture support`. After exec nothing is left to serve.",
        example="GOAMD64=v3 in the build, and a fleet in which some hosts have no AVX2.",
        remedy="Build with the lowest level in the fleet (GOAMD64=v1 runs everywhere), or pass --target for the right host.",
    )
    samples = Samples(
        fires=(
            lambda: Case(new=other(build=build(settings={"GOAMD64": "v4"}))),
            lambda: Case(
                new=other(arch="arm64", build=build(settings={"GOARM64": "v8.2"})),
                target=TargetFacts(arch="arm64", os="linux", goamd64_level=None, goarm64="v8.0"),
            ),
            lambda: Case(target=TargetFacts("arm64", "linux", None, "v8.0", source="host-7.json")),
            lambda: Case(new=other(arch="arm64", build=build(settings={"GOARM64": "v8.2"})), target=TARGET),
        ),
        quiet=(
            Case,
            lambda: Case(new=other(build=build(settings={"GOAMD64": "v3"}))),
            lambda: Case(new=other(arch="arm64"), target=TARGET),
        ),
    )

    def run(self, new: NewBinary, builds: Builds, target: Target | None) -> Iterator[Finding]:
        """At most one finding; a doubt when the levels cannot be compared."""
        name = f"GO{new.arch.upper()}"
        baseline = BASELINE[new.arch]
        wanted = builds.new.settings.get(name) or baseline
        if target is None:
            if wanted != baseline:
                yield self.unverified(
                    name,
                    f"Whether the target's processor can run {name}={wanted} is unknown: the target is not known.",
                    remedy="Describe the target with `hotgate inspect --host` there, and pass the file with --target.",
                    evidence={"wanted": wanted, "target": None},
                )
            return
        if target.arch != new.arch:
            yield self.finding(
                "processor",
                f"NEW cannot start on {target.source}: it is for {new.arch} and the target is {target.arch}.",
                key="arch",
            )
            return
        if wanted == baseline:
            return
        have, fits = _compare(new.arch, wanted, target)
        if fits is None:
            yield self.unverified(
                name, f"Whether {target.source} can run {name}={wanted} is unknown: its level is {have or 'not known'}."
            )
        elif not fits:
            yield self.finding(
                name,
                f"NEW will exit at start on {target.source}: it needs {name}={wanted} and the processor has {have}.",
                evidence={"wanted": wanted, "target": have, "source": target.source},
            )


def _compare(arch: str, wanted: str, target: TargetFacts) -> tuple[str | None, bool | None]:
    """The target's level, and whether it runs code for `wanted`; None for what is not known."""
    if arch == "arm64":
        return target.goarm64, arm64_reaches(target.goarm64 or "", wanted)
    level = AMD64.match(wanted)
    have = target.goamd64_level
    if level is None or have is None:
        return None if have is None else f"v{have}", None
    return f"v{have}", int(level[1]) <= have
