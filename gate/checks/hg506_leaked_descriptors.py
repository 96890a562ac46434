"""HG506: descriptors that stay open through exec."""

from collections.abc import Iterator

from gate.evidence.live import Descriptors
from gate.inflection import count, some
from gate.model import Finding, Severity
from gate.rules.base import Check, Explanation, Samples
from gate.rules.samples.services import running, tweaked

_SHOWN = 16


class LeakedDescriptors(Check):
    """Descriptors without close-on-exec stay open in the new image, which knows nothing of them."""

    id = "HG506"
    title = "Descriptors leak through exec"
    severity = Severity.WARN
    explanation = Explanation(
        what="Descriptors above 2 that are not close-on-exec and are not handed over.",
        why="The new image has them open and no code to close them: one more of each with every update until the limit on "
        "descriptors is reached, deleted files that keep their space, connections whose other end waits for ever. Go opens "
        "descriptors close-on-exec; those that are not come from C, from the parent, or from a call to fcntl.",
        example="A C library opened /dev/fuse with open(path, O_RDWR), without O_CLOEXEC.",
        remedy="Open them with O_CLOEXEC, or set FD_CLOEXEC on them before exec.",
    )
    samples = Samples(
        fires=(lambda: tweaked("descriptors", leaking=((9, "/var/lib/shop/journal"),)),),
        quiet=(running,),
    )

    def run(self, descriptors: Descriptors) -> Iterator[Finding]:
        """One finding for all of them."""
        if not descriptors.leaking:
            return
        named = [f"{fd} ({target})" for fd, target in descriptors.leaking]
        many = len(named) != 1
        yield self.finding(
            "descriptors",
            f"{count(len(named), 'descriptor')} would stay open in the new image, which knows nothing of "
            f"{'them' if many else 'it'}: {some(named)}.",
            evidence={"descriptors": list(named[:_SHOWN]), "count": len(named), "limit": descriptors.limit},
        )
