"""HG805: answers differ."""

from collections.abc import Iterator

from gate.evidence.rehearsal import AnswerChange, Rehearsal
from gate.model import Finding, Severity
from gate.rules.base import Check, Explanation, Samples
from gate.rules.samples.rehearsals import rehearsed


class AnswersDiffer(Check):
    """NEW answers the same question otherwise."""

    id = "HG805"
    title = "Answers differ"
    severity = Severity.WARN
    explanation = Explanation(
        what="OLD and NEW were asked for the paths of rehearsal.compare, several times each: status, headers, JSON by pointer, text by "
        "lines, other bodies by digest. What differs among OLD's own answers is noise and does not count.",
        why="A client that relies on what OLD says gets something else after the update.",
        example="$.total was a number and is a string now.",
        remedy="Look whether the change is meant; if it is, name it in rehearsal.compare.ignore for this release.",
    )
    samples = Samples(
        fires=(lambda: rehearsed(answers=(AnswerChange("/v1/quote?id=1", "$.total", ("-100", '+"100"')),)),),
        quiet=(rehearsed,),
    )

    def run(self, rehearsal: Rehearsal) -> Iterator[Finding]:
        """One finding a place in an answer."""
        for each in rehearsal.answers:
            yield self.finding(
                each.path,
                f"{each.path} answers otherwise at {each.where}: {' '.join(each.diff[:4])}.",
                evidence={"where": each.where, "diff": list(each.diff)},
                key=each.where,
            )
