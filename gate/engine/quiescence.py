"""Asking a running service, and waiting until it is quiet."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from msgspec.structs import replace

from probes.live.gathering import Asked, gather

if TYPE_CHECKING:
    from collections.abc import Callable

    from probes.go.facts import BinaryFacts
    from probes.live.facts import LiveFacts
    from probes.live.proc.timers import Watcher

PAUSE = 0.5
"""Seconds between two looks while waiting."""


def ask(  # noqa: PLR0913 - keywords, one a fact
    asked: Asked,
    *,
    old: BinaryFacts | None = None,
    new_path: str = "",
    wait: float = 0.0,
    say: Callable[[str], None] | None = None,
    watcher: Watcher | None = None,
) -> LiveFacts:
    """Everything that can be learned about the service, once it is quiet or `wait` seconds have passed.

    Args:
        asked: which service.
        old: the binary that should be running.
        new_path: the file that is to be executed; "" for none.
        wait: seconds to wait for quiescence.
        say: told what is being waited for, each time that it changes.
        watcher: has been looking at the process for a while.

    Raises:
        ProbeError: the process is not there, or the token is wrong.
    """
    deadline = time.monotonic() + wait
    told = ""
    looked = replace(asked, profile=False)  # another profiler is not disturbed while we only wait
    while (left := deadline - time.monotonic()) > 0:
        facts = asyncio.run(gather(looked, old=old, new_path=new_path, watcher=watcher))
        restless = unquiet(facts)
        if not restless:
            if looked == asked:
                return facts  # a moment later it may be otherwise
            break
        now = ", ".join(restless)
        if now != told and say is not None:
            say(f"waiting for {now} ({left:.0f} s left)")
            told = now
        time.sleep(min(PAUSE, max(deadline - time.monotonic(), 0)))
    return asyncio.run(gather(asked, old=old, new_path=new_path, watcher=watcher))


def unquiet(facts: LiveFacts) -> list[str]:
    """What of the service will pass by itself and is in the way of an update, in words."""
    out = []
    if facts.profiler is not None and facts.profiler.running:
        out.append("the end of a CPU profile")
    if facts.calls is not None and facts.calls.count:
        out.append(f"{facts.calls.count} threads in C calls" if facts.calls.count > 1 else "a thread in a C call")
    if facts.requests is not None:
        over = [w for w in facts.requests.work if w.limit is not None and w.count > w.limit and not w.drained]
        out += [f"{each.name} ({each.count}, limit {each.limit})" for each in over]
    return out
