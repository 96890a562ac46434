"""What a service without goprobe tells: net/http/pprof and expvar.

The goroutine profile says which goroutines are in C: `runtime.cgocall` is in their stacks, which the text of
`debug=2` leaves out. Sources: Go's net/http/pprof/pprof.go (the answer while the profiler is taken),
runtime/cgocall.go and expvar/expvar.go.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import TYPE_CHECKING

from probes.live.client import MAX_PROFILE, BadAnswer, Client, Response, refused
from probes.live.topics import Call
from probes.profile.wire import parse

if TYPE_CHECKING:
    from probes.profile.profile_pb2 import Profile

GOROUTINES = "/debug/pprof/goroutine"
CPU_SECONDS = 1
CPU = f"/debug/pprof/profile?seconds={CPU_SECONDS}"
VARIABLES = "/debug/vars"
TAKEN = "cpu profiling already in use"
DEPTHS = (32, 128)
INTO_C = "runtime.cgocall"

_STUB = re.compile(r".*\b_Cfunc_(\w+)")


async def read_profile(client: Client, path: str, *, seconds: float | None = None) -> Profile:
    """The profile that `path` answers with; `seconds`: the time for it, when not the client's.

    Raises:
        Unreachable, Refused, BadAnswer, NotProfile: no answer, an error, or one that is no profile.
    """
    response = await fetch(client, path, seconds=seconds)
    return parse(response.body, subject=response.url)


async def fetch(client: Client, path: str, *, seconds: float | None = None) -> Response:
    """The answer of `path`, not yet read as a profile; `seconds` as for `read_profile`.

    Raises:
        Unreachable, Refused, BadAnswer: no answer, or an error.
    """
    # A CPU profile is not asked for twice; a dump that a busy goprobe puts off is.
    response = await client.get(path, limit=MAX_PROFILE, seconds=seconds, retry=seconds is None)
    if response.status != 200:
        raise refused(response)
    return response


def calls_into_c(profile: Profile) -> tuple[Call, ...]:
    """The goroutines of a goroutine profile that are in C, by C function and caller, most first.

    One that C has called back into Go counts: its C frames would be gone as well.
    """
    names = {function.id: profile.string_table[function.name] for function in profile.function}
    frames = {location.id: [names[line.function_id] for line in location.line] for location in profile.location}
    found: Counter[tuple[str, str]] = Counter()
    for sample in profile.sample:
        stack = [name for location in sample.location_id for name in frames[location]]
        if INTO_C in stack:
            found[_callee(stack[stack.index(INTO_C) + 1 :])] += sample.value[0]
    return tuple(Call(function, caller, count) for (function, caller), count in found.most_common())


def cut_off(profile: Profile) -> int:
    """How many goroutines of a goroutine profile have stacks that may go on beyond what was recorded.

    Go records 128 frames, before 1.23 32 of them (runtime/mprof.go, `StackRecord`). A stack of just 32 counts where none is
    longer.
    """
    lines = {location.id: max(len(location.line), 1) for location in profile.location}
    depths = [(sum(lines[i] for i in sample.location_id), sample.value[0]) for sample in profile.sample]
    longest = max((depth for depth, _ in depths), default=0)
    return sum(number for depth, number in depths if depth >= DEPTHS[1] or depth == longest == DEPTHS[0])


def _callee(callers: list[str]) -> tuple[str, str]:
    """The C function and the Go function that calls it, of the frames above `runtime.cgocall`."""
    match = _STUB.fullmatch(callers[0]) if callers else None
    if match is None:
        return "", callers[0] if callers else ""
    return match[1], callers[1] if len(callers) > 1 else ""


async def read_variables(client: Client) -> dict[str, object]:
    """The service's expvar variables.

    Raises:
        ProbeError: no answer, or none that is a JSON object.
    """
    response = await client.get(VARIABLES)
    if response.status != 200:
        raise refused(response)
    try:
        found = json.loads(response.body)
    except (ValueError, RecursionError) as exc:
        raise BadAnswer("not expvar's JSON", subject=response.url) from exc
    if not isinstance(found, dict):
        raise BadAnswer("not expvar's JSON", subject=response.url)
    return found
