"""HG206: package variables added, removed or resized."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace

from gate.check import Check, Explanation, Samples
from gate.contract import Contract
from gate.evidence import Globals, NewBinary, OldBinary
from gate.model import Finding, Mode, Severity
from gate.policy import Policy
from gate.samples import NO_GLOBAL_DRIFT, Case, other, variable, variable_change
from gate.words import count, distance, some
from probes.binary.facts import BinaryFacts
from probes.drift.facts import GlobalDrift, VariableChange, VariableRef

LIBRARY = 2
"""`distance` of Go's own library."""


class PackageVariablesChanged(Check):
    """Package variables that NEW has not, has as well, or has in another size."""

    id = "HG206"
    title = "Package variables changed"
    severity = Severity.INFO
    explanation = Explanation(
        what="Package variables were added or removed, or have another size, or hold pointers in other places. They are "
        "found by their symbols, C variables of cgo among them. One that only moved, and one that only starts with another "
        "value, is not counted; a change of type that keeps size and pointers does not show.",
        why="After exec, every package variable starts anew: what it had gathered (a cache, a counter, a registered handler) "
        "is gone, and a new one is empty where code may expect it filled. A hotfix keeps the memory of the running program, "
        "in which there is no place for a new or larger variable.",
        example="`var limits [16]int` became `[32]int`; `var sessions = map[string]*Session{}` was added.",
        remedy="Hand over what must survive, or fill it again at start; for a hotfix, keep the package variables as they are.",
    )
    samples = Samples(
        fires=(
            lambda: Case(globals=replace(NO_GLOBAL_DRIFT, added=(variable("main.sessions"),))),
            lambda: Case(
                globals=replace(NO_GLOBAL_DRIFT, resized=(variable_change("main.limits", 128, 256),)),
                policy=Policy(mode=Mode.HOTFIX),
            ),
            lambda: Case(
                globals=replace(NO_GLOBAL_DRIFT, removed=(variable("main.orders"),)),
                policy=Policy(contract=Contract(globals=("main.orders",))),
            ),
            lambda: Case(
                new=other(go_version="go1.27.3"),
                globals=replace(NO_GLOBAL_DRIFT, removed=(variable("runtime.sweepers"), variable("os.errGone", 16))),
            ),
        ),
        quiet=(Case, lambda: Case(globals=replace(NO_GLOBAL_DRIFT, revalued=(variable_change("main.rate", 8, 8),)))),
    )

    def run(self, drift: Globals, old: OldBinary, new: NewBinary, policy: Policy, mode: Mode) -> Iterator[Finding]:
        """Those of the contract; one finding over all; another over Go's own library where the toolchains differ."""
        yield from self._promised(drift, new, policy.contract.globals)
        module = new.build.main.path if new.build and new.build.main else None
        parts: dict[str, Sequence[VariableRef | VariableChange]] = {
            "added": drift.added,
            "removed": drift.removed,
            "resized": drift.resized,
            "with pointers in other places": drift.retyped,
        }
        foreign = old.go_version != new.go_version
        apart: dict[str, list[VariableRef | VariableChange]] = {}
        library: Counter[str] = Counter()
        for what, variables in parts.items():
            for each in variables:
                if foreign and distance(each.package, module) == LIBRARY and each.package != "C":
                    library[what] += 1
                else:
                    apart.setdefault(what, []).append(each)
        hotfix = mode is Mode.HOTFIX
        severity = Severity.BLOCK if hotfix else None
        rule = " A hotfix must keep the package variables as they are." if hotfix else ""
        if apart:
            nearest = {what: sorted(found, key=lambda v: distance(v.package, module)) for what, found in apart.items()}
            words = [f"{len(found):,} {what} ({some([_shown(v) for v in found])})" for what, found in nearest.items()]
            yield self.finding(
                "package variables",
                f"Package variables are not the same in NEW: {', '.join(words)}.{rule}",
                severity=severity,
                evidence={
                    "counts": {what: len(found) for what, found in nearest.items()},
                    "variables": {what: [v.name for v in found[:50]] for what, found in nearest.items()},
                },
            )
        if library:
            words = [f"{number:,} {what}" for what, number in library.items()]
            yield self.finding(
                "package variables of the standard library",
                f"{count(library.total(), 'package variable')} of Go's own library differ: {', '.join(words)}, as NEW was "
                f"built by {new.go_version or 'another toolchain'} and OLD by {old.go_version or 'another'}.{rule}",
                severity=severity,
                remedy="Build both sides with the same Go toolchain; in exec mode nothing needs to be done.",
                evidence={"counts": dict(library)},
            )

    def _promised(self, drift: GlobalDrift, new: BinaryFacts, names: tuple[str, ...]) -> Iterator[Finding]:
        """What became of the variables that the contract names."""
        if not names:
            return
        changed = {each.name: f"is another one in NEW: {each.detail}" for each in (*drift.resized, *drift.retyped)}
        changed |= {each.name: "is not in NEW" for each in drift.removed}
        known = set(new.symtab.find(*names)) if new.symtab is not None else set(names)
        for name in names:
            what = changed.get(name) or ("" if name in known else "is not in NEW, and was not in OLD")
            if what:
                yield self.finding(
                    name, f"{name} is in the contract and {what}.", severity=Severity.BLOCK, key="contract"
                )


def _shown(variable: VariableRef | VariableChange) -> str:
    return f"{variable.name} {variable.detail}" if isinstance(variable, VariableChange) else variable.name
