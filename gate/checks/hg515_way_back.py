"""HG515: OLD could not take over from NEW."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, cast

from gate.evidence.live import Image, States
from gate.evidence.model import OldBinary, WayBack
from gate.evidence.way_back import WayBackFacts
from gate.inflection import some
from gate.model import Finding, Mode, Severity
from gate.policy.model import Policy
from gate.rules.base import Check, Explanation, Samples
from gate.rules.samples.ways_back import closed, opened
from probes.code.facts import RegisteredState

if TYPE_CHECKING:
    from probes.drift.types.codecs import Codec

SHOWN = 3


class WayBackClosed(Check):
    """What NEW will have written, OLD cannot read."""

    id = "HG515"
    title = "The way back is closed"
    severity = Severity.WARN
    explanation = Explanation(
        what="The update is looked at the other way round: NEW runs, and OLD is to take over from it. The contract's types are compared "
        "from NEW to OLD by their codec; states that goprobe hands over, by the versions with which both programs register them, as "
        "their code says; and whether there still is a file of OLD. Whether data in files or a database can be read by OLD is not seen. "
        "`hotgate check --both-ways` gives the whole verdict on NEW → OLD beside that on OLD → NEW.",
        why="A release that has to be taken back is taken back in a hurry. Where OLD refuses the state, or reads it as another one, the "
        "way back is a restart without state, or none.",
        example="NEW registers the state orders with version 2 and reads version 1 too. It cannot be taken back: OLD knows version 1 alone.",
        remedy="Release in two steps: first a version that reads the new form and writes the old one, then one that writes it. Or accept "
        "it: say in the release's plan that the way back is a restart.",
    )
    samples = Samples(
        fires=(
            lambda: closed("types"),
            lambda: closed("version"),
            lambda: closed("state"),
            lambda: closed("doubt"),
            lambda: closed("unknown"),
        ),
        quiet=(opened, lambda: opened(policy=Policy(mode=Mode.PLUGIN))),
    )

    def run(
        self, found: WayBack, policy: Policy, image: Image | None, old: OldBinary | None, running: States | None
    ) -> Iterator[Finding]:
        """One finding for each type and each state, and one where OLD's file is gone."""
        if policy.mode is Mode.PLUGIN:
            return
        if found.types is not None:
            yield from self._types(found, policy)
        known = found.old_states
        if running is not None and running.complete:  # the service itself knows what it reads
            known = tuple(RegisteredState(each.name, each.version, each.reads) for each in running.states)
        yield from self._states(known, found.new_states)
        if image is not None and image.replaced and old is not None and old.path.startswith("/proc/"):
            yield self.finding(
                "OLD's file",
                f"OLD's file is gone from {image.path}: it runs, and there is nothing to go back to once NEW does.",
                remedy=f"Copy it first, as long as it runs: cp {old.path} to where releases are kept.",
                key="file",
            )

    def _types(self, found: WayBackFacts, policy: Policy) -> Iterator[Finding]:
        from probes.drift.types.codecs import broken  # it needs numpy, which a list of rules does not

        if found.types is None:
            return
        for name, codec in policy.contract.state.items():
            bad = broken(found.types.reached.get(name, ()), cast("Codec", codec))
            if bad:
                yield self.finding(
                    name,
                    f"OLD could not read what NEW writes of {name} by {codec}: {some([each.reason for each in bad], SHOWN)}.",
                    evidence={"codec": codec, "breaking": [each.reason for each in bad]},
                    key="type",
                )

    def _states(
        self, old: tuple[RegisteredState, ...] | None, new: tuple[RegisteredState, ...] | None
    ) -> Iterator[Finding]:
        if new is None or old is None:
            if new or old:
                side = "OLD" if old is None else "NEW"
                yield self.unverified(
                    "states",
                    f"With which versions {side} registers its states is not known: its code does not tell.",
                    remedy="Pass constants to RegisterState, or take the update back in a rehearsal.",
                )
            return
        known = {each.name: each for each in old}
        for each in new:
            before = known.get(each.name)
            if before is None:
                yield self.finding(
                    each.name,
                    f"OLD does not know the state {each.name} that NEW hands over, and refuses to take over with it.",
                    evidence={"state": each.name, "version": each.version},
                    key="state",
                )
            elif before.reads is None:
                if each.version != before.version:
                    yield self.unverified(
                        each.name,
                        f"Whether OLD can read version {each.version} of the state {each.name} is not known: it has a codec of its own.",
                        remedy="Pass --live URL: the service tells which versions it reads. Or take the update back in a rehearsal.",
                    )
            elif each.version not in before.reads:
                reads = ", ".join(map(str, before.reads))
                yield self.finding(
                    each.name,
                    f"OLD could not read the state {each.name}: NEW writes version {each.version}, OLD reads {reads}.",
                    evidence={"state": each.name, "version": each.version, "reads": list(before.reads)},
                    key="version",
                )
