"""HG511: signal handlers and threads that Go did not make."""

from collections.abc import Iterator

from gate.evidence.live import Calls, Signals
from gate.inflection import count, some
from gate.model import Finding, Mode, Severity
from gate.rules.base import Check, Explanation, Samples
from gate.rules.samples.services import handed_off, running, tweaked


class ForeignCode(Check):
    """C code in the process has signal handlers, or threads of its own."""

    id = "HG511"
    title = "C signal handlers or foreign threads"
    severity = Severity.WARN
    explanation = Explanation(
        what="Signal handlers that are not in Go's code, by sigaction, and threads that the Go runtime did not start.",
        why="exec removes both without a word to the library that made them: its thread does not flush, and its handler is back to the "
        "default action, which for most signals ends the process.",
        example="A tracing library has a thread that sends its buffer once a second.",
        remedy="Shut the library down before exec, and start it again in the new image.",
    )
    samples = Samples(
        fires=(
            lambda: tweaked("signals", handlers=(("SIGUSR1", "on_usr1 in /usr/lib/libfoo.so.1"),)),
            lambda: tweaked("calls", foreign=("libfoo-io (4251)",)),
        ),
        quiet=(running, lambda: handed_off(tweaked("calls", foreign=("libfoo-io (4251)",)))),
    )

    def run(self, signals: Signals | None, calls: Calls | None, mode: Mode) -> Iterator[Finding]:
        """One finding for the handlers, one for the threads; none in a hand-off, where OLD keeps both until it ends."""
        if mode is Mode.HANDOFF:
            return
        handlers = signals.handlers if signals is not None and signals.handlers else ()
        if handlers:
            named = [f"{name} ({where})" for name, where in handlers]
            yield self.finding(
                "signal handlers",
                f"{count(len(named), 'signal handler')} of C would be gone: {some(named)}.",
                evidence={"handlers": list(named)},
            )
        threads = calls.foreign if calls is not None and calls.foreign else ()
        if threads:
            yield self.finding(
                "threads",
                f"{count(len(threads), 'thread')} that Go did not start would end without clean-up: {some(threads)}.",
                evidence={"threads": list(threads)},
            )
