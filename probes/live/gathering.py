"""Everything that can be learned about one running service, from all who can tell."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from msgspec.structs import replace

from probes.errors import ProbeError
from probes.live import merge, stored_profiles
from probes.live.client import ORDINARY, REQUEST_SECONDS, BadAnswer, Client, Limits, Refused, Unreachable
from probes.live.facts import LiveFacts
from probes.live.goprobe import topics as from_goprobe
from probes.live.goprobe import wire as w
from probes.live.pprof import topics as from_pprof
from probes.live.proc import topics as from_proc
from probes.live.proc.facts import ProcessFacts
from probes.live.proc.image import Program, running_image
from probes.live.proc.reading import read_process
from probes.live.proc.timers import Watcher
from probes.live.topics import TOPICS, CpuProfiles, PprofFacts
from probes.profile.pprof.decompress import NotProfile

if TYPE_CHECKING:
    from probes.go.facts import BinaryFacts

NOT_FOUND = (404, 405)
ONLY_OUTSIDE = ("privileges", "executable", "room", "seccomp")
"""Topics that no service tells of itself."""
STALE_SECONDS = 6.0
STALE_PAUSE = 0.3


class Asked(Struct, frozen=True):
    """Which service, and how.

    Attributes:
        url: of the service; "" for none.
        token: for its probe; "" for none.
        pid: its process on this host; None for none.
        in_flight: an expvar variable that counts work in flight; "" for none.
        in_flight_limit: how much of it an update may meet.
        seconds: for one request.
        profile: whether to ask for profiles, of a plain service a CPU profile of one second too. Not while waiting.
        cpu: whether to give the CPU profiles that come without starting one: the heartbeat's windows, or that second.
        start: whether that second may be started. Without it, it is not known whether a plain service is being profiled,
            unless `/proc` can.
        limits: how large answers may be.
        exec_path: what the service executes to update itself, as it sees it; "" where that is not known.
    """

    url: str = ""
    token: str = ""
    pid: int | None = None
    in_flight: str = ""
    in_flight_limit: int = 0
    seconds: float = REQUEST_SECONDS
    profile: bool = True
    cpu: bool = False
    start: bool = True
    limits: Limits = ORDINARY
    exec_path: str = ""


async def gather(
    asked: Asked, *, old: BinaryFacts | None = None, new_path: str = "", watcher: Watcher | None = None
) -> LiveFacts:
    """Ask the service's probe, its profile endpoints and `/proc`.

    Args:
        asked: which service.
        old: the binary that should be running; it saves reading the running file when they are the same.
        new_path: the file that is to be executed; "" when there is none.
        watcher: has been looking at the process for a while.

    Raises:
        NoProcess, Unreadable: there is no such process.
        Refused: the token is missing or wrong.
    """
    said = replace(await _ask(asked), url=asked.url) if asked.url else LiveFacts()
    if asked.pid is None:
        missing = dict.fromkeys(TOPICS, "no --live URL and no --pid was given") if not asked.url else {}
        return _with_reasons(said, missing | dict.fromkeys(ONLY_OUTSIDE, "needs --pid"))
    # To see that a profile's timers are used takes a while: not where the service itself says that one runs.
    watch = said.profiler is None or not said.profiler.running
    # A plain service has just been profiled by ourselves: looks from before would show that.
    ahead = not asked.url or (said.profiler is not None and said.profiler.source == from_goprobe.SOURCE)
    process = read_process(asked.pid, watch=watch, look=watcher.look() if watcher is not None and ahead else None)
    image, program = running_image(process, old)
    both = merge.merge(said, replace(_seen(process, said, program), image=image))
    both = replace(both, pid=asked.pid, notes=(*both.notes, *process.gaps))
    both = merge.with_start(both, process, new_path, asked.exec_path)
    return _with_reasons(merge.with_privileges(both, process, new_path), {})


def _seen(process: ProcessFacts, said: LiveFacts, program: Program | None) -> LiveFacts:
    calls, reason = from_proc.calls(process, program)
    return LiveFacts(
        profiler=from_proc.profiler(process, program),
        calls=calls,
        descriptors=from_proc.descriptors(process, frozenset(said.handed_over)),
        connections=from_proc.connections(process),
        signals=from_proc.signals(process),
        process=from_proc.process(process),
        seccomp=from_proc.seccomp(process),
        argv=process.argv,
        missing={"calls": reason},
    )


async def _ask(asked: Asked) -> LiveFacts:
    client = Client(asked.url, token=asked.token, seconds=asked.seconds, limits=asked.limits)
    async with client:
        try:
            status, cpu = await _status(client, kept_too=asked.profile and asked.cpu)
        except Refused as exc:
            if exc.status not in NOT_FOUND:
                if exc.status in (401, 403):
                    raise
                return _silent(exc, "status")
            return await _plain(client, asked)
        except Unreachable as exc:
            return _silent(exc, "status")
        except BadAnswer as exc:
            plain = await _plain(client, asked)
            return replace(plain, notes=(*plain.notes, str(exc)))
        return replace(await _goprobe(client, status, profiles=asked.profile), cpu=cpu)


async def _status(client: Client, *, kept_too: bool) -> tuple[w.Status, CpuProfiles | None]:
    """The status of goprobe, and the profiles that it keeps of that image.

    They come first: fetching them takes a while, and the status has to be of the moment.
    """
    status = await client.ask("status", w.Status)
    if not kept_too:
        return status, None
    cpu = await stored_profiles.of_heartbeat(client, status.image.epoch)
    now = await client.ask("status", w.Status)
    if now.image.epoch != status.image.epoch:
        cpu = CpuProfiles(cpu.source, (), "the image was replaced while its windows were fetched: ask again")
    return now, cpu


async def _plain(client: Client, asked: Asked) -> LiveFacts:
    found = await from_pprof.read(client, asked.in_flight, asked.in_flight_limit, profile=asked.profile and asked.start)
    return found if asked.cpu else replace(found, cpu=None)


def _silent(exc: ProbeError, endpoint: str) -> LiveFacts:
    """A service that does not answer is evidence too: its profile endpoint is unreachable."""
    reason = f"{exc.what}"
    missing = dict.fromkeys(TOPICS, reason)
    return LiveFacts(pprof=PprofFacts("the service", (), ((endpoint, reason),)), missing=missing)


async def _goprobe(client: Client, status: w.Status, *, profiles: bool) -> LiveFacts:
    missing: dict[str, str] = {}
    cgo = await _settled_cgo(client, status, missing)
    beat = await _try(client, "heartbeat", w.HeartbeatAnswer, missing)
    health = await _try(client, "healthz", w.HealthAnswer, missing)
    without_c = missing.get("cgo", "goprobe could not tell")
    if cgo is not None and not cgo.built:
        without_c = "the program has no C"
    elif cgo is not None and cgo.calls.skipped:
        without_c = f"{cgo.calls.skipped} goroutines have deeper stacks than goprobe looks through"
    told: dict[str, Any] = from_goprobe.read(from_goprobe.Answers(status, cgo, health, beat))
    return LiveFacts(
        **told,
        pprof=await _profiles(client, beat) if profiles else None,
        handed_over=tuple(row.inode for row in status.listeners.rows if row.handover),
        missing={
            "calls": without_c,
            "canary": without_c,
            "health": missing.get("healthz", "no part of the score has data yet"),
            "heartbeat": missing.get("heartbeat", ""),
        },
    )


async def _settled_cgo(client: Client, status: w.Status, missing: dict[str, str]) -> w.CgoAnswer | None:
    """The answer on C, with the foreign threads that two looks in a row show.

    A thread that the runtime is starting is not yet in its books: it looks foreign for a moment.
    """
    first = await _fresh_cgo(client, status.taken_monotonic_ns, missing)
    if first is None or not first.threads.rows:
        return first
    await asyncio.sleep(STALE_PAUSE)
    again = await _fresh_cgo(client, first.taken_monotonic_ns + 1, {})
    if again is None:
        return first
    seen = {row.tid for row in first.threads.rows}
    rows = [row for row in again.threads.rows if row.tid in seen]
    return replace(again, threads=replace(again.threads, rows=rows))


async def _fresh_cgo(client: Client, since_ns: int, missing: dict[str, str]) -> w.CgoAnswer | None:
    """The answer on C, taken at `since_ns` or later, its canaries read.

    Under load goprobe repeats an answer for up to five seconds; and on a busy host its thread may not come to the canaries within the
    half second that it is given, which says nothing of the canaries.
    """
    deadline = time.monotonic() + STALE_SECONDS
    unread: w.CgoAnswer | None = None
    while True:
        cgo: w.CgoAnswer | None = await _try(client, "cgo", w.CgoAnswer, missing)
        if cgo is None:
            return unread
        if cgo.taken_monotonic_ns >= since_ns:
            if cgo.canaries is None or "unknown" not in (cgo.canaries.thread_local.state, cgo.canaries.static.state):
                return cgo
            unread = cgo
        if time.monotonic() >= deadline:
            if unread is None:
                missing["cgo"] = "only an answer from before was given"
            return unread
        await asyncio.sleep(STALE_PAUSE)


async def _try(client: Client, path: str, kind: type[w.Answer], missing: dict[str, str]):  # type: ignore[no-untyped-def]  # noqa: ANN202
    try:
        return await client.ask(path, kind)
    except ProbeError as exc:
        missing[path] = exc.what
        return None


async def _profiles(client: Client, beat: w.HeartbeatAnswer | None) -> PprofFacts:
    """The goroutine profile, and the newest window of the heartbeat that has one. Nothing is started for it."""
    wanted = [("goroutines", "/debug/hotgate/pprof/goroutine")]
    kept = [window for window in (beat.windows if beat is not None else ()) if window.state == "ok" and window.bytes]
    if kept:
        last = kept[-1]
        wanted.append((f"heartbeat window {last.seq}", f"/debug/hotgate/heartbeat/{last.seq}?epoch={last.epoch}"))
    answered, problems = [], []
    for name, path in wanted:
        try:
            profile = await from_pprof.read_profile(client, path)
        except (ProbeError, NotProfile) as exc:
            problems.append((name, exc.what))
        else:
            answered.append((name, len(profile)))
    return PprofFacts(from_goprobe.SOURCE, tuple(answered), tuple(problems))


def _with_reasons(facts: LiveFacts, reasons: dict[str, str]) -> LiveFacts:
    """`facts` with a reason for every topic that could not be found out."""
    given = {name: reason for name, reason in {**reasons, **facts.missing}.items() if reason}
    absent = [topic for topic in TOPICS if getattr(facts, topic) is None]
    return replace(facts, missing={topic: given.get(topic, _otherwise(facts)) for topic in absent})


def _otherwise(facts: LiveFacts) -> str:
    return "needs goprobe in the service" if facts.url else "needs --live URL"
