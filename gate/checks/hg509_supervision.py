"""HG509: PID 1, or a supervisor that would lose the process."""

from collections.abc import Iterator

from gate.evidence.live import Process
from gate.model import Finding, Severity
from gate.rules.base import Check, Explanation, Samples
from gate.rules.samples.services import running, tweaked


class Supervision(Check):
    """The process is PID 1 of its container: a failed exec, or a restart by a child, ends the container."""

    id = "HG509"
    title = "The process is PID 1"
    severity = Severity.WARN
    explanation = Explanation(
        what="The process has PID 1 in its own PID namespace, as the only program of a container does.",
        why="exec in place keeps the PID and is fine. Anything else ends the container: a restart library that starts a child and lets "
        "the parent go (measured: tableflip and endless end the container), and a new image that dies at its start. As PID 1 "
        "it also inherits orphans that it must wait for, which the new image may not know of.",
        example="A container whose command is the service itself, updated by a library that forks.",
        remedy="Make sure that the update is an exec in place, and that NEW's start was tried before; or run an init (tini, "
        "`docker run --init`) as PID 1.",
    )
    samples = Samples(fires=(lambda: tweaked("process", namespace_pid=1),), quiet=(running,))

    def run(self, process: Process) -> Iterator[Finding]:
        """One finding for PID 1."""
        if process.namespace_pid == 1:
            yield self.finding(
                "PID 1",
                "The process is PID 1 of its container: if the new image dies at its start, or the update goes by a child, the "
                "container ends.",
                evidence={"pid": process.pid, "parent": process.parent_name},
            )
