"""One poll: goprobe's status, health and heartbeat, or what plain pprof and expvar tell. It starts nothing it was not told to."""

from __future__ import annotations

import asyncio
import json
import time
from typing import TYPE_CHECKING

from msgspec.structs import replace

from gate.store.polled import Polled, Sample, State, parts_json, short
from gate.watch.canary import OVER
from probes.errors import ProbeError
from probes.live.client import BadAnswer, Limits, Refused, Unreachable
from probes.live.gathering import NOT_FOUND
from probes.live.goprobe import topics
from probes.live.goprobe import wire as w
from probes.live.pprof import endpoints
from probes.live.pprof.endpoints import read_profile
from probes.live.proc.descriptors import established
from probes.live.proc.pid_file import read_pid
from probes.live.transport import KEPT_SECONDS
from probes.profile.heartbeat.continuity import continuity
from probes.profile.heartbeat.window import HeartbeatWindow
from probes.profile.pprof.decompress import NotProfile

if TYPE_CHECKING:
    from gate.sidecar.config.model import ServiceConfig
    from probes.live.client import Client
    from probes.profile.facts import ProfileFacts

GOPROBE = "goprobe"
PLAIN = "net/http/pprof"
LIMITS = Limits(json=1 << 20, profile=4 << 20)
"""10,000 goroutines with different stacks of 128 frames have 2.5 MB, 1,000 windows of a heartbeat 0.4."""
MAX_WINDOWS = 1000
"""Of the heartbeat in one answer: what goprobe keeps at the most (options.go, maxRing)."""
WINDOWS_PER_SECOND = 2.0
"""Windows that are new, once those MAX_WINDOWS are there: goprobe has one a second at the most."""
COUNTED = 10.0
"""Seconds between two counts of a process's connections: 20,000 take a third of a second of CPU time."""
PLAIN_WINDOW = 60.0
"""Seconds between two CPU windows of a service without goprobe, when the configuration asks for them."""


class Poller:
    """Polls one service, and remembers what to ask next."""

    def __init__(self, config: ServiceConfig, client: Client) -> None:
        self._config = config
        self._client = client
        self._beat_due = 0.0
        self._window_due = 0.0
        self._counted_due = 0.0
        self._counted: int | None = None
        self._newest: tuple[str, int] = ("", -1)
        self._continuity: float | None = None
        self._room = float(MAX_WINDOWS)
        self._room_at = time.monotonic()
        self._canary: tuple[w.CanaryStatus | None, float | None] = None, None

    async def poll(self, due: float, begun: float) -> Polled:
        """Ask the service, which was `due` then and is asked from `begun` on (seconds since 1970). Never raises for what it answers."""
        start = time.monotonic()
        self._canary = None, None
        head = {"service": self._config.name, "due_ms": round(due * 1000), "late_ms": round((begun - due) * 1000)}
        try:
            found, windows = await self._ask()
            found |= await self._established()
            problem = ""
        except (ProbeError, RecursionError, ValueError, ArithmeticError) as exc:
            found, windows, problem = {"state": _state(exc)}, (), str(getattr(exc, "what", exc))
        if self._config.interval > KEPT_SECONDS:
            self._client.rest()
        took = round((time.monotonic() - start) * 1000)
        error = short(str(found.pop("error", "") or problem))
        return Polled(Sample(**head, took_ms=took, error=error, **found), windows, *self._canary)  # type: ignore[arg-type]

    async def _established(self) -> dict[str, object]:
        """The established connections of a process of this host, by its PID file; that it cannot be looked at is no failure."""
        if not self._config.pid_file:
            return {}
        if time.monotonic() >= self._counted_due:
            self._counted_due = time.monotonic() + COUNTED
            try:
                pid = read_pid(self._config.pid_file)
                self._counted = await asyncio.to_thread(established, pid)
            except (ProbeError, OSError, ValueError):
                self._counted = None
        return {} if self._counted is None else {"connections": self._counted}

    async def _ask(self) -> tuple[dict[str, object], tuple[HeartbeatWindow, ...]]:
        try:
            status = await self._client.ask("status", w.Status)
        except Refused as exc:
            if exc.status not in NOT_FOUND:
                raise
            return await self._plain()
        self._canary = status.canary, _ended(status)
        found: dict[str, object] = {
            "state": "ok",
            "source": GOPROBE,
            "epoch": short(status.image.epoch)[:64],
            "generation": status.image.generation,
            "goroutines": status.goroutines,
            "threads": status.threads,
            "heap_bytes": status.gc.heap_bytes if status.gc.known else None,
            "in_flight": status.in_flight.count if status.in_flight.rows else None,
            **_connections(status),
            "profiler": topics.profiler(topics.Answers(status, None, None, None)).owner,
        }
        problems: list[str] = []
        try:
            health = await self._client.ask("healthz", w.HealthAnswer)
            found |= {"health": health.score, "coverage": health.coverage, "health_parts": parts_json(health)}
        except ProbeError as exc:
            problems.append(f"healthz: {exc.what}")
        windows: tuple[HeartbeatWindow, ...] = ()
        if time.monotonic() >= self._beat_due:
            try:
                windows = await self._heartbeat(problems)
            except ProbeError as exc:
                problems.append(f"heartbeat: {exc.what}")
        found["continuity"] = self._continuity
        found |= await self._counters(problems)
        if problems:
            found |= {"state": "partial", "error": "; ".join(problems)}
        return found, windows

    async def _heartbeat(self, problems: list[str]) -> tuple[HeartbeatWindow, ...]:
        """The windows that are new since the last time. It is asked twice in each of its intervals."""
        beat = await self._client.ask("heartbeat", w.HeartbeatAnswer)
        self._beat_due = time.monotonic() + min(max(beat.settings.interval_ns / 2e9, self._config.interval), 600.0)
        if len(beat.windows) > MAX_WINDOWS:
            problems.append(
                f"heartbeat: {len(beat.windows):,} windows in one answer, of which the last {MAX_WINDOWS} are kept"
            )
            beat = replace(beat, windows=beat.windows[-MAX_WINDOWS:])
        facts = topics.kept_windows(beat)
        # A window of the future would outlast everything that is forgotten by its age.
        now = time.time()
        windows = tuple(replace(each, wall=min(each.wall, now)) for each in facts.windows)
        score = continuity(windows, interval_ns=facts.interval_ns, window_ns=facts.window_ns) if facts.enabled else None
        self._continuity = None if score is None else score.score
        keys = [(each.epoch, each.seq) for each in windows]
        fresh = windows[keys.index(self._newest) + 1 :] if self._newest in keys else windows
        if keys:
            self._newest = keys[-1]
        return self._kept(fresh, problems)

    def _kept(self, fresh: tuple[HeartbeatWindow, ...], problems: list[str]) -> tuple[HeartbeatWindow, ...]:
        """As many of `fresh` as a heartbeat can have by now, the newest: what one service sends must not crowd out the others."""
        now = time.monotonic()
        self._room = min(self._room + (now - self._room_at) * WINDOWS_PER_SECOND, MAX_WINDOWS)
        self._room_at = now
        kept = fresh[max(0, len(fresh) - int(self._room)) :]
        self._room -= len(kept)
        if len(kept) < len(fresh):
            problems.append(f"heartbeat: {len(fresh):,} new windows, more than there can be: {len(kept):,} are kept")
        return kept

    async def _counters(self, problems: list[str]) -> dict[str, object]:
        if not self._config.counters:
            return {}
        try:
            variables = await endpoints.read_variables(self._client)
        except ProbeError as exc:
            problems.append(f"expvar: {exc.what}")
            return {}
        values = {name: _number(variables.get(name)) for name in self._config.counters}
        problems += [f"expvar: {name} is no number" for name, value in values.items() if value is None]
        return {"counters": json.dumps({name: value for name, value in values.items() if value is not None})}

    async def _plain(self) -> tuple[dict[str, object], tuple[HeartbeatWindow, ...]]:
        """What a service without goprobe tells. A CPU profile is taken only if the configuration says so, and the lock is free."""
        try:
            goroutines = await read_profile(self._client, endpoints.GOROUTINES)
        except NotProfile as exc:
            raise NotProfile(f"goroutine profile: {exc.what}", subject=exc.subject, hint=exc.hint) from exc
        count = int(goroutines.values[:, 0].sum())
        found: dict[str, object] = {"state": "ok", "source": PLAIN, "goroutines": min(max(count, 0), 1 << 62)}
        found["epoch"] = short(goroutines.build_id)[:64]
        problems: list[str] = []
        windows: tuple[HeartbeatWindow, ...] = ()
        if self._config.profile and time.monotonic() >= self._window_due:
            self._window_due = time.monotonic() + PLAIN_WINDOW
            window, owner, problem = await self._window(str(found["epoch"]))
            found["profiler"] = owner
            windows = (window,)
            problems += [problem] if problem else []
        found |= await self._counters(problems)
        if problems:
            found |= {"state": "partial", "error": "; ".join(problems)}
        return found, windows

    async def _window(self, epoch: str) -> tuple[HeartbeatWindow, str, str]:
        """A second of CPU profile; `yielded` when another client has the profiler, which is left alone."""
        wall, start = time.time(), time.monotonic_ns()
        samples, cpu, state, owner, reason, problem = 0, 0.0, "ok", "none", "", ""
        try:
            profile = await read_profile(
                self._client, endpoints.CPU, seconds=endpoints.CPU_SECONDS + self._client.seconds
            )
            samples, cpu = _cpu(profile)
        except Refused as exc:
            taken = endpoints.TAKEN in exc.body
            state, owner = ("yielded", "other") if taken else ("failed", "")
            reason = "the CPU profiler was in use" if taken else short(exc.what)
            problem = "" if taken else f"profile: {exc.what}"
        except ProbeError as exc:
            state, owner, reason, problem = "failed", "", short(exc.what), f"profile: {exc.what}"
        end = time.monotonic_ns()
        window = HeartbeatWindow(int(wall), epoch, 0, start, end, wall, 100, samples, cpu, state, reason)
        return window, owner, problem


def _connections(status: w.Status) -> dict[str, object]:
    """How many connections goprobe knows of, and how many of them an update keeps or ends in order."""
    said = status.connections
    if said is None:
        return {}
    kept = said.kept + said.tls + said.drained
    return {"connections": kept + said.not_kept, "connections_kept": kept}


def _ended(status: w.Status) -> float | None:
    """How many seconds ago the canary of a service ended; None for one that has not."""
    canary = status.canary
    if canary is None or canary.state not in OVER:
        return None
    return max(0.0, (status.taken_monotonic_ns - canary.ended_monotonic_ns) / 1e9)


def _cpu(profile: ProfileFacts) -> tuple[int, float]:
    """Samples and CPU seconds of a CPU profile, whose values are (count, nanoseconds): runtime/pprof, proto.go."""
    if len(profile.sample_types) < 2:
        return 0, 0.0
    return max(0, int(profile.values[:, 0].sum())), int(profile.values[:, 1].sum()) / 1e9


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not -1e300 < value < 1e300:
        return None
    return value


def _state(exc: Exception) -> State:
    if isinstance(exc, Unreachable):
        return "unreachable"
    if isinstance(exc, Refused):
        return "refused"
    if isinstance(exc, BadAnswer | NotProfile | RecursionError | ValueError | ArithmeticError):
        return "garbage"
    return "unreachable"
