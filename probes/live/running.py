"""Which program a process runs, and where its Go code is in memory."""

from __future__ import annotations

from pathlib import Path

from probes.binary.facts import BinaryFacts
from probes.errors import ProbeError
from probes.live.facts import ProcessFacts
from probes.live.from_proc import SOURCE
from probes.live.proc import exe_path
from probes.live.topics import RunningImage
from probes.records import dataclass

PAGE = 0xFFF


@dataclass(frozen=True, slots=True)
class GoText:
    """Addresses in memory of a program's Go code."""

    start: int
    end: int


def running_image(process: ProcessFacts, old: BinaryFacts | None) -> tuple[RunningImage | None, GoText | None]:
    """The program that `process` runs: its ids and digest, and where its Go code is; None what cannot be known.

    The file is read under its name in `/proc`, which leads to it also after it has been replaced. When it is the very
    file that `old` was read from, it is not read again.
    """
    link = exe_path(process.pid)
    try:
        facts = old if old is not None and Path(link).samefile(old.path) else _load(link)
    except (OSError, ProbeError):
        return None, None
    image = RunningImage(
        SOURCE,
        gnu_build_id=facts.gnu_build_id or "",
        go_build_id=facts.go_build_id or "",
        sha256=facts.sha256,
        path=process.exe,
        go_version=facts.go_version or "",
        replaced=process.exe_deleted,
    )
    return image, _go_text(process, facts)


def _load(path: str) -> BinaryFacts:
    from probes.binary.load import load  # noqa: PLC0415 - only where the running file is not OLD
    from probes.binary.source import read_source  # noqa: PLC0415

    return load(path, read_source(path), examine=False, foreign=False)


def _go_text(process: ProcessFacts, facts: BinaryFacts) -> GoText | None:
    code = next((m for m in process.code or () if m.path == process.exe), None)
    segment = next((s for s in facts.image.elf.segments if s.kind == "PT_LOAD" and s.flags & 1), None)
    if facts.module is None or code is None or segment is None:
        return None
    bias = code.start - (segment.vaddr & ~PAGE)
    return GoText(facts.module.text + bias, facts.module.etext + bias)
