"""HG801: requests or connections were lost while the image changed."""

from collections.abc import Iterable, Iterator

from msgspec.structs import replace

from gate.evidence.rehearsal import Loss, Rehearsal
from gate.inflection import count
from gate.model import Finding, Json, Severity
from gate.rules.base import Check, Explanation, Samples
from gate.rules.samples.rehearsals import DRILLS, LOAD, LOST, rehearsed, update

MOST_UNSENT = 0.2
"""Requests that were not sent, for each that was, above which nothing is said of what an update does not lose."""
_WORDS = {
    "refused": "refused",
    "reset": "closed before the answer",
    "cut": "cut in the answer",
    "status": "answered with an error",
    "late": "not answered in time",
}


class LostRequests(Check):
    """In the rehearsal, clients paid for the update."""

    id = "HG801"
    title = "Requests were lost while the image changed"
    severity = Severity.BLOCK
    explanation = Explanation(
        what="While the image changed in the rehearsal, requests had no good answer, or long-lived connections were cut: refused, closed "
        "before or in the answer, an error status, or no answer in time. Every request that was under way from the trigger until "
        "the old image had ended counts. What the load generator itself did not send in time does not.",
        why="Clients see errors with every update. The usual causes are a listener that is closed before its queue is empty, kept-alive "
        "connections that are closed between two requests, and a drain that ends before the requests do.",
        example="tableflip with http.Server.Shutdown as its drain: requests whose headers were half sent are closed.",
        remedy="Hand the listener over; answer with `Connection: close`, close the listener and wait 1 s; then Shutdown, and linger 0.3 s. "
        "goprobe's Serve does that.",
    )
    samples = Samples(
        fires=(
            lambda: rehearsed(updates=(update(1, lost=LOST), update(2))),
            lambda: rehearsed(load=None),
            lambda: rehearsed(load=replace(LOAD, unsent=4000)),
            lambda: rehearsed(updates=(update(1, lost=(Loss("cut", "long", 50, "closed by the service"),)),)),
            lambda: rehearsed(drills=(replace(DRILLS[0], lost=LOST),)),
            lambda: rehearsed(load=replace(LOAD, control_lost=LOST)),
            lambda: rehearsed(load=replace(LOAD, external="k6, which exited with 99", external_failed=True)),
        ),
        quiet=(rehearsed,),
    )

    def run(self, rehearsal: Rehearsal) -> Iterator[Finding]:
        """One finding on requests, and one on long-lived connections."""
        load = rehearsal.load
        if load is None or not (load.sent or load.kept or load.external):
            yield self.unverified(
                "requests",
                "Nothing was asked of the service while its image changed: what an update loses is not known.",
                remedy="Name requests of the service in rehearsal.load, long-lived connections, or a command that asks for something.",
            )
            return
        if load.unsent > load.sent * MOST_UNSENT:
            yield self.unverified(
                "requests",
                f"{load.unsent:,} requests could not be sent in time, and {load.sent:,} were: this machine is too slow for the plan's rate.",
                remedy="Lower rehearsal.load.rate, or rehearse on a machine that has less to do.",
                evidence={"unsent": load.unsent, "sent": load.sent},
            )
        if load is not None and load.external_failed:
            yield self.finding(
                "load", f"The load of the plan's own command failed while the image changed: {load.external}."
            )
        if load is not None and load.control_lost:
            lost = sum(each.count for each in load.control_lost)
            yield self.unverified(
                "requests",
                f"OLD loses {lost:,} of {count(load.control, 'request')} without any update ({_kinds(load.control_lost)}): what an "
                "update loses cannot be told from that.",
                remedy="Put the plan's requests right: each must have a good answer when nothing happens (load.expect says which are).",
                evidence={"control": load.control, "lost": lost},
            )
            return
        losses = [(f"update {each.number}", each.lost, each.requests) for each in rehearsal.updates if each.lost]
        losses += [(f"drill {each.name}", each.lost, 0) for each in rehearsal.drills if each.lost]
        asked = sum(each.requests for each in rehearsal.updates)
        for subject, long in (("requests", False), ("connections", True)):
            found = [
                (where, kept)
                for where, lost, _ in losses
                if (kept := tuple(e for e in lost if (e.on == "long") is long))
            ]
            total = sum(each.count for _, lost in found for each in lost)
            if not total:
                continue
            in_updates = sum(where.startswith("update") for where, _ in found)
            places = f"{in_updates} of {count(len(rehearsal.updates), 'update')}" if in_updates else ""
            drills = [where for where, _ in found if where.startswith("drill")]
            where = " and in ".join(filter(None, (places, ", ".join(drills))))
            number = count(total, "message" if long else "request")
            of = f" of {asked:,}" if in_updates and not long else ""
            every = [each for _, lost in found for each in lost]
            facts: dict[str, Json] = {"lost": total, "where": [name for name, _ in found], "kinds": _tally(every)}
            examples: list[Json] = [*dict.fromkeys(f"{each.on}: {each.example}" for each in every if each.example)]
            yield self.finding(
                subject,
                f"{number}{of} {'on long-lived connections ' if long else ''}lost while the image changed, in {where}: {_kinds(every)}.",
                evidence=facts | {"examples": examples[:5]},
            )


def _tally(losses: Iterable[Loss]) -> dict[str, Json]:
    out: dict[str, int] = {}
    for each in losses:
        key = f"{each.kind} on {each.on}"
        out[key] = out.get(key, 0) + each.count
    return dict(sorted(out.items()))


def _kinds(losses: Iterable[Loss]) -> str:
    out: dict[str, int] = {}
    for each in losses:
        out[each.kind] = out.get(each.kind, 0) + each.count
    return ", ".join(
        f"{number:,} {_WORDS[kind]}" for kind, number in sorted(out.items(), key=lambda item: (-item[1], item[0]))
    )
