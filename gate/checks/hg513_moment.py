"""HG513: a bad moment: a garbage collection marks, or the signal that asks for the update is not heard."""

from collections.abc import Iterator

from gate.evidence.live import Gc, Signals
from gate.model import Finding, Mode, Severity
from gate.policy.model import Policy
from gate.rules.base import Check, Explanation, Samples
from gate.rules.samples.services import running, tweaked


def _marking(mode: Mode):  # type: ignore[no-untyped-def]  # noqa: ANN202 - a sample
    from msgspec.structs import replace

    case = tweaked("gc", marking=True)
    return replace(case, policy=Policy(mode=mode))


class BadMoment(Check):
    """The collector marks while a plugin would be loaded, or the signal that asks for the update is not handled."""

    id = "HG513"
    title = "Bad moment for the update"
    severity = Severity.WARN
    explanation = Explanation(
        what="In plugin mode: whether a garbage collection is marking now. In any mode: whether the signal that the service "
        "declares for updates is handled.",
        why="Loading a shared object adds its data to the collector's roots; while marking, that stops the world for longer. A reload "
        "signal without a handler has its default action: SIGUSR2 ends the process.",
        example="The service declares SIGUSR2, and calls signal.Reset in a clean-up path.",
        remedy="Try again when the collection is over; call signal.Notify for the reload signal before the service says it is ready.",
    )
    samples = Samples(
        fires=(lambda: _marking(Mode.PLUGIN), lambda: tweaked("signals", reload_handled=False)),
        quiet=(running, lambda: _marking(Mode.EXEC)),
    )

    def run(self, mode: Mode, gc: Gc | None, signals: Signals | None) -> Iterator[Finding]:
        """One finding each."""
        if mode is Mode.PLUGIN and gc is not None and gc.marking:
            yield self.finding(
                "garbage collection",
                "A garbage collection is marking: loading a shared object now stops the program for longer.",
                evidence={"cycles": gc.cycles},
            )
        if signals is not None and signals.reload and signals.reload_handled is False:
            yield self.finding(
                signals.reload,
                f"{signals.reload} asks for the update, and is not handled: its default action applies.",
                evidence={"signal": signals.reload},
            )
