"""HG204: the layout of a type that is handed over changed."""

from collections.abc import Iterator
from typing import cast

from gate.check import Check, Explanation, Samples
from gate.contract import Contract
from gate.evidence import NewBinary, Types
from gate.model import Finding, Json, Mode, Severity
from gate.policy import Policy
from gate.samples import Case, field_moved, type_change, types
from gate.type_evidence import said
from gate.words import count, distance, some
from probes.drift.layout_codec import Codec, broken
from probes.drift.layout_facts import LayoutChange, TypeChange

RESTART = "Leave the layouts out of the hotfix, or replace the image by exec."
SHOWN = 3
KEPT = 50


class StateLayoutChanged(Check):
    """A type that the two images hand over no longer has the same layout."""

    id = "HG204"
    title = "Layout of a type changed"
    severity = Severity.INFO
    explanation = Explanation(
        what="A field of a struct moved, came, went, or has another size or type, in a type of the contract "
        "(`contract.state`) or in anything that it reaches; other types are listed too. The layouts are those of the "
        "descriptors that the Go runtime uses itself, so stripped binaries have them.",
        why="NEW reads what OLD wrote. Through memory it reads at its own offsets, and what was a price is a length. A codec "
        "forgives what it does not look at: gob and json go by names, protobuf by numbers, memory by nothing. A hotfix "
        "swaps function bodies while values live on, so no layout may change at all.",
        example="`Order` got a field in the middle; with `memory`, `Unit` is read where `Tier` is now.",
        remedy="Append instead of inserting, give the type a version and a migration, or hand it over by gob, json or "
        "protobuf and say so in `contract.state`; otherwise restart without a hand-over.",
    )
    samples = Samples(
        fires=(
            lambda: Case(
                types=types(reached={"main.Order": (field_moved(),)}),
                policy=Policy(contract=Contract(state={"main.Order": "memory"})),
            ),
            lambda: Case(
                types=types(reached={"main.Order": (field_moved(),)}),
                policy=Policy(contract=Contract(state={"main.Order": "json"})),
            ),
            lambda: Case(types=types(changed=(type_change(),)), policy=Policy(mode=Mode.HOTFIX)),
            lambda: Case(types=types(changed=(type_change(),))),
        ),
        quiet=(
            Case,
            lambda: Case(
                types=types(reached={"main.Order": ()}),
                policy=Policy(contract=Contract(state={"main.Order": "memory"})),
            ),
            lambda: Case(types=types(changed=(type_change("main.Store", kind="interface"),))),
        ),
    )

    def run(self, found: Types, new: NewBinary, policy: Policy, mode: Mode) -> Iterator[Finding]:
        """One finding for each contract type, then one over all others; in a hotfix over all."""
        state = policy.contract.state
        for name, codec in state.items():
            if changes := found.reached.get(name):
                yield self._handed_over(name, codec, changes)
        module = new.build.main.path if new.build and new.build.main else None
        rest = [each for each in found.changed if each.kind != "interface"]
        if mode is not Mode.HOTFIX:
            rest = [each for each in rest if each.name not in state]
        if rest:
            yield self._others(sorted(rest, key=lambda each: distance(_package(each.name), module)), mode)

    def _handed_over(self, name: str, codec: str, changes: tuple[LayoutChange, ...]) -> Finding:
        bad = broken(changes, cast("Codec", codec))
        lines = said(changes)
        reasons = said(each.change for each in bad) if codec == "memory" else [each.reason for each in bad]
        evidence: dict[str, Json] = {"codec": codec, "changes": [*lines[:KEPT]], "breaking": [*reasons[:KEPT]]}
        if not bad:
            return self.finding(
                name,
                f"{name} has another layout, which {codec} survives: {some(lines, SHOWN)}.",
                remedy="Nothing, if the fields that came may be empty in what OLD wrote.",
                evidence=evidence,
                key="survives",
            )
        how = (
            "NEW reads at its own offsets what lies at others"
            if codec == "memory"
            else f"{codec} does not survive that"
        )
        return self.finding(
            name,
            f"{name} is handed over by {codec}, and NEW has it otherwise: {some(reasons, SHOWN)}. So {how}.",
            severity=Severity.BLOCK,
            evidence=evidence,
            key="breaks",
        )

    def _others(self, changed: list[TypeChange], mode: Mode) -> Finding:
        hotfix = mode is Mode.HOTFIX
        names = some([each.name for each in changed])
        first = changed[0]
        detail = some(said(first.changes), SHOWN)
        number = len(changed)
        message = f"{count(number, 'type')} {'has' if number == 1 else 'have'} another layout: {names} ({detail})."
        mild = sum(each.effect != "breaking" for each in changed)
        if mild and not hotfix:
            message += f" In {mild:,} of them fields only came or changed places, which codecs survive that go by name."
        return self.finding(
            "layouts",
            message + (" A hotfix must leave all layouts alone: values of the old one live on." if hotfix else ""),
            severity=Severity.BLOCK if hotfix else None,
            remedy=RESTART
            if hotfix
            else "Name the types that are handed over in `contract.state`; the others do not matter.",
            evidence={"count": number, "types": [each.name for each in changed[:KEPT]]},
            key="hotfix" if hotfix else "others",
        )


def _package(name: str) -> str:
    plain = name.split("[", 1)[0]
    return plain.rpartition(".")[0]
