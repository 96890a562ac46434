"""HG204: the layout of a type that is handed over changed."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, cast

from gate.evidence.model import Functions, NewBinary, OldBinary, Types
from gate.evidence.types import said
from gate.inflection import count, distance, some
from gate.model import Finding, Json, Mode, Severity
from gate.policy.contract import Contract
from gate.policy.model import Policy
from gate.rules.base import Check, Explanation, Samples
from gate.rules.samples.binaries import Case, binary, change, field_moved, functions, other, type_change, types
from probes.drift.facts import FunctionDrift
from probes.drift.types.facts import LayoutChange, TypeChange
from probes.go.facts import BinaryFacts

RESTART = "Leave the layouts out of the hotfix, or replace the image by exec."
if TYPE_CHECKING:
    from probes.drift.types.wire_tags import Codec

_ONE_CODEC = {"json", "protobuf"}
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
            lambda: Case(
                types=types(fresh=("main.Order",)), policy=Policy(contract=Contract(state={"main.Order": "memory"}))
            ),
            lambda: Case(
                types=types(reached={"main.Order": ()}, open={"main.Order": ("main.Payment",)}),
                policy=Policy(contract=Contract(state={"main.Order": "gob"})),
            ),
            lambda: Case(
                old=binary(go_version="go1.23.9"),
                new=other(go_version="go1.24.1"),
                types=types(reached={"main.Order": ()}, runtime=("main.Order",)),
                policy=Policy(contract=Contract(state={"main.Order": "memory"})),
            ),
            lambda: Case(
                functions=functions(changed=(change("main.(*Order).GobEncode"),)),
                policy=Policy(contract=Contract(state={"main.Order": "gob"})),
            ),
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

    def run(
        self, found: Types, new: NewBinary, policy: Policy, old: OldBinary | None, drift: Functions | None
    ) -> Iterator[Finding]:
        """One finding for each contract type, then one over all others; in a hotfix over all."""
        state = policy.contract.state
        before, after = (_release(each) if each else None for each in (old, new))
        for name, codec in state.items():
            # What only another codec sees is nothing to this one.
            if changes := tuple(c for c in found.reached.get(name, ()) if c.of not in _ONE_CODEC or c.of == codec):
                yield self._handed_over(name, codec, changes)
            if name in found.fresh:
                yield self._unknown(name)
            if codec == "memory" and name in found.runtime and old is not None and before != after:
                yield self._runtime(name)
            if name in found.open:
                yield self._open(name, found.open[name])
            yield from self._encoders(name, codec, drift)
        module = new.build.main.path if new.build and new.build.main else None
        rest = [each for each in found.changed if each.kind != "interface"]
        mode = policy.mode
        if mode is not Mode.HOTFIX:
            rest = [each for each in rest if each.name not in state]
        if rest:
            yield self._others(sorted(rest, key=lambda each: distance(_package(each.name), module)), mode)

    def _handed_over(self, name: str, codec: str, changes: tuple[LayoutChange, ...]) -> Finding:
        from probes.drift.types.codecs import broken  # it needs numpy, which a list of rules does not

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

    def _unknown(self, name: str) -> Finding:
        return self.unverified(
            name,
            f"{name} is in NEW only: OLD's file has no description of it, so whether it changed is not known. "
            "A type is described only if the program can need it at run time.",
            remedy="Compare with a build of OLD that uses the type through an interface or reflection, or check it by hand.",
        )

    def _runtime(self, name: str) -> Finding:
        return self.finding(
            name,
            f"{name} is handed over by memory and leads to maps or channels, which the runtime lays out, and the two sides "
            "have runtimes of different Go releases.",
            severity=Severity.BLOCK,
            remedy="Build both sides with the same Go release, or hand the type over by gob, json or protobuf.",
            key="runtime",
        )

    def _open(self, name: str, interfaces: tuple[str, ...]) -> Finding:
        return self.finding(
            name,
            f"{name} holds values of {some(interfaces)}: what is in them was not compared.",
            remedy="Name the concrete types that may be in them in `contract.state` too.",
            evidence={"interfaces": [*interfaces[:KEPT]]},
            key="open",
        )

    def _encoders(self, name: str, codec: str, drift: FunctionDrift | None) -> Iterator[Finding]:
        """Methods of the type by which it encodes itself and whose code changed."""
        if drift is None or codec == "memory":
            return
        from probes.drift.types.changes import ENCODERS  # it needs numpy, which a list of rules does not

        package, _, short = name.rpartition(".")
        own = {f"{package}.{receiver}.{method}" for receiver in (short, f"(*{short})") for method in ENCODERS}
        changed = sorted(each.name for each in drift.changed if each.name in own)
        if changed:
            yield self.finding(
                name,
                f"{name} encodes itself, and that code changed: {some(changed)}.",
                severity=Severity.WARN,
                remedy="Read in NEW what OLD has written, in a test, before the update.",
                evidence={"functions": [*changed[:KEPT]]},
                key="encoders",
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


def _release(facts: BinaryFacts) -> str:
    """`go1.27` of go1.27.3."""
    return ".".join((facts.go_version or "").split(".")[:2])


def _package(name: str) -> str:
    plain = name.split("[", 1)[0]
    return plain.rpartition(".")[0]
