"""HG201: function bodies changed."""

from collections import Counter
from collections.abc import Iterator

from gate.evidence.model import Functions, NewBinary
from gate.inflection import count, distance, some
from gate.model import Confidence, Finding, Location, Severity
from gate.policy.model import Policy, Thresholds
from gate.rules.base import Check, Explanation, Samples
from gate.rules.samples.binaries import Case, change, functions
from probes.drift.facts import FunctionChange, FunctionDoubt


class BodiesChanged(Check):
    """Functions whose code means something else in NEW."""

    id = "HG201"
    title = "Function bodies changed"
    severity = Severity.INFO
    explanation = Explanation(
        what="Functions whose code means something else in NEW. Code that only moved, and code that differs only in the "
        "addresses it holds, is not counted.",
        why="This is what the update does. It blocks where the policy says that so much change, or change in that place, "
        "must not go in without a restart and a review: `thresholds.max_changed_functions` and `protected_packages`.",
        example="A one-line fix touched `main.rate`; a budget of 50 functions caught a dependency update that came with it.",
        remedy="Read the list of changed functions; ship what was not meant for this update in one of its own.",
    )
    samples = Samples(
        fires=(
            lambda: Case(functions=functions(changed=(change(),))),
            lambda: Case(functions=functions(undecided=("main.jumpTable",))),
            lambda: Case(functions=functions(doubtful=(FunctionDoubt("main.rate", "main", "may use other data"),))),
            lambda: Case(
                functions=functions(
                    doubtful=(FunctionDoubt("example.com/pay/ledger.Post", "example.com/pay/ledger", ""),)
                ),
                policy=Policy(protected_packages=("example.com/pay/...",)),
            ),
            lambda: Case(
                functions=functions(changed=(change("example.com/pay/ledger.Post"),)),
                policy=Policy(protected_packages=("example.com/pay/...",)),
            ),
            lambda: Case(
                functions=functions(changed=(change(), change("main.total"))),
                policy=Policy(thresholds=Thresholds(max_changed_functions=1)),
            ),
        ),
        quiet=(Case,),
    )

    def run(self, drift: Functions, new: NewBinary, policy: Policy) -> Iterator[Finding]:
        """A summary, then what the policy forbids, then what could not be compared."""
        if drift.changed:
            module = new.build.main.path if new.build and new.build.main else None
            yield self._summary(drift.changed, module)
        for changed in drift.changed:
            if policy.protects(changed.package):
                yield self._protected(changed)
        limit = policy.max_changed_functions
        if limit is not None and len(drift.changed) > limit:
            yield self.finding(
                "changed functions",
                f"{count(len(drift.changed), 'function')} changed and the policy allows {limit:,} in one update.",
                remedy="Split the update, restart the service instead, or raise thresholds.max_changed_functions or contract.budget.",
                severity=Severity.BLOCK,
                evidence={"changed": len(drift.changed), "max_changed_functions": limit},
                key="budget",
            )
        if drift.undecided:
            yield self.unverified(
                "undecided functions",
                f"{count(len(drift.undecided), 'function')} could not be compared and may have changed: "
                f"{some(drift.undecided)}.",
                remedy="Compare unstripped builds of both sides; review these functions by hand.",
                evidence={"count": len(drift.undecided), "functions": list(drift.undecided[:50])},
            )

        if drift.doubtful:
            yield from self._doubts(drift.doubtful, policy)

    def _doubts(self, doubts: tuple[FunctionDoubt, ...], policy: Policy) -> Iterator[Finding]:
        """What may have changed is a note, but where every change needs its owners' word."""
        names = [each.name for each in doubts if policy.protects(each.package)]
        if names:
            yield self.unverified(
                "protected functions",
                f"{count(len(names), 'function')} may have changed in packages that the policy protects: {some(names)}.",
                remedy="Compare unstripped builds of both sides, which tell how long constants are.",
                evidence={"count": len(names), "functions": [*names[:50]]},
            )
        yield self.finding(
            "doubtful functions",
            f"{count(len(doubts), 'function')} may have changed: bytes differ behind a constant whose length is not known: "
            f"{some([each.name for each in doubts])}.",
            remedy="Most likely nothing changed. Compare unstripped builds of both sides to be sure.",
            confidence=Confidence.LOW,
            evidence={"count": len(doubts), "functions": [each.name for each in doubts[:50]]},
            key="doubtful",
        )

    def _summary(self, changes: tuple[FunctionChange, ...], module: str | None) -> Finding:
        packages = Counter(changed.package for changed in changes)
        inlined = sum(bool(changed.inlined_from) for changed in changes)
        message = f"{count(len(changes), 'function')} in {count(len(packages), 'package')} will behave differently: "
        nearest = sorted(changes, key=lambda each: (bool(each.inlined_from), distance(each.package, module)))
        message += some([changed.name for changed in nearest])
        if inlined:
            message += f"; {inlined:,} of them only because a changed function is inlined there"
        return self.finding(
            "function bodies",
            message + ".",
            evidence={"changed": len(changes), "by_inlining": inlined, "packages": dict(packages.most_common(50))},
        )

    def _protected(self, changed: FunctionChange) -> Finding:
        detail = f": {changed.detail}" if changed.detail else ""
        return self.finding(
            changed.name,
            f"{changed.name} changed, in a package that the policy protects{detail}.",
            remedy="Have the owners of the package approve it and restart, or take it out of protected_packages.",
            severity=Severity.BLOCK,
            evidence={"package": changed.package, "kind": changed.kind, "inlined_from": list(changed.inlined_from)},
            location=Location(changed.file, changed.line) if changed.file else None,
            key="protected",
        )
