"""HG109: NEW was changed after the go command wrote it."""

from collections.abc import Iterator

from gate.evidence.model import NewBinary, OldBinary
from gate.model import Finding, Severity
from gate.rules.base import Check, Explanation, Samples
from gate.rules.samples.binaries import Case, binary, other
from probes.go.integrity import CHANGED, INTACT


class ChangedAfterwards(Check):
    """The build ID's hash of the file's contents does not match in NEW, and did in OLD."""

    id = "HG109"
    title = "Changed after the go command wrote it"
    severity = Severity.WARN
    explanation = Explanation(
        what="The last part of Go's build ID is a hash of the file's contents. In OLD it matches, so that OLD is as the go "
        'command wrote it. In NEW it does not. With `require = ["integrity"]` no NEW passes whose hash does not match.',
        why="A tool rewrote the file, or it is damaged. Damage in what the runtime reads at start ends the new image before main. "
        "The hash is no signature: anyone who changes a file on purpose can compute it again.",
        example="One byte was lost on the way to the host; or NEW went through strip, patchelf or a packer, and OLD had not.",
        remedy="Copy NEW again from where it was built; if a later step rewrites it on purpose, leave `integrity` out of `require`.",
    )
    samples = Samples(
        fires=(lambda: Case(old=binary(integrity=INTACT), new=other(integrity=CHANGED)),),
        quiet=(
            Case,
            lambda: Case(old=binary(integrity=CHANGED), new=other(integrity=CHANGED)),
            lambda: Case(old=binary(integrity=INTACT), new=other(integrity=INTACT)),
        ),
    )

    def run(self, old: OldBinary, new: NewBinary) -> Iterator[Finding]:
        """At most one finding."""
        if old.integrity == INTACT and new.integrity == CHANGED:
            yield self.finding(
                "file contents",
                "NEW is not the file that the go command wrote: the hash in its build ID does not match its contents, as it "
                "does in OLD.",
                evidence={"old": old.integrity, "new": new.integrity},
            )
