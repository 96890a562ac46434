"""HG417: no room for two images at once."""

import re
from collections.abc import Iterator

from gate.evidence.live import Room
from gate.evidence.model import OldBinary
from gate.model import Finding, Mode, Severity
from gate.rules.base import Check, Explanation, Samples
from gate.rules.samples.services import handed_off, running, tweaked
from gate.rules.support.restart_libraries import LIBRARIES
from probes.go.facts import BinaryFacts
from probes.live.topics import MemoryRoom, RoomFacts, TaskRoom

MIB = 1 << 20
LEAST_MEMORY = MIB // 2
"""Bytes of its own that a small Go service has: 528 to 568 kB of RssAnon with Go 1.21, 748 to 792 with Go 1.27
(testdata/programs/flags/standard)."""
LEAST_TASKS = 4
"""Threads that a Go program has at least: the first, sysmon, and those of the garbage collector. The one above has six."""
DESCRIPTORS = 16
"""What an update opens in the old image: pipes, a memory file, a socket pair, the new file, and what a log needs."""

BOTH = re.compile(
    rb"/goprobe\.\(\*Probe\)\.Upgrade\0|(?:\0|/vendor/)(?:"
    + b"|".join(re.escape(each.path.encode()) for each in LIBRARIES)
    + rb")[./]"
)
"""Functions that run the new image beside the old one."""
STARTS = b"os.StartProcess\0"


class NoRoom(Check):
    """The limits of the service do not allow a second image beside the first."""

    id = "HG417"
    title = "No room for two images"
    severity = Severity.WARN
    explanation = Explanation(
        what="What is left below the memory limit of the service's control groups (memory.max less what the kernel cannot take back), below "
        "pids.max and below RLIMIT_NOFILE, against what the running image has: a second one like it is taken to need as much memory of "
        "its own (RssAnon and RssShmem) and as many threads. Only of services that can start a second image: with goprobe's Upgrade, "
        "which tries NEW before it hands over, in mode `handoff`, or with os.StartProcess.",
        why="While both images run, memory is needed twice. The kernel ends the process that has most, which is the old image: the service "
        "is down in the middle of its update. Where the new image gets no thread or no descriptor it dies at its start.",
        example="A limit of 512 MiB for a service that holds 300 MiB.",
        remedy="Raise the limit before the update (`systemctl set-property UNIT MemoryMax=`, the container's limits, `prlimit --nofile`), "
        "or update when the service is small.",
    )
    samples = Samples(
        fires=(
            lambda: tweaked("room", memory=MemoryRoom("/shop", 100 * MIB, 70 * MIB, swap=False)),
            lambda: tweaked("room", memory=MemoryRoom("/shop", 100 * MIB, 100 * MIB, swap=False)),
            lambda: tweaked("room", tasks=TaskRoom("/shop", 20, 12)),
            lambda: tweaked("room", open_files=(1020, 1024)),
            lambda: handed_off(tweaked("room", tasks=TaskRoom("/shop", 20, 20))),
        ),
        quiet=(
            running,
            lambda: tweaked("room", memory=MemoryRoom("/shop", 512 * MIB, 70 * MIB, swap=False)),
            lambda: tweaked("room", image=None, memory=MemoryRoom("/shop", 100 * MIB, 70 * MIB, swap=False)),
        ),
    )

    def run(self, old: OldBinary | None, room: Room, mode: Mode) -> Iterator[Finding]:
        """One finding for each limit that is too low."""
        both = True if mode is Mode.HANDOFF else _runs_both(old)
        if both is False:
            return
        yield from self._memory(room, certain=both is True)
        if room.tasks is not None and room.tasks.left < max(room.threads, LEAST_TASKS):
            fits = room.tasks.left >= LEAST_TASKS
            yield self.finding(
                "pids.max",
                f"A second image {_may(fits)} start: {room.tasks.left:,} of {room.tasks.limit:,} processes and threads are left in "
                f"{room.tasks.group}, and the running image has {room.threads:,}.",
                severity=Severity.WARN if fits or both is None else Severity.BLOCK,
                evidence={"limit": room.tasks.limit, "used": room.tasks.used, "threads": room.threads},
            )
        if room.open_files is not None and room.open_files[1] - room.open_files[0] < DESCRIPTORS:
            opened, limit = room.open_files
            yield self.finding(
                "RLIMIT_NOFILE",
                f"The update may fail with EMFILE: {opened:,} of {limit:,} descriptors are open, and starting a second image takes some "
                f"{DESCRIPTORS}.",
                evidence={"limit": limit, "open": opened},
            )

    def _memory(self, room: RoomFacts, *, certain: bool) -> Iterator[Finding]:
        memory = room.memory
        if memory is None or room.image is None or memory.left >= max(room.image, LEAST_MEMORY):
            return
        never = memory.left < LEAST_MEMORY and not memory.swap
        yield self.finding(
            "memory.max",
            f"A second image {_may(not never)} fit: {_mib(memory.left)} of {_mib(memory.limit)} are left in {memory.group}, and the "
            f"running image has {_mib(room.image)} of its own. The kernel would end one of the two.",
            severity=Severity.BLOCK if never and certain else Severity.WARN,
            evidence={"limit": memory.limit, "held": memory.held, "image": room.image, "swap": memory.swap},
        )


def _may(fits: bool) -> str:
    return "may not" if fits else "cannot"


def _mib(size: int) -> str:
    return f"{size / MIB:,.0f} MiB"


def _runs_both(old: BinaryFacts | None) -> bool | None:
    """Whether OLD, which carries out the update, runs both images at once; None where it could by os.StartProcess."""
    if old is None or old.functions is None:
        return None
    names = old.functions.name_bytes
    if BOTH.search(names) is not None:
        return True
    return None if STARTS in names else False
