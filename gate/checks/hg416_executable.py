"""HG416: the service could not execute NEW."""

from collections.abc import Iterator

from gate.evidence.model import NewBinary
from gate.model import Finding, Mode, Severity
from gate.policy.model import Policy
from gate.rules.base import Check, Explanation, Samples
from gate.rules.samples.binaries import Case, other

EXECUTE = 0o111


class Executable(Check):
    """NEW cannot be executed."""

    id = "HG416"
    title = "NEW cannot be executed"
    severity = Severity.BLOCK
    explanation = Explanation(
        what="The file of NEW has no permission to be executed, for anybody. A plugin is loaded and needs none.",
        why="execve fails with EACCES, for root too. The service stays at OLD at best; one that closed its listeners before is gone.",
        example="A build artifact went through an archive that does not keep modes.",
        remedy="chmod +x NEW, here and in the step that installs it.",
    )
    samples = Samples(
        fires=(lambda: Case(new=other(mode=0o644)),),
        quiet=(
            Case,
            lambda: Case(new=other(mode=0o755)),
            lambda: Case(new=other(mode=0o500)),
            lambda: Case(new=other(mode=0o644), policy=Policy(mode=Mode.PLUGIN)),
        ),
    )

    def run(self, new: NewBinary, mode: Mode) -> Iterator[Finding]:
        """At most one finding; nothing where the file's mode is not known."""
        if mode is not Mode.PLUGIN and new.mode is not None and not new.mode & EXECUTE:
            yield self.finding(
                "file mode",
                f"exec of NEW will fail with EACCES: no user may execute it (mode {new.mode:04o}).",
                evidence={"mode": f"{new.mode:04o}"},
            )
