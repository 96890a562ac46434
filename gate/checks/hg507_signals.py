"""HG507: signals that the new image inherits as ignored or blocked."""

from collections.abc import Iterator

from gate.evidence.live import Signals
from gate.model import Finding, Severity
from gate.rules.base import Check, Explanation, Samples
from gate.rules.samples.services import running, tweaked

LIBRARY_OWN = {"signal 32", "signal 33", "signal 34", "SIGRTMIN"}
"""glibc's SIGCANCEL and SIGSETXID and musl's three, of which SIGSYNCCALL is 34 (runtime/sigtab_linux_generic.go): the C library
blocks and unblocks them by itself, and no program listens to them."""


class InheritedSignals(Check):
    """Ignored signals and the signal mask survive exec."""

    id = "HG507"
    title = "Signals are ignored or blocked"
    severity = Severity.WARN
    explanation = Explanation(
        what="Signals that the process ignores, and signals that its threads block. The thread of os/signal, which blocks nearly "
        "all of them, does not count.",
        why="exec resets handlers, but signal.Ignore and the mask of the thread that calls exec survive it (measured). The new image "
        "does not hear SIGTERM that the old one chose not to hear, and os/signal can not tell it.",
        example="The old image called signal.Ignore(syscall.SIGHUP) while it reloaded; the new one never reloads again.",
        remedy="Reset them before exec (signal.Reset, pthread_sigmask in C), or call signal.Notify for them at the start of the new "
        "image. SIGINT and SIGQUIT are ignored by what a shell starts in the background, SIGHUP by nohup.",
    )
    samples = Samples(
        fires=(
            lambda: tweaked("signals", ignored=("SIGHUP",)),
            lambda: tweaked("signals", blocked=("SIGTERM", "SIGUSR2")),
        ),
        quiet=(running, lambda: tweaked("signals", ignored=("signal 32",), blocked=("signal 33", "signal 34"))),
    )

    def run(self, signals: Signals) -> Iterator[Finding]:
        """One finding for the ignored, one for the blocked."""
        for word, found in (("ignored", signals.ignored), ("blocked", signals.blocked)):
            names = [name for name in found if name not in LIBRARY_OWN]
            if names:
                yield self.finding(
                    f"{word} signals",
                    f"The new image would inherit {', '.join(names)} as {word}.",
                    evidence={"signals": [*names], "source": signals.source},
                )
