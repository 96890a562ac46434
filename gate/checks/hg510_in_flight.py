"""HG510: work in flight above its limit."""

from collections.abc import Iterator

from gate.evidence.live import Requests
from gate.inflection import count
from gate.model import Finding, Mode, Severity
from gate.rules.base import Check, Explanation, Samples
from gate.rules.samples.services import handed_off, running, tweaked
from probes.live.topics import WorkInFlight


class WorkUnfinished(Check):
    """Requests or queue items are in flight: exec drops them."""

    id = "HG510"
    title = "Work is in flight"
    severity = Severity.BLOCK
    explanation = Explanation(
        what="A counter of work in flight (requests, queue items) is above the limit that the service, or the policy, has set for an "
        "update; the limit is 0 unless set. Requests that goprobe serves are drained by its Upgrade, and are a warning.",
        why="Whatever is unfinished at exec is lost: its goroutine, its memory, and the connection that waits for the answer.",
        example="Three uploads are running, each of which a client would have to begin again.",
        remedy="Drain first: answer with `Connection: close`, stop accepting, wait for the rest (goprobe.Drain does), then exec; "
        "--wait 30s waits for the counters.",
    )
    samples = Samples(
        fires=(
            lambda: tweaked("requests", work=(WorkInFlight("http requests", 3, 0),), over=True),
            lambda: tweaked("requests", work=(WorkInFlight("jobs", 9, 4),), over=True, source="expvar"),
            lambda: tweaked("requests", work=(WorkInFlight("http requests", 3, 0, drained=True),), over=True),
            lambda: tweaked("requests", work=(WorkInFlight("jobs", 0, 0, known=False),)),
            lambda: handed_off(tweaked("requests", work=(WorkInFlight("jobs", 9, 4),), over=True)),
        ),
        quiet=(running, lambda: tweaked("requests", work=(WorkInFlight("jobs", 3, 4),))),
    )

    def run(self, requests: Requests, mode: Mode) -> Iterator[Finding]:
        """One finding for each counter above its limit; a note in a hand-off, where OLD finishes what it has begun."""
        handoff = mode is Mode.HANDOFF
        for each in requests.work:
            if not each.known:
                if handoff:
                    continue
                yield self.unverified(
                    each.name, f"How much of {each.name} is in flight is unknown: its counter did not answer."
                )
            elif each.limit is not None and each.count > each.limit:
                then = "; goprobe's Upgrade waits for them before it executes NEW" if each.drained else ""
                meet = (
                    "OLD has to finish them after NEW took over" if handoff else f"where exec may meet {each.limit:,}"
                )
                lesser = Severity.INFO if handoff else Severity.WARN if each.drained else None
                yield self.finding(
                    each.name,
                    f"{count(each.count, 'item')} of {each.name} in flight, {meet}{then}.",
                    severity=lesser,
                    evidence={"count": each.count, "limit": each.limit, "source": requests.source},
                )
