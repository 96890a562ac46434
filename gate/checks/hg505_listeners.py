"""HG505: listening sockets that are closed by exec."""

from collections.abc import Iterator

from msgspec import structs

from gate.evidence.live import Descriptors, Image
from gate.evidence.model import OldBinary
from gate.inflection import some
from gate.model import Confidence, Finding, Mode, Severity
from gate.policy.model import Policy
from gate.rules.base import Check, Explanation, Samples
from gate.rules.samples.services import handed_off, running, tweaked
from gate.rules.support.handoff import TABLEFLIP, passes, restart_library
from probes.live.topics import DescriptorFacts, Listening, RunningImage

_CLOSED = Listening(7, "tcp 127.0.0.1:8080", close_on_exec=True, handed_over=False)


def _open() -> DescriptorFacts:
    return DescriptorFacts("/proc", (_CLOSED,), (), complete=True)


def _calling(entry: str) -> RunningImage:
    return RunningImage("/proc", go_build_id="old/build/id", sha256="a" * 64, path="/srv/shop", entries=(entry,))


class ListenersClosed(Check):
    """A listening socket is close-on-exec, and the service does not hand it over."""

    id = "HG505"
    title = "Listening sockets are not handed over"
    severity = Severity.BLOCK
    explanation = Explanation(
        what="The process listens on a socket of which every descriptor is close-on-exec, and goprobe knows of no hand-over for "
        "it. A datagram socket that is bound counts as listening, and is a warning: it may be a client's. In mode `handoff` it is a "
        "socket that the child does not get: tableflip keeps a second descriptor of each of its own, so that one without is not its; "
        "of the other libraries' it cannot be seen, and is a warning.",
        why="Go opens every descriptor close-on-exec. The socket is gone with exec: clients get `connection refused` until the new "
        "image listens again, and what waited in the backlog is reset. A new socket with SO_REUSEPORT does not help: it lost 623 "
        "of 12,800 connections where an inherited descriptor lost none (measured).",
        example="http.ListenAndServe(':8080', nil), and syscall.Exec on SIGUSR2.",
        remedy="Listen with goprobe's p.Listen, which hands the socket over, or pass its descriptor on by other means and say so in "
        "the policy: [live] handed_over = ['tcp 127.0.0.1:8080'].",
    )
    samples = Samples(
        fires=(
            lambda: tweaked("descriptors", listeners=(_CLOSED,)),
            lambda: handed_off(tweaked("descriptors", listeners=(_CLOSED,))),
            lambda: handed_off(running(descriptors=_open(), image=_calling("github.com/cloudflare/tableflip.New"))),
        ),
        quiet=(
            running,
            lambda: handed_off(tweaked("descriptors", listeners=(structs.replace(_CLOSED, copies=2),))),
            lambda: handed_off(tweaked("descriptors", listeners=(structs.replace(_CLOSED, shared=True),))),
            lambda: handed_off(tweaked("descriptors", listeners=(structs.replace(_CLOSED, passed=True),))),
            lambda: handed_off(running(descriptors=_open(), image=_calling("github.com/jpillora/overseer.Run"))),
            lambda: tweaked(
                "descriptors", listeners=(Listening(7, "tcp 127.0.0.1:8080", close_on_exec=False, handed_over=True),)
            ),
        ),
    )

    def run(
        self, descriptors: Descriptors, policy: Policy, mode: Mode, image: Image | None, old: OldBinary | None
    ) -> Iterator[Finding]:
        """One finding for each socket."""
        said = "goprobe" in descriptors.source
        if not descriptors.complete:
            yield self.unverified(
                "listeners",
                "Whether the process listens elsewhere too is unknown: not all of its descriptors were seen.",
                remedy="Pass --pid, as the user that the service runs as.",
                evidence={"source": descriptors.source},
            )
        if mode is Mode.HANDOFF:
            yield from self._handed_off(descriptors, policy, restart_library(image, old), image)
            return
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

    def _handed_off(
        self, descriptors: DescriptorFacts, policy: Policy, library: str, image: RunningImage | None
    ) -> Iterator[Finding]:
        for each in descriptors.listeners:
            passed = passes(library, image, each)
            if passed or policy.hands_over(each.address) or not each.close_on_exec:
                continue
            surely = passed is False and not each.address.startswith("udp ")
            yield self.finding(
                each.address,
                f"NEW would not get the listening socket {each.address} (descriptor {each.fd}): {library} does not know of it, and NEW cannot "
                "listen there while OLD does."
                if surely
                else f"Whether NEW gets the listening socket {each.address} (descriptor {each.fd}) is not known: "
                f"{_unseen(library, image)}. One that is not passed on is in use when NEW wants to listen there.",
                severity=None if surely else Severity.WARN,
                confidence=Confidence.HIGH if surely else Confidence.LOW,
                remedy=_OPEN_BY.get(library, _DECLARE) if surely else _DECLARE,
                evidence={
                    "descriptor": each.fd,
                    "address": each.address,
                    "source": descriptors.source,
                    "library": library,
                },
            )


_DECLARE = "If the service passes it on, say so in the policy: [live] handed_over = ['tcp 127.0.0.1:8080']; else open it by the library."
_OPEN_BY = {
    TABLEFLIP: "Open it with tableflip's Upgrader.Listen (Fds.Listen), which passes it on, or close it before NEW starts."
}


def _unseen(library: str, image: RunningImage | None) -> str:
    """Why it cannot be seen whether a socket is passed on."""
    if not library:
        return "there is no second descriptor of it, and OLD calls no restart library"
    others = f", and {some(image.openers)} opens sockets too" if image is not None and image.openers else ""
    return f"{library} keeps no second descriptor of it{others}"
