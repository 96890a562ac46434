"""HG505: listening sockets that are closed by exec."""

from collections.abc import Iterator

from gate.evidence.live import Descriptors
from gate.model import Confidence, Finding, Severity
from gate.policy.model import Policy
from gate.rules.base import Check, Explanation, Samples
from gate.rules.samples.services import running, tweaked
from probes.live.topics import Listening


class ListenersClosed(Check):
    """A listening socket is close-on-exec, and the service does not hand it over."""

    id = "HG505"
    title = "Listening sockets would be closed"
    severity = Severity.BLOCK
    explanation = Explanation(
        what="The process listens on a socket of which every descriptor is close-on-exec, and goprobe knows of no hand-over for "
        "it. A datagram socket that is bound counts as listening, and is a warning: it may be a client's.",
        why="Go opens every descriptor close-on-exec. The socket is gone with exec: clients get `connection refused` until the new "
        "image listens again, and what waited in the backlog is reset. A new socket with SO_REUSEPORT does not help: it lost 623 "
        "of 12,800 connections where an inherited descriptor lost none (measured).",
        example="http.ListenAndServe(':8080', nil), and syscall.Exec on SIGUSR2.",
        remedy="Listen with goprobe's p.Listen, which hands the socket over, or pass its descriptor on by other means and say so in "
        "the policy: [live] handed_over = ['tcp 127.0.0.1:8080'].",
    )
    samples = Samples(
        fires=(
            lambda: tweaked(
                "descriptors", listeners=(Listening(7, "tcp 127.0.0.1:8080", close_on_exec=True, handed_over=False),)
            ),
        ),
        quiet=(
            running,
            lambda: tweaked(
                "descriptors", listeners=(Listening(7, "tcp 127.0.0.1:8080", close_on_exec=False, handed_over=True),)
            ),
        ),
    )

    def run(self, descriptors: Descriptors, policy: Policy) -> Iterator[Finding]:
        """One finding for each socket."""
        said = "goprobe" in descriptors.source
        if not descriptors.complete:
            yield self.unverified(
                "listeners",
                "Whether the process listens elsewhere too is unknown: not all of its descriptors were seen.",
                remedy="Pass --pid, as the user that the service runs as.",
                evidence={"source": descriptors.source},
            )
        for each in descriptors.listeners:
            if each.handed_over or not each.close_on_exec or policy.hands_over(each.address):
                continue
            yield self.finding(
                each.address,
                f"The listening socket {each.address} (descriptor {each.fd}) would be closed: it is close-on-exec and "
                f"{'the service does not hand it over' if said else 'nothing says that it is handed over'}.",
                severity=Severity.WARN if each.address.startswith("udp ") else None,
                confidence=Confidence.HIGH if said else Confidence.MEDIUM,
                evidence={"descriptor": each.fd, "address": each.address, "source": descriptors.source},
            )
