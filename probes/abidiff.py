"""Ask `abidiff` (libabigail), where it is installed, what differs in the ABI of two shared objects.

It reads DWARF, which we do not: it knows that a struct in a header grew. The files are read by it, not executed.
Source of the exit code's bits: libabigail `doc/manuals/abidiff.rst`, "Return values".
"""

from __future__ import annotations

import contextlib
import hashlib
import math
import os
import re
import shutil
import signal
import subprocess
import threading
from typing import Any

from probes.drift.native.facts import AbiFacts

PROGRAM = "abidiff"
TIME_LIMIT = 60.0
"""Seconds."""
MAX_OUTPUT = 1 << 20
MAX_MEMORY = 8 << 30
MAX_LINES = 50
FLAGS = ("--no-default-suppression", "--no-show-locs")

ERROR, USAGE, CHANGE, INCOMPATIBLE = 1, 2, 4, 8
SUMMARY = re.compile(
    r"^\w[\w ]* changes summary: (\d+) Removed(?:.*?), (\d+) Changed(?:.*?), (\d+) Added", re.MULTILINE
)
PLUMBING = re.compile(r"\{_?x?_?(?:cgo|crosscall)")
"""What runtime/cgo exports: its names hold a digest of the source, and nothing else calls it."""
CHANGED = re.compile(r"^ +\[([ACD])\] (.{1,300})", re.MULTILINE)


def compare_abi(
    old: str, old_sha256: str, new: str, new_sha256: str, *, seconds: float = TIME_LIMIT
) -> AbiFacts | None:
    """Run abidiff on two files; None where it is not installed.

    Args:
        old: the path of OLD.
        old_sha256: the digest of what was read there: abidiff must not be asked about another file.
        new: the path of NEW.
        new_sha256: its digest.
        seconds: the time limit.
    """
    program = shutil.which(PROGRAM)
    if program is None:
        return None
    paths = [os.path.realpath(path) for path in (old, new)]
    for path, digest in zip(paths, (old_sha256, new_sha256), strict=True):
        if _sha256(path) != digest:
            return AbiFacts(problem="a file changed while it was compared")
    try:
        status, text = _run([program, *FLAGS, *paths], seconds)
    except OSError as exc:
        return AbiFacts(problem=f"it cannot be started ({exc.strerror})")
    if status is None:
        return AbiFacts(problem=f"it did not end within {seconds:g} seconds")
    if status < 0 or status & (ERROR | USAGE):
        return AbiFacts(problem=f"it could not read the files (exit code {status})")
    return read_answer(status, text)


def read_answer(status: int, text: str) -> AbiFacts:
    """The facts in abidiff's exit code and output, without those about runtime/cgo's own functions."""
    rows = [tuple(map(int, row)) for row in SUMMARY.findall(text)]
    entries = CHANGED.findall(text)
    dropped = [mark for mark, line in entries if PLUMBING.search(line)]
    sums = [sum(row[column] for row in rows) - dropped.count(mark) for column, mark in enumerate("DCA")]
    if dropped and not any(sums):
        status = 0
    lines = [f"{mark} {line.strip().rstrip(':')}" for mark, line in entries if not PLUMBING.search(line)]
    return AbiFacts(
        changed=bool(status & CHANGE),
        incompatible=bool(status & INCOMPATIBLE) and bool(not dropped or sums[0] or sums[1]),
        removed=sums[0],
        altered=sums[1],
        added=sums[2],
        lines=tuple(lines[:MAX_LINES]),
    )


def _sha256(path: str) -> str:
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - no object needed
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""


def _run(command: list[str], seconds: float) -> tuple[int | None, str]:
    """Exit code and the beginning of stdout; None for the code when the time was up."""
    environment = {"PATH": os.defpath, "LC_ALL": "C", "DEBUGINFOD_URLS": ""}  # it must not ask the network
    process: subprocess.Popen[bytes] = subprocess.Popen(  # noqa: S603 - no shell; both paths are absolute
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment,
        start_new_session=True,
    )
    late = threading.Event()

    def stop() -> None:
        late.set()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)

    timer = threading.Timer(seconds, stop)
    timer.start()
    try:
        _limit(process.pid, seconds)
        text = _read(process.stdout)
        status = process.wait()
    finally:
        timer.cancel()
        if process.poll() is None:
            process.kill()
            process.wait()
    return (None if late.is_set() else status), text.decode("utf-8", "replace")


def _limit(pid: int, seconds: float) -> None:
    """What holds even when this process is killed: memory, and the processor time that it can have taken by then."""
    import resource  # noqa: PLC0415 - not everywhere

    longest = math.ceil(seconds) * (os.cpu_count() or 1)
    with contextlib.suppress(OSError, ValueError):
        resource.prlimit(pid, resource.RLIMIT_AS, (MAX_MEMORY, MAX_MEMORY))
        resource.prlimit(pid, resource.RLIMIT_CPU, (longest, longest))


def _read(stream: Any) -> bytes:
    """The first `MAX_OUTPUT` bytes; what comes after them is read and dropped, so that the process can end."""
    kept = bytearray()
    with stream:
        while chunk := stream.read(1 << 16):
            kept += chunk[: max(MAX_OUTPUT - len(kept), 0)]
    return bytes(kept)
