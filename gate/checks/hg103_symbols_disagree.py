"""HG103: the ELF symbol table and the function table disagree."""

from collections.abc import Iterator

from msgspec.structs import replace

from gate.evidence.model import NewSymbols
from gate.inflection import count
from gate.model import Finding, Severity
from gate.rules.base import Check, Explanation, Samples
from gate.rules.samples.binaries import HEALTH, Case, other
from probes.go.fault import Fault

FAULT = Fault("symbol-address", "main.rate", "symbol at 0x48e2a0, function table at 0x48e2c0")


class SymbolsDisagree(Check):
    """NEW's ELF symbols and its function table give a function different names, addresses or sizes."""

    id = "HG103"
    title = "ELF symbols and function table disagree"
    severity = Severity.WARN
    explanation = Explanation(
        what="The ELF symbol table and Go's own function table name the same functions. In NEW they disagree on a "
        "function's name, address or size, beyond the boundary symbols that always differ.",
        why="Profilers and debuggers read the one, tracebacks the other. They would blame different functions for the "
        "same address; often the file was edited after linking.",
        example="A tool that rewrites .symtab shifted every address by 0x20.",
        remedy="Link NEW again; if a later step rewrites symbols, remove that step or strip the symbol table altogether.",
    )
    samples = Samples(
        fires=(lambda: Case(new=other(health=replace(HEALTH, symbol_faults=(FAULT,)))),),
        quiet=(Case, lambda: Case(new=other(stripped=True))),
    )

    def run(self, health: NewSymbols) -> Iterator[Finding]:
        """One finding over all the faults."""
        faults = health.symbol_faults
        if faults:
            yield self.finding(
                "symbol table" if len(faults) > 1 else faults[0].subject,
                f"Profilers and tracebacks would name different functions: the two tables disagree on "
                f"{count(len(faults), 'function')} of {health.symbols_compared:,}, such as {faults[0].subject} "
                f"({faults[0].detail}).",
                evidence={
                    "count": len(faults),
                    "compared": health.symbols_compared,
                    "details": [f"{fault.subject}: {fault.detail}" for fault in faults[:10]],
                },
            )
