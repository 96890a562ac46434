"""HG305: hardening lost."""

from collections.abc import Iterator

from gate.evidence.model import NativeChanges
from gate.model import Finding, Severity
from gate.rules.base import Check, Explanation, Samples
from gate.rules.samples.binaries import Case, native
from probes.drift.facts import ValueChange

RANK = {
    "stack": ("executable", "not executable"),
    "relro": ("none", "partial", "full"),
    "pie": ("no", "yes"),
}
"""From the weakest to the strongest."""

EFFECT = {
    "stack": "Data on NEW's stacks can be executed: its stack is marked executable",
    "relro": "NEW's table of addresses (GOT) stays writable longer than OLD's: RELRO {old} → {new}",
    "pie": "NEW is loaded at an address that everybody knows: it is no PIE any more",
}


def _case(name: str, old: str, new: str) -> Case:
    return Case(native=native(hardening=(ValueChange(name, old, new),)))


class HardeningLost(Check):
    """NEW gives up a protection that OLD has."""

    id = "HG305"
    title = "Hardening lost"
    severity = Severity.WARN
    explanation = Explanation(
        what="OLD's stacks are not executable and NEW's are, or NEW's relocated tables are protected less (RELRO), or OLD is "
        "loaded at a random address (PIE) and NEW is not. What NEW gains is not reported.",
        why="Each makes a memory error easier to exploit. An executable stack is mostly an accident: one assembly file "
        "without a `.note.GNU-stack` section asks for it, and new versions of glibc refuse to load such a library.",
        example="A new assembly file in a cgo package, and the whole program's stack became executable.",
        remedy="Link as OLD was linked: -buildmode=pie, -extldflags '-Wl,-z,relro,-z,now', and "
        '`.section .note.GNU-stack,"",@progbits` in assembly files.',
    )
    samples = Samples(
        fires=(
            lambda: _case("stack", "not executable", "executable"),
            lambda: _case("relro", "full", "partial"),
            lambda: _case("relro", "partial", "none"),
            lambda: _case("pie", "yes", "no"),
        ),
        quiet=(
            Case,
            lambda: _case("relro", "none", "full"),
            lambda: _case("stack", "executable", "not executable"),
            lambda: _case("pie", "no", "yes"),
        ),
    )

    def run(self, drift: NativeChanges) -> Iterator[Finding]:
        """One finding a protection that was lost."""
        for change in drift.hardening:
            order = RANK[change.name]
            if change.old is None or change.new is None or order.index(change.new) > order.index(change.old):
                continue
            yield self.finding(
                change.name,
                EFFECT[change.name].format(old=change.old, new=change.new) + ".",
                evidence={"old": change.old, "new": change.new},
            )
