"""HG107: an address recorded under OLD names another function under NEW."""

from collections.abc import Iterator

from gate.check import Check, Explanation, Samples
from gate.evidence import Functions
from gate.model import Finding, Severity
from gate.samples import Case, functions
from gate.words import count


class RemappedAddresses(Check):
    """Addresses of OLD hold other functions in NEW."""

    id = "HG107"
    title = "Recorded addresses name other functions"
    severity = Severity.INFO
    explanation = Explanation(
        what="How many of OLD's functions have an address range that holds another function in NEW. Nearly every "
        "rebuild has some: it is no fault of the build.",
        why="Raw addresses that were recorded under OLD (unsymbolised profiles, logged program counters, eBPF stacks) "
        "must be resolved against OLD. Resolved against NEW they name the wrong function without any error.",
        example="A function added in package bytes moved everything that the linker placed after it.",
        remedy="Keep OLD until everything recorded under it is symbolised, and symbolise by build id.",
    )
    samples = Samples(
        fires=(lambda: Case(functions=functions(remapped=2400)),),
        quiet=(Case,),
    )

    def run(self, drift: Functions) -> Iterator[Finding]:
        """At most one finding, with the share of OLD's functions."""
        if drift.remapped and drift.old:
            share = drift.remapped / drift.old
            percent = "less than 1%" if share < 0.01 else f"{int(share * 100)}%"
            yield self.finding(
                "function addresses",
                f"The addresses of {count(drift.remapped, 'function')} of OLD ({percent}) hold another function in NEW: "
                f"profiles recorded under OLD must be symbolised with OLD.",
                evidence={"remapped": drift.remapped, "functions": drift.old, "share": round(share, 4)},
            )
