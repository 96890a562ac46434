"""HG107: an address recorded under OLD names another function under NEW."""

from collections.abc import Iterator

from msgspec.structs import replace

from gate.evidence.model import Functions
from gate.evidence.profiles import Addresses
from gate.inflection import count
from gate.model import Finding, Severity
from gate.rules.base import Check, Explanation, Samples
from gate.rules.samples.binaries import Case, functions
from gate.rules.samples.profiles import ADDRESSES, profiled

WORTH_A_WARNING = 0.01


class RemappedAddresses(Check):
    """Addresses of OLD hold other functions in NEW."""

    id = "HG107"
    title = "Recorded addresses name other functions"
    severity = Severity.INFO
    explanation = Explanation(
        what="How many of OLD's functions have an address range that holds another function in NEW. Nearly every "
        "rebuild has some: it is no fault of the build. Given a profile of OLD, also the share of its samples whose address NEW's function "
        "table would name otherwise: a warning from 1% on where the build ids do not keep the two apart.",
        why="Raw addresses that were recorded under OLD (unsymbolised profiles, logged program counters, eBPF stacks) "
        "must be resolved against OLD. Resolved against NEW they name the wrong function without any error.",
        example="A function added in package bytes moved everything that the linker placed after it.",
        remedy="Keep OLD until everything recorded under it is symbolised, and symbolise by build id.",
    )
    samples = Samples(
        fires=(
            lambda: Case(functions=functions(remapped=2400)),
            lambda: profiled(addresses=replace(ADDRESSES, share=0.02, kept_apart=False)),
        ),
        quiet=(Case, profiled),
    )

    def run(self, drift: Functions, addresses: Addresses | None) -> Iterator[Finding]:
        """One finding with the share of OLD's functions, and one with that of a profile's samples."""
        if addresses is not None and addresses.share > 0:
            mixed = addresses.share >= WORTH_A_WARNING and not addresses.kept_apart
            why = "" if addresses.kept_apart else ", and the build ids do not keep the two apart"
            yield self.finding(
                "profile addresses",
                f"NEW's function table would name {addresses.share:.1%} of the profile's samples otherwise than OLD's{why}.",
                severity=Severity.WARN if mixed else Severity.INFO,
                evidence={"share": addresses.share, "kept_apart": addresses.kept_apart, "profile": addresses.source},
            )
        if drift.remapped and drift.old:
            share = drift.remapped / drift.old
            percent = "less than 1%" if share < 0.01 else f"{int(share * 100)}%"
            yield self.finding(
                "function addresses",
                f"The addresses of {count(drift.remapped, 'function')} of OLD ({percent}) hold another function in NEW: "
                f"profiles recorded under OLD must be symbolised with OLD.",
                evidence={"remapped": drift.remapped, "functions": drift.old, "share": round(share, 4)},
            )
