"""HG210: initial data changed."""

from collections.abc import Iterator

from msgspec.structs import replace

from gate.evidence.model import Data, NewBinary
from gate.inflection import count, distance, some
from gate.model import Finding, Mode, Severity
from gate.policy.model import DataPolicy, Policy
from gate.rules.base import Check, Explanation, Samples
from gate.rules.samples.binaries import NO_DATA_DRIFT, Case, data_change, embedded_change
from gate.values import both_values, subject_of
from probes.drift.data.facts import DataChange, DataDrift, EmbeddedChange, UndecidedData


class InitialDataChanged(Check):
    """Package variables start with other values in NEW, or embedded files are others."""

    id = "HG210"
    title = "Initial data changed"
    severity = Severity.INFO
    explanation = Explanation(
        what="Package variables start with other values, strings set by `-ldflags=-X` among them, or files embedded by "
        "`//go:embed` were added, removed or changed. Values are compared through pointers, slices and strings by what they "
        "hold. In stripped programs variables have no names; they are then named by the functions that use them. Values of "
        "variables whose names speak of a secret are shown by length and digest; `data.values = false` and `--no-values` do "
        "so for all. What the linker writes into every build is not counted.",
        why="A table of fees, a default or a migration decides what a service does as much as code does. After exec the new "
        "values hold from the first moment. A hotfix keeps the memory of the running program: neither new initial values nor "
        "changed embedded files take effect there, while changed code may count on them.",
        example="`var rates = [...]float64{0.1, 0.2, 0.3}` ends in 0.4 in NEW; `migrations/004.sql` was added.",
        remedy="Read the list; for a hotfix, leave the data as it is or set the new values in a function that runs on demand.",
    )
    samples = Samples(
        fires=(
            lambda: Case(data=replace(NO_DATA_DRIFT, variables=(data_change(),))),
            lambda: Case(data=replace(NO_DATA_DRIFT, variables=(data_change("", "+16", used_by=("main.price",)),))),
            lambda: Case(
                data=replace(NO_DATA_DRIFT, variables=(data_change("main.apiKey", "", '"one"', '"two"'),)),
                policy=Policy(data=DataPolicy(values=False)),
            ),
            lambda: Case(data=replace(NO_DATA_DRIFT, embedded=(embedded_change(),)), policy=Policy(mode=Mode.HOTFIX)),
            lambda: Case(
                data=replace(NO_DATA_DRIFT, variables=(data_change(),)),
                policy=Policy(mode=Mode.HOTFIX, protected_packages=("main",)),
            ),
            lambda: Case(
                data=replace(NO_DATA_DRIFT, undecided=(UndecidedData("main.rates", "main", "it is too large"),)),
                policy=Policy(mode=Mode.HOTFIX, protected_packages=("main",)),
            ),
        ),
        quiet=(
            Case,
            lambda: Case(data=replace(NO_DATA_DRIFT, undecided=(UndecidedData("main.rates", "main", "too large"),))),
        ),
    )

    def run(self, drift: Data, new: NewBinary, policy: Policy, mode: Mode) -> Iterator[Finding]:
        """What a hotfix must not change, one finding over all variables, and one over all files."""
        hotfix = mode is Mode.HOTFIX
        promised = {_plain(name) for name in policy.contract.globals}
        if hotfix:
            yield from self._forbidden(drift, policy, promised)
        if drift.variables:
            module = new.build.main.path if new.build and new.build.main else None
            yield self._variables(drift, policy, module, hotfix=hotfix)
        if drift.embedded:
            yield self._files(drift.embedded, hotfix=hotfix)

    def _forbidden(self, drift: DataDrift, policy: Policy, promised: set[str]) -> Iterator[Finding]:
        """In a hotfix: variables of the contract and of protected packages, and those of them that were not compared."""
        told: set[str] = set()
        for change in drift.variables:
            name = _plain(change.name)
            if not (name in promised or policy.protects(change.package)) or subject_of(change) in told:
                continue
            told.add(subject_of(change))
            where = "the contract" if name in promised else "a package that the policy protects"
            yield self.finding(
                subject_of(change),
                f"{subject_of(change)} starts with another value, and is in {where}: {_values(change, policy)}. "
                "A hotfix keeps the value in memory.",
                severity=Severity.BLOCK,
                evidence={"package": change.package},
                key="protected",
            )
        names = [
            each.subject
            for each in drift.undecided
            if policy.protects(each.package) or any(_plain(each.subject).startswith(name) for name in promised)
        ]
        # What cannot be matched at all may be anyone's.
        names += [each.subject for each in drift.undecided if not each.package and (promised or _protects_any(policy))]
        if names:
            yield self.unverified(
                "initial data",
                f"{count(len(names), 'part')} of the initial data could not be compared and may have changed: {some(names)}.",
                remedy="Compare unstripped builds of both sides.",
                evidence={"count": len(names), "subjects": [*names[:50]]},
            )

    def _variables(self, drift: DataDrift, policy: Policy, module: str | None, *, hotfix: bool) -> Finding:
        changes = sorted(drift.variables, key=lambda each: distance(each.package, module))
        number = len({subject_of(each) if not each.name else each.name for each in changes})
        said = some([f"{subject_of(each)}: {_values(each, policy)}" for each in changes])
        effect = " A hotfix keeps the values in memory: these never take effect." if hotfix else ""
        return self.finding(
            "package variables",
            f"{count(number, 'variable')} {'starts' if number == 1 else 'start'} with another value: {said}.{effect}",
            evidence={
                "changes": len(changes) + drift.more,
                "variables": [f"{subject_of(each)}: {_values(each, policy)}" for each in changes[:50]],
            },
            key="variables",
        )

    def _files(self, files: tuple[EmbeddedChange, ...], *, hotfix: bool) -> Finding:
        said = some([f"{each.path} {_change(each)}" for each in files])
        return self.finding(
            "embedded files",
            f"{count(len(files), 'embedded file')} {'differs' if len(files) == 1 else 'differ'}: {said}.",
            severity=Severity.WARN if hotfix else None,
            evidence={"files": [f"{each.path} {_change(each)}" for each in files[:50]], "count": len(files)},
            key="files",
        )


def _values(change: DataChange, policy: Policy) -> str:
    return " → ".join(both_values(change, values=policy.data.values))


def _change(file: EmbeddedChange) -> str:
    if file.old_size is None or file.new_size is None:
        return file.kind
    return f"changed ({file.old_size:,} → {count(file.new_size, 'byte')})"


def _plain(name: str) -> str:
    """A symbol's name with the dots of its package's last element as the source has them."""
    return name.replace("%2e", ".")


def _protects_any(policy: Policy) -> bool:
    return bool(policy.protected_packages or policy.contract.protected_packages)
