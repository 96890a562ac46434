"""HG207: package initialisers changed."""

from collections.abc import Iterator

from msgspec.structs import replace

from gate.evidence.model import Initialisers
from gate.inflection import some
from gate.model import Finding, Mode, Severity
from gate.policy.model import Policy
from gate.rules.base import Check, Explanation, Samples
from gate.rules.samples.binaries import NO_INIT_DRIFT, Case


class InitialisersChanged(Check):
    """Package initialisers were added, removed or reordered."""

    id = "HG207"
    title = "Package initialisers changed"
    severity = Severity.INFO
    explanation = Explanation(
        what="The functions that set up packages before main (init functions and package variables with computed values) "
        "were added, removed, or run in another order.",
        why="Code that relied on the order (registration in a map, a flag read early) behaves differently from the first "
        "moment. A hotfix runs no initialisers at all, so what they would set up is missing.",
        example="A new import registers a second codec under the same name, before the one that was there.",
        remedy="Look at what the new initialisers register or open; for a hotfix, move that work into a function that runs "
        "on demand.",
    )
    samples = Samples(
        fires=(
            lambda: Case(init=replace(NO_INIT_DRIFT, new=3, added=("example.com/shop/codec.init",))),
            lambda: Case(
                init=replace(NO_INIT_DRIFT, reordered=("main.init", "runtime.init")), policy=Policy(mode=Mode.HOTFIX)
            ),
        ),
        quiet=(Case,),
    )

    def run(self, drift: Initialisers, mode: Mode) -> Iterator[Finding]:
        """One finding over all of them."""
        parts = [
            f"{len(names):,} {what} ({some(names)})"
            for what, names in (("added", drift.added), ("removed", drift.removed), ("reordered", drift.reordered))
            if names
        ]
        if parts:
            hotfix = mode is Mode.HOTFIX
            yield self.finding(
                "package initialisers",
                f"Packages are set up differently before main: {', '.join(parts)}."
                + (" A hotfix runs no initialisers." if hotfix else ""),
                severity=Severity.BLOCK if hotfix else None,
                evidence={
                    "old": drift.old,
                    "new": drift.new,
                    "added": list(drift.added[:50]),
                    "removed": list(drift.removed[:50]),
                    "reordered": list(drift.reordered[:50]),
                },
            )
