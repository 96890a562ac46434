"""What a service without goprobe tells: net/http/pprof and expvar.

The goroutine profile says which goroutines are in C: `runtime.cgocall` is in their stacks, which the text of
`debug=2` leaves out. Sources: Go's net/http/pprof/pprof.go (the answer while the profiler is taken),
runtime/cgocall.go and expvar/expvar.go.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from probes.live.client import BadAnswer, Client, Response, refused
from probes.live.topics import Call
from probes.profile.pprof.reading import read

if TYPE_CHECKING:
    from collections.abc import Iterator

    from probes.profile.facts import ProfileFacts

GOROUTINES = "/debug/pprof/goroutine"
CPU_SECONDS = 1
CPU = f"/debug/pprof/profile?seconds={CPU_SECONDS}"
VARIABLES = "/debug/vars"
TAKEN = "cpu profiling already in use"
DEPTHS = (32, 128)
INTO_C = "runtime.cgocall"

_READER = ThreadPoolExecutor(1, thread_name_prefix="profile")
_STUB = re.compile(r".*\b_Cfunc_(\w+)")


async def read_profile(client: Client, path: str, *, seconds: float | None = None) -> ProfileFacts:
    """The profile that `path` answers with; `seconds`: the time for it, when not the client's.

    Raises:
        Unreachable, Refused, BadAnswer, NotProfile: no answer, an error, or one that is no profile.
    """
    response = await fetch(client, path, seconds=seconds)
    return await parsed(client, response, subject=response.url)


async def parsed(client: Client, response: Response, *, subject: str) -> ProfileFacts:
    """The profile in an answer, no larger than the client takes. It is read in a thread: others are asked meanwhile.

    One at a time: 4 MB of frames take 0.5 s and 180 MB while they are read.

    Raises:
        NotProfile: it is none, or too large.
    """
    work = partial(read, response.body, subject=subject, limit=client.limits.profile)
    return await asyncio.get_running_loop().run_in_executor(_READER, work)


async def fetch(client: Client, path: str, *, seconds: float | None = None) -> Response:
    """The answer of `path`, not yet read as a profile; `seconds` as for `read_profile`.

    Raises:
        Unreachable, Refused, BadAnswer: no answer, or an error.
    """
    # A CPU profile is not asked for twice; a dump that a busy goprobe puts off is.
    response = await client.get(path, limit=client.limits.profile, seconds=seconds, retry=seconds is None)
    if response.status != 200:
        raise refused(response)
    return response


def calls_into_c(profile: ProfileFacts) -> tuple[Call, ...]:
    """The goroutines of a goroutine profile that are in C, by C function and caller, most first.

    One that C has called back into Go counts: its C frames would be gone as well.
    """
    into = np.flatnonzero([name == INTO_C for name in profile.functions])
    lines = np.concatenate(([0], np.cumsum(np.isin(profile.lines, into))))
    has = np.diff(lines[profile.line_offsets]) > 0
    frames = np.concatenate(([0], np.cumsum(has[profile.stacks])))
    found: Counter[tuple[str, str]] = Counter()
    for row in np.flatnonzero(np.diff(frames[profile.stack_offsets])).tolist():
        found[_callee(list(islice(_callers(profile, row, has), 2)))] += int(profile.values[row, 0])
    return tuple(Call(function, caller, count) for (function, caller), count in found.most_common())


def _callers(profile: ProfileFacts, row: int, has: np.ndarray) -> Iterator[str]:
    """The functions above `runtime.cgocall` in the stack of one sample, one by one.

    Never all of them: a location may hold any number of inlined calls, and a stack may name it thousands of times.
    """
    stack = profile.stacks[profile.stack_offsets[row] : profile.stack_offsets[row + 1]]
    inside = False
    for location in stack[int(np.argmax(has[stack])) :].tolist():
        for line in range(int(profile.line_offsets[location]), int(profile.line_offsets[location + 1])):
            name = profile.functions[profile.lines[line]]
            if inside:
                yield name
            inside = inside or name == INTO_C


def cut_off(profile: ProfileFacts) -> int:
    """How many goroutines of a goroutine profile have stacks that may go on beyond what was recorded.

    Go records 128 frames, before 1.23 32 of them (runtime/mprof.go, `StackRecord`). A stack of just 32 counts where none is
    longer.
    """
    lines = np.maximum(np.diff(profile.line_offsets), 1)
    frames = np.concatenate(([0], np.cumsum(lines[profile.stacks])))
    depths = np.diff(frames[profile.stack_offsets])
    longest = int(depths.max(initial=0))
    deep = (depths >= DEPTHS[1]) | ((depths == longest) & (longest == DEPTHS[0]))
    return int(profile.values[deep, 0].sum())


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
