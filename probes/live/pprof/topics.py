"""Plain net/http/pprof and expvar -> topics, for services without goprobe."""

from __future__ import annotations

from typing import TYPE_CHECKING

from probes.errors import ProbeError
from probes.live import topics as t
from probes.live.client import Client, Refused
from probes.live.facts import LiveFacts
from probes.live.pprof import endpoints
from probes.live.pprof.endpoints import read_profile

if TYPE_CHECKING:
    from probes.profile.facts import ProfileFacts

__all__ = ["read", "read_profile"]

SOURCE = "net/http/pprof"
VARIABLES = "expvar"
NOT_STARTED = (
    "only starting a CPU profile tells whether one is running, and none may be started here: the sidecar needs "
    "`profile = true` of the service, `check` and `probe` go without --no-cpu-profile"
)


async def read(client: Client, in_flight: str, limit: int, *, profile: bool = True) -> LiveFacts:
    """What a service without goprobe tells.

    Args:
        client: to ask by.
        in_flight: the expvar variable that counts work, "" for none.
        limit: how much of it an update may meet.
        profile: take a CPU profile of one second, unless one is running: nothing else tells whether one is. Without it
            that is missing.
    """
    answered: list[tuple[str, int]] = []
    problems: list[tuple[str, str]] = []
    missing: dict[str, str] = {}
    goroutines = await _profile(client, endpoints.GOROUTINES, answered, problems, missing, "calls")
    taken: bool | None = None
    cpu: ProfileFacts | None = None
    kept: t.CpuProfiles | None = None
    if profile:
        cpu, taken, kept = await _cpu(client, answered, problems, missing)
    else:
        missing["profiler"] = NOT_STARTED
        kept = _no_samples("no CPU profile may be started")
    requests, missing["requests"] = await _requests(client, in_flight, limit)
    return LiveFacts(
        profiler=None if taken is None else t.ProfilerFacts(SOURCE, taken, "other" if taken else "none"),
        calls=_calls(goroutines, missing),
        image=_image(goroutines if cpu is None else cpu),
        requests=requests,
        pprof=t.PprofFacts(SOURCE, tuple(answered), tuple(problems)),
        cpu=kept,
        missing=missing,
    )


async def _cpu(
    client: Client, answered: list[tuple[str, int]], problems: list[tuple[str, str]], missing: dict[str, str]
) -> tuple[ProfileFacts | None, bool | None, t.CpuProfiles]:
    """A CPU profile of one second, whether another one is running, and the same profile as one of samples.

    Whether another one runs is what it is taken for; its samples come with it.
    """
    try:
        response = await endpoints.fetch(client, endpoints.CPU, seconds=endpoints.CPU_SECONDS + client.seconds)
        found = await endpoints.parsed(client, response, subject="one second of CPU profile")
    except Refused as exc:
        if endpoints.TAKEN in exc.body:
            return None, True, _no_samples("a CPU profile is running, which is left alone")
        problem = exc.what
    except ProbeError as exc:
        problem = exc.what
    else:
        answered.append((endpoints.CPU, len(found)))
        kept = t.CpuProfiles(SOURCE, (found,)) if found.kind == "cpu" else _no_samples("not a CPU profile")
        return found, False, kept
    problems.append((endpoints.CPU, problem))
    missing["profiler"] = problem
    return None, None, _no_samples(problem)


def _no_samples(reason: str) -> t.CpuProfiles:
    return t.CpuProfiles(SOURCE, (), f"{reason}: pass --profile")


def _calls(goroutines: ProfileFacts | None, missing: dict[str, str]) -> t.CallFacts | None:
    if goroutines is None:
        return None
    found = endpoints.calls_into_c(goroutines)
    cut = endpoints.cut_off(goroutines)
    if cut and not found:
        missing["calls"] = f"{cut} goroutines have deeper stacks than their profile has"
        return None
    return t.CallFacts(SOURCE, sum(call.count for call in found), found)


async def _profile(  # noqa: PLR0913, PLR0917 - where each outcome goes
    client: Client,
    path: str,
    answered: list[tuple[str, int]],
    problems: list[tuple[str, str]],
    missing: dict[str, str],
    topic: str,
) -> ProfileFacts | None:
    try:
        profile = await read_profile(client, path)
    except ProbeError as exc:
        problems.append((path, exc.what))
        missing[topic] = exc.what
        return None
    answered.append((path, len(profile)))
    if not len(profile):
        problems.append((path, "a profile without a single goroutine"))
    return profile


def _image(profile: ProfileFacts | None) -> t.RunningImage | None:
    """Go's profiles name the program by its GNU build id, when it has one: by default, from Go 1.24 on."""
    found = profile.build_id if profile is not None else ""
    return t.RunningImage(SOURCE, gnu_build_id=found) if found else None


async def _requests(client: Client, name: str, limit: int) -> tuple[t.RequestFacts | None, str]:
    if not name:
        return None, "needs goprobe in the service, or the policy's live.in_flight: an expvar variable that counts"
    try:
        found = (await endpoints.read_variables(client)).get(name)
    except ProbeError as exc:
        return None, exc.what
    if not isinstance(found, int) or isinstance(found, bool):
        return None, f"the expvar variable {name} is no whole number"
    return t.RequestFacts(VARIABLES, (t.WorkInFlight(name, found, limit),), found > limit), ""
