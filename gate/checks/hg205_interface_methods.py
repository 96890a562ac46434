"""HG205: the method set of an interface changed."""

from collections.abc import Iterator

from gate.evidence.model import Types
from gate.evidence.types import said
from gate.inflection import count, some
from gate.model import Finding, Mode, Severity
from gate.policy.contract import Contract
from gate.policy.model import Policy
from gate.rules.base import Check, Explanation, Samples
from gate.rules.samples.binaries import Case, method_added, type_change, types
from probes.drift.types.facts import LayoutChange, TypeChange

KEPT = 50


class InterfaceChanged(Check):
    """An interface of the contract asks for other methods."""

    id = "HG205"
    title = "Method set of an interface changed"
    severity = Severity.INFO
    explanation = Explanation(
        what="An interface lost a method, asks for another one, or has one with another signature. Interfaces of the "
        "contract (`contract.interfaces`) block; in a hotfix all of them do.",
        why="Code that implements the interface outside of this program (a plugin, a value that was handed over, code of the "
        "old image in a hotfix) was compiled against the old method set: its method tables have other entries.",
        example="`Store` asks for `Close(context.Context)` now; a plugin that has `Close()` panics when it is looked up.",
        remedy="Add a second interface beside the first one and test for it with a type assertion; rebuild everything that "
        "implements the interface together with NEW.",
    )
    samples = Samples(
        fires=(
            lambda: Case(
                types=types(reached={"main.Store": (method_added(),)}),
                policy=Policy(contract=Contract(interfaces=("main.Store",))),
            ),
            lambda: Case(
                types=types(changed=(type_change("main.Store", kind="interface", changes=(method_added(),)),)),
                policy=Policy(mode=Mode.HOTFIX),
            ),
            lambda: Case(
                types=types(changed=(type_change("main.Store", kind="interface", changes=(method_added(),)),))
            ),
        ),
        quiet=(
            Case,
            lambda: Case(
                types=types(reached={"main.Store": ()}), policy=Policy(contract=Contract(interfaces=("main.Store",)))
            ),
            lambda: Case(types=types(changed=(type_change(),))),
        ),
    )

    def run(self, found: Types, policy: Policy, mode: Mode) -> Iterator[Finding]:
        """One finding for each interface of the contract, then for the others."""
        names = policy.contract.interfaces
        for name in names:
            # What the methods' parameters are made of is not the interface's: HG204 has it, where it matters.
            if changes := tuple(each for each in found.reached.get(name, ()) if each.owner == name):
                yield self._changed(name, changes, severity=Severity.BLOCK)
            elif name in found.fresh:
                yield self.unverified(
                    name,
                    f"{name} is in NEW only: OLD's file has no description of it, so whether it changed is not known.",
                    remedy="Compare with a build of OLD that uses the interface at run time, or check it by hand.",
                )
        rest = [each for each in found.changed if each.kind == "interface" and each.name not in names]
        if rest:
            yield self._others(rest, mode)

    def _changed(self, name: str, changes: tuple[LayoutChange, ...], *, severity: Severity | None) -> Finding:
        lines = said(changes)
        return self.finding(
            name,
            f"{name} asks for something else; what implements it elsewhere no longer fits: {some(lines)}.",
            severity=severity,
            evidence={"changes": [*lines[:KEPT]]},
        )

    def _others(self, changed: list[TypeChange], mode: Mode) -> Finding:
        hotfix = mode is Mode.HOTFIX
        lines = [line for each in changed for line in said(each.changes)]
        number = len(changed)
        return self.finding(
            "interfaces",
            f"{count(number, 'interface')} {'asks' if number == 1 else 'ask'} for other methods: "
            f"{some([each.name for each in changed])} ({some(lines)})."
            + (" A hotfix must leave all interfaces alone: values of the old method sets live on." if hotfix else ""),
            severity=Severity.BLOCK if hotfix else None,
            remedy=""
            if hotfix
            else "Name interfaces that others implement in `contract.interfaces`; the rest do not matter.",
            evidence={"count": number, "changes": [*lines[:KEPT]]},
        )
