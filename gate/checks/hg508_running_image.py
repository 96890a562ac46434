"""HG508: the running image is not OLD."""

from collections.abc import Iterator

from gate.evidence.live import Image
from gate.evidence.model import OldBinary
from gate.model import Finding, Severity
from gate.rules.base import Check, Explanation, Samples
from gate.rules.samples.services import running, tweaked
from probes.go.facts import BinaryFacts
from probes.live.topics import RunningImage


class NotTheRunningImage(Check):
    """What was compared is not what runs: nothing that was found out holds for this process."""

    id = "HG508"
    title = "The running image is not OLD"
    severity = Severity.BLOCK
    explanation = Explanation(
        what="The program that the process runs is compared with OLD: by the digest of /proc/PID/exe where it can be read, else by "
        "its GNU or Go build id.",
        why="The comparison is between OLD and NEW. When the process runs something else, nothing that it says about layouts, removed "
        "functions or variables is true of this update.",
        example="The last roll-back left release 41 running, and the pipeline compares 42 with 43.",
        remedy="Compare with the image that runs: `hotgate check --pid PID NEW` takes OLD from the process itself.",
    )
    samples = Samples(
        fires=(
            lambda: tweaked("image", sha256="c" * 64, go_build_id="another/build/id"),
            lambda: tweaked("image", sha256="", go_build_id="another/build/id", source="goprobe"),
            lambda: tweaked("image", sha256="", go_build_id="", gnu_build_id="c0ffee", source="net/http/pprof"),
            lambda: tweaked("image", another="the service says that its PID is 7, and --pid names 9"),
            lambda: tweaked("image", unsure="the process does not listen on port 8080"),
        ),
        quiet=(running, lambda: tweaked("image", sha256="", source="goprobe")),
    )

    def run(self, old: OldBinary | None, image: Image) -> Iterator[Finding]:
        """One finding when they differ; doubt when nothing tells."""
        if image.another:
            yield self.finding(
                "service",
                f"The URL and --pid are of two services: {image.another}.",
                remedy="Pass the URL that the process itself serves.",
                key="another",
            )
        elif image.unsure:
            yield self.unverified(
                "service",
                f"Whether the URL is that of the process is unknown: {image.unsure}.",
                remedy="Pass the URL that the process itself serves, or embed goprobe, which says its PID.",
            )
        if old is None:
            return
        same, how = _same(old, image)
        if same is None:
            yield self.unverified(
                old.path,
                "Whether the process runs OLD is unknown: they have no build id in common.",
                remedy="Pass --pid, so that the running file itself can be read, or build with a build id (-ldflags=-buildid=… or -B).",
            )
        elif not same:
            yield self.finding(
                old.path,
                f"The process does not run OLD: {how}. What was compared says nothing about this update.",
                evidence={"running": image.gnu_build_id or image.go_build_id or image.sha256, "path": image.path},
            )


def _same(old: BinaryFacts, image: RunningImage) -> tuple[bool | None, str]:
    """Whether `image` is OLD, and what differs; None when nothing tells."""
    pairs = (
        ("sha256", old.sha256, image.sha256),
        ("GNU build id", old.gnu_build_id, image.gnu_build_id),
        ("Go build id", old.go_build_id, image.go_build_id),
    )
    for name, ours, theirs in pairs:
        if ours and theirs:
            return ours == theirs, f"it has the {name} {_short(theirs)}, OLD has {_short(ours)}"
    return None, ""


def _short(text: str) -> str:
    return text if len(text) <= 20 else f"{text[:16]}…"
