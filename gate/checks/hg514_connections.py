"""HG514: established connections that exec would cut."""

from collections.abc import Iterator

from msgspec.structs import replace

from gate.evidence.live import Connections
from gate.inflection import count
from gate.model import Finding, Json, Mode, Severity
from gate.policy.model import LivePolicy, Policy
from gate.rules.base import Check, Explanation, Samples
from gate.rules.samples.binaries import Case
from gate.rules.samples.services import handed_off, running
from probes.live.topics import Accepted, ConnectionFacts

_SHOWN = 20


def _clients(limit: int | None = None, *, complete: bool = True, **handed: int) -> Case:
    facts = ConnectionFacts("/proc", (Accepted("tcp 127.0.0.1:8080", 200),), complete=complete, **handed)
    return replace(running(connections=facts), policy=Policy(live=LivePolicy(connections_limit=limit)))


class ConnectionsCut(Check):
    """Clients are connected, and nobody hands their connections over."""

    id = "HG514"
    title = "Established connections would be cut"
    severity = Severity.WARN
    explanation = Explanation(
        what="Clients are connected to the process by its listeners, and nobody hands these connections over: goprobe neither "
        "keeps nor drains them, and their descriptors are close-on-exec. Connections that the process opened itself, to a database "
        "say, are counted in the report and are no finding. In mode `handoff` they are OLD's to finish, which is a note. Above the policy's `connections_limit` it blocks.",
        why="Go opens every descriptor close-on-exec. At exec the kernel closes these connections: what a client had sent and the "
        "service had not read is answered by a reset, and every client connects again at the same moment.",
        example="200 clients are connected to a gateway; exec cuts them all.",
        remedy="Give long connections to goprobe, which hands them over (goprobe.RegisterConns); end the others in order before exec, as "
        "goprobe's Upgrade does with HTTP; or set [live] connections_limit to what your clients can bear.",
    )
    samples = Samples(
        fires=(
            _clients,
            lambda: _clients(kept=150),
            lambda: _clients(limit=100),
            lambda: _clients(limit=500, complete=False),
            lambda: handed_off(_clients(limit=100)),
        ),
        quiet=(running, lambda: _clients(kept=200), lambda: _clients(kept=150, drained=50)),
    )

    def run(self, connections: Connections, policy: Policy, mode: Mode) -> Iterator[Finding]:
        """At most one finding; none while the number of those that would be cut is 0."""
        if mode is Mode.HANDOFF:
            if connections.total:
                yield self.finding(
                    "connections",
                    f"OLD has {count(connections.total, 'established connection')} to serve to their end, or to close, after NEW took over: "
                    f"{_where(connections)}.",
                    severity=Severity.INFO,
                    remedy="Look that OLD drains: `Connection: close` first, then Shutdown with a time that long connections need.",
                    evidence=_evidence(connections),
                )
            return
        limit = policy.live.connections_limit
        cut = connections.cut
        if not connections.complete and limit is not None and cut <= limit:
            yield self.unverified(
                "connections",
                f"At least {count(cut, 'connection')} would be cut, where the policy allows {limit:,}: not all descriptors were looked at.",
                evidence=_evidence(connections),
            )
        elif cut:
            over = limit is not None and cut > limit
            above = f", where the policy allows {limit:,}" if over else ""
            yield self.finding(
                "connections",
                f"{count(cut, 'established connection')} would be cut by exec{above}: {_where(connections)}.",
                severity=Severity.BLOCK if over else None,
                evidence=_evidence(connections),
            )


def _where(connections: ConnectionFacts) -> str:
    first = connections.accepted[0]
    others = len(connections.accepted) - 1
    more = f" and {count(others, 'other listener')}" if others else ""
    handed = connections.kept + connections.drained
    kept = f"; goprobe hands over or drains {handed:,} of {connections.total:,}" if handed else ""
    idle = f", {first.idle:,} of them idle for a minute" if first.idle else ""
    return f"they came in by {first.listener} ({first.count:,}{idle}){more}{kept}"


def _evidence(connections: ConnectionFacts) -> dict[str, Json]:
    return {
        "established": connections.total,
        "cut": connections.cut,
        "kept": connections.kept,
        "drained": connections.drained,
        "listeners": {each.listener: each.count for each in connections.accepted[:_SHOWN]},
        "source": connections.source,
    }
