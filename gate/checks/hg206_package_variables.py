"""HG206: package variables added, removed, resized or retyped."""

from collections import Counter
from collections.abc import Iterator, Sequence

from msgspec.structs import replace

from gate.evidence.model import Globals, NewBinary, OldBinary
from gate.inflection import count, distance, some
from gate.model import Finding, Mode, Severity
from gate.policy.contract import Contract
from gate.policy.model import Policy
from gate.rules.base import Check, Explanation, Samples
from gate.rules.samples.binaries import NO_GLOBAL_DRIFT, Case, other, variable, variable_change
from probes.drift.facts import GlobalDrift, VariableChange, VariableRef, short
from probes.go.facts import BinaryFacts

LIBRARY = 2
"""`distance` of Go's own library."""


class PackageVariablesChanged(Check):
    """Package variables that NEW has not, has as well, or has in another size or type."""

    id = "HG206"
    title = "Package variables changed"
    severity = Severity.INFO
    explanation = Explanation(
        what="Package variables were added or removed, or have another size or type. They are found by their symbols, C "
        "variables of cgo among them, and Go's types by DWARF. Where a file has none, a change of type shows only in size "
        "and in which words hold pointers; the evidence says so, and a variable of the contract is not verified. A type is "
        "another one if its name is, or if what the variable holds by value is; what it only leads to is HG204's matter. One "
        "that only moved, and one that only starts with another value, is not counted.",
        why="After exec, every package variable starts anew: what it had gathered (a cache, a counter, a registered handler) "
        "is gone, and a new one is empty where code may expect it filled. A hotfix keeps the memory of the running program, "
        "in which there is no place for a new or larger variable, and reads the old bits of one that has another type.",
        example="`var limits [16]int` became `[32]int`; `var rate int64` became `float64`; `var sessions = map[string]*Session{}` was added.",
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
                globals=replace(NO_GLOBAL_DRIFT, retyped=(variable_change("main.rate", 8, 8, "int64 → float64"),)),
                policy=Policy(contract=Contract(globals=("main.rate",))),
            ),
            lambda: Case(
                globals=replace(NO_GLOBAL_DRIFT, types_problem="NEW has no DWARF"),
                policy=Policy(contract=Contract(globals=("main.rate",))),
            ),
            lambda: Case(
                new=other(go_version="go1.27.3"),
                globals=replace(NO_GLOBAL_DRIFT, removed=(variable("runtime.sweepers"), variable("os.errGone", 16))),
            ),
        ),
        quiet=(
            Case,
            lambda: Case(globals=replace(NO_GLOBAL_DRIFT, types_problem="neither file has DWARF")),
        ),
    )

    def run(
        self, drift: Globals, old: OldBinary | None, new: NewBinary, policy: Policy, mode: Mode
    ) -> Iterator[Finding]:
        """Those of the contract; one finding over all; another over Go's own library where the toolchains differ."""
        yield from self._promised(drift, new, policy.contract.globals)
        if old is None:  # a lock stands in its place, and has no other variables than those
            return
        module = new.build.main.path if new.build and new.build.main else None
        parts: dict[str, Sequence[VariableRef | VariableChange]] = {
            "added": drift.added,
            "removed": drift.removed,
            "resized": drift.resized,
            "retyped": drift.retyped,
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
        changed = {_plain(v.name): f"is another one in NEW: {v.detail}" for v in (*drift.resized, *drift.retyped)}
        changed |= {_plain(each.name): "is not in NEW" for each in drift.removed}
        symbols = [*names, *map(_symbol, names)]
        known = set(map(_plain, symbols if new.symtab is None else new.symtab.find(*symbols)))
        untyped = set(map(_plain, drift.untyped))
        fresh = {_plain(each.name) for each in drift.added}
        for name in names:
            plain = _plain(name)
            what = changed.get(plain) or ("" if plain in known else "is not in NEW, and was not in OLD")
            if what:
                yield self.finding(
                    name, f"{name} is in the contract and {what}.", severity=Severity.BLOCK, key="contract"
                )
            elif plain not in fresh and (drift.types_problem or plain in untyped):
                why = drift.types_problem or "DWARF does not tell it on both sides"
                yield self.unverified(
                    name,
                    f"{name} is in the contract, and whether it has the same type is not known: {why}.",
                    remedy="Build both sides with DWARF, that is, link without -s and -w.",
                )


def _plain(name: str) -> str:
    """A symbol's name with the dots of its package's last element as the source has them."""
    return name.replace("%2e", ".")


def _symbol(name: str) -> str:
    """The symbol of a variable: the linker writes `%2e` for the dots in the last element of its package's path."""
    path, slash, last = name.rpartition("/")
    package, dot, variable = last.rpartition(".")
    return f"{path}{slash}{package.replace('.', '%2e')}{dot}{variable}"


def _shown(variable: VariableRef | VariableChange) -> str:
    said = variable.detail if isinstance(variable, VariableChange) else short(variable.type)
    return f"{variable.name} {said}".rstrip()
