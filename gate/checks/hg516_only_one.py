"""HG516: what only one process can hold, while OLD and NEW run beside each other."""

from collections.abc import Iterator

from gate.evidence.live import Descriptors
from gate.inflection import count, some
from gate.model import Finding, Mode, Severity
from gate.rules.base import Check, Explanation, Samples
from gate.rules.samples.services import handed_off, tweaked


class OnlyOne(Check):
    """OLD holds locks on files while NEW starts as its child."""

    id = "HG516"
    title = "OLD holds what NEW will want"
    severity = Severity.WARN
    explanation = Explanation(
        what="In mode `handoff` OLD and NEW run at the same time. The process has locked files for itself alone, by flock or fcntl, as "
        "/proc/PID/fdinfo shows. Listening sockets that nobody passes on are HG505's.",
        why="OLD keeps its locks until it has drained. NEW waits for them, or fails, and a restart library takes a child that is not "
        "ready in time for one that failed. Locks of databases in a file (bbolt, Badger, SQLite) are the usual ones.",
        example="A service keeps sessions in bbolt. NEW waits in bbolt.Open until tableflip's timeout ends it; OLD serves on, and no "
        "update ever works.",
        remedy="Close the file in OLD before NEW is started, open it in NEW after it said that it is ready, or execute NEW in place.",
    )
    samples = Samples(
        fires=(lambda: handed_off(tweaked("descriptors", locks=((9, "/var/lib/shop/sessions.db"),))),),
        quiet=(
            lambda: handed_off(tweaked("descriptors")),
            lambda: tweaked("descriptors", locks=((9, "/var/lib/shop/sessions.db"),)),
        ),
    )

    def run(self, descriptors: Descriptors, mode: Mode) -> Iterator[Finding]:
        """At most one finding, for all locks."""
        if mode is not Mode.HANDOFF or not descriptors.locks:
            return
        files = [target for _, target in descriptors.locks]
        yield self.finding(
            "locks",
            f"OLD holds {count(len(files), 'lock')} that NEW would have to wait for: {some(files)}.",
            evidence={"files": [*files[:20]], "count": len(files), "source": descriptors.source},
        )
