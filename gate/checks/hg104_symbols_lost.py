"""HG104: the new binary lost its ELF symbol table."""

from collections.abc import Iterator

from gate.evidence.model import NewBinary, OldBinary
from gate.model import Finding, Severity
from gate.policy.model import Policy
from gate.rules.base import Check, Explanation, Samples
from gate.rules.samples.binaries import Case, binary, other


class SymbolsLost(Check):
    """NEW has no `.symtab` where OLD had one."""

    id = "HG104"
    title = "ELF symbol table lost"
    severity = Severity.WARN
    explanation = Explanation(
        what="OLD carried an ELF symbol table (.symtab and .strtab) and NEW does not. With `require_symbols = true` in "
        "the policy, NEW must have one whatever OLD had.",
        why="perf, eBPF profilers and debuggers that do not read Go's own table show bare addresses. In hotgate fewer "
        "references can be told apart by name.",
        example="The new build added -ldflags=-s.",
        remedy="Link without -s (and do not run strip), or keep an unstripped copy where your profilers look for it.",
    )
    samples = Samples(
        fires=(
            lambda: Case(new=other(stripped=True)),
            lambda: Case(old=binary(stripped=True), new=other(stripped=True), policy=Policy(require_symbols=True)),
        ),
        quiet=(Case, lambda: Case(old=binary(stripped=True), new=other(stripped=True))),
    )

    def run(self, old: OldBinary, new: NewBinary, policy: Policy) -> Iterator[Finding]:
        """At most one finding."""
        if new.stripped and (policy.require_symbols or not old.stripped):
            wanted = "which the policy requires" if policy.require_symbols else "which OLD had"
            yield self.finding(
                "symbol table",
                f"Tools that read ELF symbols will show bare addresses: NEW has no symbol table, {wanted}.",
                severity=Severity.BLOCK if policy.require_symbols else None,
            )
