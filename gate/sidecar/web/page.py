"""The page: all services, and one. Rendered here, readable without scripts, with nothing from elsewhere."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from gate import __version__
from gate.inflection import count
from gate.report.formats.json import to_dict
from gate.report.text.clean import clean
from gate.sidecar.state.board import STRIP
from gate.sidecar.verdicts.judge import Unanswerable, decisive
from gate.sidecar.web import charts as shapes
from gate.sidecar.web.api import service_shape
from gate.sidecar.web.flames import Flames
from gate.store import samples, verdicts
from gate.watch.canary import ends
from probes.profile.heartbeat.continuity import continuity
from probes.profile.heartbeat.window import HeartbeatWindow

if TYPE_CHECKING:
    from starlette.requests import Request

    from gate.report.models.report import Report
    from gate.sidecar.app import Sidecar
    from gate.sidecar.state.board import Entry
    from probes.profile.heartbeat.facts import ContinuityFacts

HISTORY_MS = 3_600_000
SHORTEST_MS = 600_000
WINDOWS = 200
CANARIES = 5
REFRESH = 15
_WINDOW = ("seq", "epoch", "generation", "start_ns", "end_ns", "rate_hz", "samples", "cpu_seconds", "state", "reason")
ORDER = {"block": 0, "inconclusive": 1, None: 2, "pass": 3}

FLEET_BADGES = {"as planned": "pass", "drift": "block", "not known": "inconclusive"}
MOST_HOSTS = 20
"""Of a component, that are named."""


def routes(sidecar: Sidecar) -> list[Route]:
    """The overview, and a page for each service."""
    pages = _Pages(sidecar)
    return [
        Route("/", pages.overview, methods=["GET"]),
        Route("/fleet", pages.fleet, methods=["GET"]),
        Route("/services/{name}", pages.service, methods=["GET"]),
    ]


class Render(Protocol):
    """Fills in a template."""

    def __call__(self, template: str, status: int = 200, **values: Any) -> Response:
        """The answer, with that status."""


def renderer() -> Render:
    """What fills in the templates of all pages."""
    # `finalize` cleans every text that a template shows: names come from services, and escaping alone leaves them
    # bidirectional overrides and the like.
    templates = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=lambda value: clean(value) if type(value) is str else value,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters |= {"ago": _ago, "clock": _clock, "figure": _figure}
    templates.globals |= {"version": __version__, "refresh": REFRESH, "count": count}

    def render(template: str, status: int = 200, **values: Any) -> Response:
        return HTMLResponse(templates.get_template(template).render(**values), status)

    return render


class _Pages:
    def __init__(self, sidecar: Sidecar) -> None:
        self._sidecar = sidecar
        self._flames = Flames()
        self._answer = renderer()

    async def overview(self, request: Request) -> Response:
        del request
        now = time.time()
        rows = [_row(name, entry, now) for name, entry in self._sidecar.board.entries.items()]
        rows.sort(key=lambda row: (ORDER.get(row["standing_verdict"], 2), row["state"] == "ok", row["name"]))
        said = self._sidecar.status()
        return self._answer(
            "overview.html",
            rows=rows,
            now=now,
            said=said,
            heights=shapes.HEIGHTS,
            problem=self._sidecar.recorder.problem,
            fleet=self._sidecar.fleet.configured,
        )

    async def fleet(self, request: Request) -> Response:
        del request
        own = self._sidecar.fleet
        now = time.time()
        if not own.configured:
            return self._answer("missing.html", 404, wanted="fleet", now=now)
        badge = "" if own.looked is None else FLEET_BADGES[own.looked.status.state]
        return self._answer("fleet.html", looked=own.looked, problem=own.problem, badge=badge, most=MOST_HOSTS, now=now)

    async def service(self, request: Request) -> Response:
        name = request.path_params["name"]
        entry = self._sidecar.board.entries.get(name)
        if entry is None:
            return self._answer("missing.html", 404, wanted=name[:200], now=time.time())
        history = await asyncio.to_thread(self._history, name)
        windows = history.pop("windows")
        seen = await self._flames.of(entry.config, windows) if windows and entry.last and not entry.failures else None
        watch = await self._sidecar.watching.latest(entry)
        host = None
        if name in self._sidecar.config.hosts:
            with suppress(Unanswerable):  # the metrics and the log say it
                host = await self._sidecar.releases.look(name)
        now = time.time()
        return self._answer(
            "service.html",
            now=now,
            host=host,
            may_act=bool(self._sidecar.actions.token()),
            watch=watch,
            seen=seen,
            heights=shapes.WINDOW_HEIGHTS,
            row=_row(name, entry, now),
            **_detail(entry),
            **history,
        )

    def _history(self, name: str) -> dict[str, Any]:
        """What the store has of the last hour."""
        end = time.time() * 1000
        start = end - HISTORY_MS
        with self._sidecar.database.read() as connection:
            key = samples.service_id(connection, name)
            rows = [] if key is None else samples.samples_since(connection, key, int(start), 7200)
            windows = [] if key is None else samples.newest_windows(connection, key, WINDOWS)
            kept = None if key is None else verdicts.latest(connection, key)
            canaries = [] if key is None else ends(connection, key, CANARIES)
        if rows:
            start = max(start, min(rows[0].due_ms, end - SHORTEST_MS))
        changed = shapes.updates(rows)
        gap = (
            3.5
            * (self._sidecar.board.entries[name].config.interval if name in self._sidecar.board.entries else 60)
            * 1e3
        )
        charts = [
            (title, shapes.line([(row.due_ms, getattr(row, column)) for row in rows], start, end, gap), unit)
            for title, column, unit in (
                ("Health", "health", ""),
                ("Continuity", "continuity", ""),
                ("Goroutines", "goroutines", ""),
                ("Heap", "heap_bytes", "bytes"),
                ("In flight", "in_flight", ""),
                ("Connections", "connections", ""),
            )
        ]
        return {
            "start": start / 1000,
            "end": end / 1000,
            "windows": windows,
            "beats": _continuity(windows),
            "bars": shapes.timeline(windows, start, end),
            "marks": shapes.marks([at for at, _ in changed], start, end),
            "updates": [(at / 1000, generation) for at, generation in reversed(changed)],
            "charts": [each for each in charts if each[1] is not None],
            "kept": kept,
            "canaries": canaries,
        }


def _row(name: str, entry: Entry, now: float) -> dict[str, Any]:
    shape = service_shape(name, entry, now)
    shape["bars"] = shapes.strip(list(entry.strip), STRIP)
    answered = sum(state in ("ok", "partial", "updated") for state in entry.strip)
    shape["answered"] = f"{answered} of the last {count(len(entry.strip), 'poll')} answered"
    shape["updated"] = entry.updated_at
    shape["seen"] = 0.0 if entry.good is None else entry.good.due_ms / 1000
    doubt = entry.standing_doubt(now)
    shape["doubt"] = {
        "": "",
        "unseen": f"seen last {_ago(shape['seen'], now) if shape['seen'] else 'never'}",
        "old": f"the last look at it ended {_ago(entry.standing_at, now)}",
    }[doubt]
    shape["why"] = "" if entry.standing is None or doubt else _why(entry.standing)
    return shape


def _why(report: Report) -> str:
    """What decides the verdict, in a few words; "" when nothing is in the way."""
    findings, gaps = decisive(report)
    found = [f"{each.rule} {each.title}" for each in findings] + [f"not known: {each.name}" for each in gaps]
    return found[0] + (f", and {len(found) - 1} more" if len(found) > 1 else "") if found else ""


def _detail(entry: Entry) -> dict[str, Any]:
    report = entry.standing
    parts = [] if entry.good is None else shapes.health_parts(entry.good.health_parts)
    return {
        "rehearsed": entry.rehearsed,
        "report": None if report is None else to_dict(report),
        "standing_at": entry.standing_at,
        "parts_rows": parts,
        "good": entry.good,
        "canary": entry.running_canary,
    }


def _continuity(windows: list[Any]) -> ContinuityFacts | None:
    """How whole the heartbeat was, over all windows that the page shows."""
    return continuity(
        [HeartbeatWindow(**{each: getattr(row, each) for each in _WINDOW}, wall=row.wall_ms / 1000) for row in windows]
    )


def _ago(moment: float, now: float) -> str:
    """`3 min ago`; for moments in the future, which another clock may give: `now`."""
    seconds = max(0, int(now - moment))
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size} {unit} ago"
    return f"{seconds} s ago" if seconds > 1 else "now"


def _clock(moment: float) -> str:
    return time.strftime("%H:%M:%S UTC", time.gmtime(moment))


def _figure(value: float | None, unit: str = "") -> str:
    if value is None:
        return "none"
    if unit == "bytes":
        for size, name in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
            if value >= size:
                return f"{value / size:.1f} {name}"
    return f"{value:,.0f}" if value == int(value) else f"{value:,.3g}"
