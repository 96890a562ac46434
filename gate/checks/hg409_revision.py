"""HG409: the source revision is dirty, missing or older."""

from collections.abc import Iterator
from datetime import UTC, datetime

from gate.evidence.model import Builds
from gate.model import Finding, Severity
from gate.rules.base import Check, Explanation, Samples
from gate.rules.samples.binaries import Case, build, other


def _time(text: str | None) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


class Revision(Check):
    """NEW cannot be traced to a clean revision that follows OLD's."""

    id = "HG409"
    title = "Source revision dirty, missing or older"
    severity = Severity.WARN
    explanation = Explanation(
        what="NEW was built from a working tree with uncommitted changes, carries no revision, or its revision was "
        "committed before OLD's.",
        why="Without a clean revision, what runs can be neither reviewed nor rebuilt. An older one undoes work without saying so: "
        "a rollback should be meant.",
        example="A release was cut on a desk with a debug print still in the tree.",
        remedy="Build from a clean checkout of the commit to be released, with git in the build image (-buildvcs=true).",
    )
    samples = Samples(
        fires=(
            lambda: Case(new=other(build=build(settings={"vcs.modified": "true"}))),
            lambda: Case(new=other(build=build(drop="vcs.revision"))),
            lambda: Case(new=other(build=build(settings={"vcs.time": "2026-02-01T10:00:00Z"}))),
        ),
        quiet=(Case,),
    )

    def run(self, builds: Builds) -> Iterator[Finding]:
        """Up to two findings."""
        settings, before = builds.new.settings, builds.old.settings
        revision = settings.get("vcs.revision")
        if not revision:
            yield self.finding(
                "vcs.revision",
                "It is not known which source NEW was built from: it carries no revision.",
                key="missing",
            )
        elif settings.get("vcs.modified") == "true":
            yield self.finding(
                "vcs.modified",
                f"NEW cannot be rebuilt from its revision {revision[:12]}: the tree had uncommitted changes.",
                evidence={"revision": revision},
                key="dirty",
            )
        new_time, old_time = _time(settings.get("vcs.time")), _time(before.get("vcs.time"))
        if new_time and old_time and new_time < old_time:
            yield self.finding(
                "vcs.time",
                f"The update goes back in time: NEW's commit is of {settings['vcs.time']}, OLD's of {before['vcs.time']}.",
                remedy="If this is a rollback, say so in the change; else build from the newest revision.",
                evidence={"old": before["vcs.time"], "new": settings["vcs.time"]},
                key="older",
            )
