"""HG809: no rehearsal of this pair, or none that is recent."""

from collections.abc import Iterator

from msgspec.structs import replace

from gate.evidence.rehearsal import Past
from gate.model import Finding, Json, Severity
from gate.policy.model import REHEARSAL, Policy
from gate.rules.base import Check, Explanation, Samples
from gate.rules.samples.binaries import Case
from gate.rules.samples.rehearsals import PAST

_REQUIRED = Policy(require=("functions", "build", REHEARSAL))


class NoRehearsal(Check):
    """The policy requires a rehearsal, and the store has no fresh one that passed."""

    id = "HG809"
    title = "No rehearsal of this update"
    severity = Severity.WARN
    inconclusive = True
    explanation = Explanation(
        what="The policy requires `rehearsal`, and the store has no rehearsal of these two files, by their digests, or the last one did not "
        "pass, or it is older than rehearsal.max_age.",
        why="What only the act shows is not known of this update: lost requests, a failed hand-over, a way back that does not work.",
        example="NEW was built again after its rehearsal: its digest is another one.",
        remedy="Run `hotgate rehearse OLD NEW --audit` with these two files, and check with the same store.",
    )
    samples = Samples(
        fires=(
            lambda: Case(policy=_REQUIRED, rehearsal=replace(PAST, verdict="")),
            lambda: Case(policy=_REQUIRED, rehearsal=replace(PAST, verdict="block")),
            lambda: Case(policy=_REQUIRED, rehearsal=replace(PAST, age=40.2)),
        ),
        quiet=(lambda: Case(policy=_REQUIRED, rehearsal=PAST), lambda: Case(rehearsal=replace(PAST, verdict=""))),
    )

    def run(self, past: Past, policy: Policy) -> Iterator[Finding]:
        """One finding at most."""
        if REHEARSAL not in policy.require:
            return
        evidence: dict[str, Json] = {"old": past.old, "new": past.new, "record": past.seq}
        if not past.verdict:
            yield self.unverified("rehearsal", "The store has no rehearsal of these two files.", evidence=evidence)
        elif past.verdict != "pass":
            yield self.unverified(
                "rehearsal",
                f"The last rehearsal of these two files was {past.verdict}, {past.age:.1f} days ago.",
                evidence=evidence,
            )
        elif past.age > past.limit:
            yield self.unverified(
                "rehearsal",
                f"The last rehearsal of these two files is {past.age:.1f} days old, and rehearsal.max_age is {past.limit:g} days.",
                evidence=evidence,
            )
