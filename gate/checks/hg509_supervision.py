"""HG509: PID 1, or a supervisor that would lose the process."""

from collections.abc import Iterator

from gate.evidence.live import Image, Process
from gate.evidence.model import OldBinary
from gate.model import Finding, Json, Mode, Severity
from gate.rules.base import Check, Explanation, Samples
from gate.rules.samples.services import handed_off, running, tweaked
from gate.rules.support.handoff import OVERSEER, restart_library
from probes.live.topics import ProcessNumbers

SUPERVISORS = (
    "runsv",
    "s6-supervise",
    "supervise",
    "supervisord",
    "perpd",
    "circusd",
    "dinit",
    "runit",
    "horust",
    "nq",
)
"""Programs that start a service again as soon as the process that they started ends, by the name that the kernel shows."""

FOLLOWS = {"notify": "notify", "notify-reload": "notify"}
"""Types of systemd units that go by a main process, which the service itself names."""

_MAIN_PID = "Use Type=notify with NotifyAccess=all, and have NEW send MAINPID=… when it is ready; or execute NEW in place, which keeps the PID."


class Supervision(Check):
    """Somebody goes by the process's PID, and would take its end for the end of the service."""

    id = "HG509"
    title = "A supervisor would lose the process"
    severity = Severity.WARN
    explanation = Explanation(
        what="exec in place keeps the PID. In mode `handoff` it changes: the process is PID 1 of its container, or a supervisor watches "
        "it that goes by the PID: systemd with a unit whose Type is simple, exec or idle, or that is not told the new main process; "
        "runit, s6, daemontools, supervisord and others. overseer's first process stays, and is no hazard.",
        why="A container ends with its PID 1, and everything in it (measured: tableflip and endless end the container; with grace both "
        "versions go on). systemd takes a unit whose main process ends for stopped and ends what is left of it. Others start the "
        "service a second time. As PID 1, an exec in place needs a new image that comes up: if it does not, the container ends.",
        example="ExecStart=/srv/orders with tableflip and no Type=: the first update ends OLD and NEW.",
        remedy="Make sure that the update is an exec in place, and that NEW's start was tried before; or run an init (tini, "
        "`docker run --init`) as PID 1, and tell the supervisor which process to watch.",
    )
    samples = Samples(
        fires=(
            lambda: tweaked("process", namespace_pid=1),
            lambda: handed_off(tweaked("process", namespace_pid=1)),
            lambda: handed_off(tweaked("process", unit="orders.service", unit_type="simple")),
            lambda: handed_off(tweaked("process", unit="orders.service", unit_type="forking")),
            lambda: handed_off(tweaked("process", unit="orders.service", unit_type="notify", notifies=True)),
            lambda: handed_off(tweaked("process", parent_name="runsv")),
        ),
        quiet=(
            running,
            lambda: handed_off(running()),
            lambda: tweaked("process", unit="orders.service", unit_type="simple"),
            lambda: handed_off(tweaked("process", unit="orders.service", unit_type="forking", pid_file=True)),
            lambda: handed_off(
                tweaked("process", unit="orders.service", unit_type="notify", notifies=True, notify_access="all")
            ),
        ),
    )

    def run(self, process: Process, mode: Mode, image: Image | None, old: OldBinary | None) -> Iterator[Finding]:
        """At most one finding."""
        evidence: dict[str, Json] = {"pid": process.pid, "parent": process.parent_name, "unit": process.unit}
        if mode is not Mode.HANDOFF:
            if process.namespace_pid == 1:
                yield self.finding(
                    "PID 1",
                    "The process is PID 1 of its container: if the new image dies at its start, the container ends.",
                    evidence=evidence,
                )
            return
        if restart_library(image, old) == OVERSEER:
            return
        if process.namespace_pid == 1:
            yield self.finding(
                "PID 1",
                "The process is PID 1 of its container, which ends with it: NEW, its child, ends as soon as OLD has drained.",
                severity=Severity.BLOCK,
                evidence=evidence,
            )
        elif process.unit and process.unit_type:
            yield from self._unit(process, evidence)
        elif process.parent_name in SUPERVISORS:
            yield self.finding(
                process.parent_name,
                f"{process.parent_name} watches this PID, and starts the service a second time when OLD ends.",
                severity=Severity.BLOCK,
                evidence=evidence,
            )

    def _unit(self, process: ProcessNumbers, evidence: dict[str, Json]) -> Iterator[Finding]:
        unit, kind = process.unit, process.unit_type
        if kind == "forking":
            if not process.pid_file:
                yield self.finding(
                    unit,
                    f"systemd has to guess the main process of {unit} (Type=forking without PIDFile=) when OLD ends.",
                    remedy="Name a PID file in the unit, and have NEW write it.",
                    evidence=evidence,
                )
        elif kind in FOLLOWS and process.notifies:
            if process.notify_access not in ("all", "exec"):
                yield self.finding(
                    unit,
                    f"systemd takes no MAINPID of NEW for {unit}: NotifyAccess is {process.notify_access or 'main'}, and NEW is not yet "
                    "its main process. OLD would have to name it.",
                    remedy=_MAIN_PID,
                    evidence=evidence,
                )
        elif kind not in ("dbus", "oneshot"):
            yield self.finding(
                unit,
                f"systemd goes by this PID ({unit}, Type={kind}): when OLD ends, it takes the service for stopped and ends NEW.",
                severity=Severity.BLOCK,
                remedy=_MAIN_PID,
                evidence=evidence,
            )
