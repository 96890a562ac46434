"""Which program a process runs, and where its Go code is in memory."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from msgspec import Struct

from probes.elf.dynamic_symbols import read_dynamic_symbols
from probes.elf.relocations import dynamic_tags
from probes.errors import ProbeError
from probes.go.facts import BinaryFacts
from probes.go.restarts import entries_called
from probes.live.proc.facts import ProcessFacts
from probes.live.proc.reading import exe_path
from probes.live.topics import RunningImage

SOURCE = "/proc"
PAGE = 0xFFF
MAX_OPENERS = 20
FIRST_WITH_TIMERS = 18
"""Go 1.18 gave each thread a POSIX timer beside the process's ITIMER_PROF."""
SET_TIMER = "setitimer"


# What every C program has in its memory: none of them starts a timer of its own accord.
PLAIN_LIBRARIES = re.compile(r".*/(?:ld-[^/]*|lib(?:c|m|dl|rt|pthread|resolv|gcc_s|nss_[a-z]+)[-.][^/]*)")


class Program(Struct, frozen=True):
    """What the file that a process runs says about it.

    `go_text`: addresses in memory of its Go code, None where not found. `has_c`: C code is linked in or loaded.
    `hidden_timer`: a profile's timer may be armed that `/proc` does not show (ITIMER_PROF): by C that can call
    setitimer, or by Go before 1.18, which has no other.
    """

    go_text: tuple[int, int] | None
    has_c: bool
    hidden_timer: bool


def running_image(process: ProcessFacts, old: BinaryFacts | None) -> tuple[RunningImage | None, Program | None]:
    """The program that `process` runs: its ids and digest, and what its file says; None what cannot be known.

    The file is read under its name in `/proc`, which leads to it also after it has been replaced. When it is the very
    file that `old` was read from, it is not read again.
    """
    link = exe_path(process.pid)
    try:
        facts = old if old is not None and Path(link).samefile(old.path) else _load(link)
    except (OSError, ProbeError):
        return None, None
    entries = None if facts.functions is None else entries_called(facts.functions.name_bytes)
    image = RunningImage(
        SOURCE,
        gnu_build_id=facts.gnu_build_id or "",
        go_build_id=facts.go_build_id or "",
        sha256=facts.sha256,
        path=process.exe,
        go_version=facts.go_version or "",
        replaced=process.exe_deleted,
        entries=entries,
        openers=_openers(facts, entries),
    )
    return image, _program(process, facts)


def _openers(facts: BinaryFacts, entries: tuple[str, ...] | None) -> tuple[str, ...] | None:
    if not entries:
        return ()
    from probes.code.openers import openers  # noqa: PLC0415 - only for programs that renew themselves

    found = openers(facts, entries)
    return None if found is None else found[:MAX_OPENERS]


def _load(path: str) -> BinaryFacts:
    from probes.elf.source import read_source  # noqa: PLC0415
    from probes.go.loading import load  # noqa: PLC0415 - only where the running file is not OLD

    return load(path, read_source(path), examine=False, foreign=False)


def _program(process: ProcessFacts, facts: BinaryFacts) -> Program:
    libraries = {m.path for m in process.code or () if m.path.startswith("/") and m.path != process.exe}
    has_c = facts.cgo is not False or bool(libraries)
    return Program(_go_text(process, facts), has_c, _hidden_timer(facts, libraries, has_c=has_c))


def _hidden_timer(facts: BinaryFacts, libraries: set[str], *, has_c: bool) -> bool:
    release = re.match(r"go1\.(\d+)", facts.go_version or "")
    if release is None or int(release[1]) < FIRST_WITH_TIMERS:
        return True
    if not has_c:
        return False
    if any(not PLAIN_LIBRARIES.fullmatch(path) for path in libraries):
        return True
    table = facts.symtab
    try:
        dynamic = read_dynamic_symbols(facts.image, dynamic_tags(facts.image))
    except ProbeError:
        return True
    if dynamic is None and table is None:  # static and stripped
        return True
    tables = [t for t in (table, dynamic.table if dynamic is not None else None) if t is not None]
    return any(SET_TIMER in t.names(np.arange(len(t.value))) for t in tables)


def _go_text(process: ProcessFacts, facts: BinaryFacts) -> tuple[int, int] | None:
    code = next((m for m in process.code or () if m.path == process.exe), None)
    segment = next((s for s in facts.image.elf.segments if s.kind == "PT_LOAD" and s.flags & 1), None)
    if facts.module is None or code is None or segment is None:
        return None
    bias = code.start - (segment.vaddr & ~PAGE)
    return facts.module.text + bias, facts.module.etext + bias
