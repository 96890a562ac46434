"""HG304: the program interpreter."""

from collections.abc import Iterator

from msgspec.structs import replace

from gate.evidence.model import NativeChanges, Natives, NewBinary, Target
from gate.inflection import value
from gate.model import Finding, Severity
from gate.rules.base import Check, Explanation, Samples
from gate.rules.samples.binaries import NATIVE, TARGET, Case, binary, native, other
from probes.drift.facts import ValueChange
from probes.host import INTERPRETERS, TargetFacts

GLIBC, _, MUSL, _ = INTERPRETERS
OWN = "/opt/shop/ld.so"
WITH = replace(TARGET, interpreters=(GLIBC, MUSL), source="host-7.json")


def _case(old: str | None, new: str | None, target: TargetFacts = WITH) -> Case:
    change = None if old == new else ValueChange("interpreter", old, new)
    sides = [replace(NATIVE, interpreter=path) for path in (old, new)]
    return Case(
        old=binary(native=sides[0]), new=other(native=sides[1]), native=native(interpreter=change), target=target
    )


class Interpreter(Check):
    """NEW is started by another program interpreter than OLD, or by one that the target does not have."""

    id = "HG304"
    title = "The program interpreter differs or is missing"
    severity = Severity.BLOCK
    explanation = Explanation(
        what="The program interpreter (PT_INTERP) is the loader that the kernel starts for a dynamically linked program. "
        "NEW names another one than OLD, or one that is not on the target. Where only one side has an interpreter, "
        "it is a warning, as long as the target has it.",
        why="Without its interpreter exec fails with `no such file or directory`, although the program is there. Another "
        "interpreter is another C library: musl resolves names, sizes thread stacks and loads libraries differently.",
        example="NEW was built in an Alpine container (/lib/ld-musl-x86_64.so.1) and OLD on Debian.",
        remedy="Build NEW with the C library of OLD, or statically; describe another host with `hotgate inspect --host` "
        "there, and pass the file with --target.",
    )
    samples = Samples(
        fires=(
            lambda: _case(GLIBC, MUSL),
            lambda: _case(GLIBC, GLIBC, replace(WITH, interpreters=(MUSL,))),
            lambda: _case(None, GLIBC),
            lambda: _case(GLIBC, None),
            lambda: _case(OWN, OWN),
            lambda: _case(GLIBC, GLIBC, replace(WITH, arch="arm64")),
        ),
        quiet=(Case, lambda: _case(GLIBC, GLIBC), lambda: _case(OWN, OWN, replace(WITH, interpreters=(OWN,)))),
    )

    def run(self, new: NewBinary, natives: Natives, drift: NativeChanges, target: Target | None) -> Iterator[Finding]:
        """One finding on a difference, and one when the target lacks NEW's."""
        change, wanted = drift.interpreter, natives.new.interpreter
        if change is not None:
            both = change.old is not None and change.new is not None
            yield self.finding(
                "interpreter",
                f"Another loader will start the program: {_shown(change.old)} → {_shown(change.new)}.",
                severity=None if both else Severity.WARN,
                evidence={"old": change.old, "new": change.new},
                key="differs",
            )
        if wanted is None or (target is not None and target.arch == new.arch and wanted in target.interpreters):
            return
        # A description lists those of the usual ones that are there; this host was asked for NEW's own.
        asked = target is not None and (wanted in INTERPRETERS or target.source == "this host")
        if target is None or target.arch != new.arch or not asked:
            yield self.unverified(
                wanted,
                f"Whether the target has NEW's interpreter {wanted} is unknown.",
                remedy="Describe the target with `hotgate inspect --host` there, and pass the file with --target.",
                evidence={"interpreter": wanted},
            )
            return
        yield self.finding(
            wanted,
            f"The exec will fail on {target.source} with `no such file or directory`: it has no {wanted}.",
            evidence={"interpreter": wanted, "source": target.source},
            key="missing",
        )


def _shown(path: str | None) -> str:
    return "none" if path is None else value(path)
