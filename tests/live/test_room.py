"""HG417: limits of control groups, as the kernel writes them, for real processes."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from gate.checks.hg417_room import NoRoom
from gate.model import Mode
from gate.rules.samples.binaries import binary
from gate.rules.samples.services import READY
from probes.live.proc.reading import read_process
from probes.live.proc.room import read_room
from probes.live.topics import MemoryRoom, RoomFacts, TaskRoom
from tests.live.test_proc import child

MIB = 1 << 20


class Names:
    """The part of a function table that the rule looks at."""

    def __init__(self, *names: str) -> None:
        self.name_bytes = b"\0" + b"".join(name.encode() + b"\0" for name in names)


def old(*names: str):
    made: Any = Names(*names)
    return binary(functions=made)


UPGRADES = ("main.main", "hotgate/goprobe.(*Probe).Upgrade")
STARTS = ("main.main", "os.StartProcess")


def proc_with(tmp_path: Path, pid: int, cgroup: str) -> str:
    """A `/proc` whose one process is the real one but for its control groups."""
    folder = tmp_path / "proc" / str(pid)
    folder.mkdir(parents=True)
    (folder / "status").write_bytes(Path(f"/proc/{pid}/status").read_bytes())
    (folder / "cgroup").write_text(cgroup)
    return str(tmp_path / "proc")


def write(folder: Path, **files: str | int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("_", ".", 1)).write_text(f"{text}\n")


def test_the_tightest_group_of_all_that_hold_the_process_counts(tmp_path: Path) -> None:
    groups = tmp_path / "cgroup"
    write(groups, cgroup_controllers="memory pids")
    stat = f"anon {30 * MIB}\nfile {200 * MIB}\nshmem {5 * MIB}\nkernel_stack {MIB}\nnonsense x\n"
    write(
        groups / "shop.slice",
        memory_max=100 * MIB,
        memory_current=90 * MIB,
        memory_stat=stat,
        pids_max=50,
        pids_current=45,
    )
    write(
        groups / "shop.slice" / "orders.service",
        memory_max="max",
        memory_current=90 * MIB,
        pids_max="max",
        pids_current=7,
    )
    facts = read_process(os.getpid(), watch=False)
    room = read_room(
        facts, root=proc_with(tmp_path, os.getpid(), "0::/shop.slice/orders.service\n"), groups=str(groups)
    )
    assert room.memory is not None
    assert (room.memory.group, room.memory.limit, room.memory.held) == ("/shop.slice", 100 * MIB, 36 * MIB)
    assert room.tasks == TaskRoom("/shop.slice", 50, 45)
    assert room.image is not None
    assert room.image > MIB
    assert room.open_files == (len(facts.descriptors or ()), int((facts.open_files_limit or ("0",))[0]))


def test_version_1_of_control_groups(tmp_path: Path) -> None:
    groups = tmp_path / "cgroup"
    stat = f"total_rss {60 * MIB}\ntotal_cache {500 * MIB}\n"
    write(groups / "memory" / "a", memory_limit_in_bytes=64 * MIB, memory_usage_in_bytes=64 * MIB, memory_stat=stat)
    write(groups / "memory", memory_limit_in_bytes=9223372036854771712, memory_usage_in_bytes=MIB, memory_stat="")
    write(groups / "pids" / "a", pids_max=9, pids_current=3)
    text = "9:memory:/a\n8:pids:/a\n1:name=systemd:/b\n0::/\nodd\n5:memory:/../../x\n"
    room = read_room(
        read_process(os.getpid(), watch=False), root=proc_with(tmp_path, os.getpid(), text), groups=str(groups)
    )
    assert room.memory is not None
    assert (room.memory.limit, room.memory.held) == (64 * MIB, 60 * MIB)
    assert room.tasks == TaskRoom("/a", 9, 3)


def test_a_real_process_is_measured() -> None:
    with child(
        "held = bytearray(os.urandom(1)) * (64 << 20)\nfor at in range(0, len(held), 4096): held[at] = 1"
    ) as process:
        room = read_room(read_process(process.pid, watch=False))
    assert room.image is not None
    assert 64 * MIB <= room.image < 200 * MIB


def found(facts: RoomFacts, *names: str) -> list[tuple[str, str]]:
    return [(finding.severity.value, finding.subject) for finding in NoRoom().run(old(*names), facts, Mode.EXEC)]


@pytest.mark.parametrize(
    ("memory", "severity"),
    [
        (MemoryRoom("/shop", 200 * MIB, 70 * MIB, swap=False), None),
        (MemoryRoom("/shop", 100 * MIB, 70 * MIB, swap=False), "warn"),
        (MemoryRoom("/shop", 100 * MIB, 100 * MIB, swap=False), "block"),
        (MemoryRoom("/shop", 100 * MIB, 100 * MIB, swap=True), "warn"),
    ],
)
def test_it_blocks_only_what_cannot_fit_and_has_to(memory: MemoryRoom, severity: str | None) -> None:
    assert READY.room is not None
    facts = replace(READY.room, memory=memory)
    assert found(facts, *UPGRADES) == ([(severity, "memory.max")] if severity else [])
    assert found(facts, "main.main") == [], "a plain exec frees the old image first"
    assert found(facts, *STARTS) == ([("warn", "memory.max")] if severity else [])
    assert found(facts, "main.main", "github.com/cloudflare/tableflip.New") == (
        [(severity, "memory.max")] if severity else []
    )


def test_processes_and_descriptors() -> None:
    assert READY.room is not None
    tasks = replace(READY.room, tasks=TaskRoom("/shop", 20, 12))
    assert found(tasks, *UPGRADES) == [("warn", "pids.max")]
    none = replace(READY.room, tasks=TaskRoom("/shop", 20, 19))
    assert found(none, *UPGRADES) == [("block", "pids.max")]
    assert found(none, *STARTS) == [("warn", "pids.max")]
    assert found(replace(READY.room, open_files=(1020, 1024)), *UPGRADES) == [("warn", "RLIMIT_NOFILE")]


def test_the_names_are_those_that_the_sources_have() -> None:
    """A renamed method would switch the rule off for every service with goprobe."""
    source = (Path(__file__).parents[2] / "goprobe" / "upgrade.go").read_text("utf-8")
    assert re.search(r"^func \(p \*Probe\) Upgrade\(", source, re.MULTILINE)
