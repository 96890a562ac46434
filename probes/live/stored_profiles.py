"""CPU profiles that a running service has anyway: nothing is started for them."""

from __future__ import annotations

import time

from probes.errors import ProbeError
from probes.live.client import MAX_PROFILE, Client, refused
from probes.live.goprobe import topics as from_goprobe
from probes.live.goprobe import wire
from probes.live.topics import CpuProfiles
from probes.profile.facts import ProfileFacts
from probes.profile.pprof.reading import read

MAX_WINDOWS = 40
"""The newest ones. goprobe keeps 30 unless told otherwise."""
MAX_FRAMES = 8_000_000
"""Of the stacks of all windows together."""
MAX_SAMPLES = 400_000
NOT_FOUND = 404
OTHERWISE = "pass --profile"


async def of_heartbeat(client: Client, epoch: str) -> CpuProfiles:
    """The profiles of the newest windows that goprobe keeps of the image `epoch`, oldest first.

    Windows of earlier images, which a directory outlasts, are another program's. All windows together take no longer than
    one request may; what there was no time or room for is left out, and reported.
    """
    deadline = time.monotonic() + client.seconds
    try:
        answer = await client.ask("heartbeat", wire.HeartbeatAnswer)
    except ProbeError as exc:
        return _none(exc.what)
    if not answer.enabled:
        return _none("the heartbeat is switched off")
    mine = [each for each in answer.windows if each.epoch == epoch and each.state in ("ok", "short") and each.bytes]
    if not mine:
        return _none("no window of the heartbeat has a profile of the running image yet")
    return await _fetch(client, mine[-MAX_WINDOWS:][::-1], deadline)


async def _fetch(client: Client, wanted: list[wire.Window], deadline: float) -> CpuProfiles:
    """The profiles of `wanted`, which is newest first, as far as time and room go."""
    found: list[ProfileFacts] = []
    notes: list[str] = []
    room = MAX_PROFILE
    for number, each in enumerate(wanted):
        left = deadline - time.monotonic()
        full = sum(len(p) for p in found) > MAX_SAMPLES or sum(p.stacks.size for p in found) > MAX_FRAMES
        if left <= 0 or room <= 0 or full:
            what = "time" if left <= 0 else "room"
            notes.append(f"no {what} for the {len(wanted) - number} oldest of {len(wanted)} heartbeat windows")
            break
        path = f"/debug/hotgate/heartbeat/{each.seq}?epoch={each.epoch}"
        try:
            response = await client.get(path, limit=room, seconds=left)
            if response.status == NOT_FOUND:
                continue  # the ring has moved on
            if response.status != 200:
                raise refused(response)
            room -= len(response.body)
            profile = read(response.body, subject=f"heartbeat window {each.seq}")
        except ProbeError as exc:
            notes.append(f"heartbeat window {each.seq}: {exc.what}")
            continue
        if profile.kind == "cpu":
            found.append(profile)
        else:
            notes.append(f"heartbeat window {each.seq}: not a CPU profile")
    if not found:
        return CpuProfiles(from_goprobe.SOURCE, (), f"no heartbeat window could be read: {OTHERWISE}", tuple(notes))
    return CpuProfiles(from_goprobe.SOURCE, tuple(reversed(found)), "", tuple(notes))


def _none(reason: str) -> CpuProfiles:
    return CpuProfiles(from_goprobe.SOURCE, (), f"{reason}: {OTHERWISE}")
