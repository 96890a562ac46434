"""The smallest delta that can be made within a bound of time and memory."""

from __future__ import annotations

import hashlib
import math
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from gate.processes import run
from gate.release.delta.container import apply_delta, wrap
from gate.release.errors import ReleaseError

if TYPE_CHECKING:
    from collections.abc import Callable

    from gate.release.description import Method


class Limits(Struct, frozen=True):
    """What making one delta in one way may take: seconds of CPU time, `PATIENCE` times as many of wall time, and bytes of memory."""

    seconds: float = 120.0
    memory: int = 4 << 30
    methods: tuple[Method, ...] = ("go", "bsdiff", "zstd")


ORDINARY = Limits()
PATIENCE = 5
"""A machine with other work to do takes longer, and should not get larger deltas for it."""


class Made(Struct, frozen=True):
    """A delta: the file's bytes, the way, and seconds to make it. `sizes` has those of all ways that were tried, None where one failed."""

    data: bytes
    method: Method
    seconds: float
    sizes: dict[str, int | None]


def make_delta(old: bytes, new: bytes, limits: Limits = ORDINARY) -> Made | None:
    """The smallest delta from `old` to `new`, applied once before it is offered; None where no way gives one."""
    started = time.monotonic()
    sizes: dict[str, int | None] = {}
    best: tuple[Method, bytes] | None = None
    with tempfile.TemporaryDirectory(prefix="hotgate-delta-") as folder:
        place = Path(folder)
        (place / "old").write_bytes(old)
        (place / "new").write_bytes(new)
        for method in limits.methods:
            if best is not None and best[0] == "go":
                break  # it is the smallest wherever it can be made, and bsdiff takes a minute
            payload = _payload(place, method, limits)
            delta = wrap(method, old, new, payload) if payload is not None else None
            if delta is not None and not _applies(old, new, delta):
                delta = None
            sizes[method] = None if delta is None else len(delta)
            if delta is not None and (best is None or len(delta) < len(best[1])):
                best = method, delta
    if best is None:
        return None
    return Made(best[1], best[0], time.monotonic() - started, sizes)


def _payload(place: Path, method: Method, limits: Limits) -> bytes | None:
    """What `method` makes of the two files in `place`, in a process of its own; None when it takes too much, or cannot."""
    argv = [
        sys.executable,
        "-m",
        "gate.release.delta.making",
        method,
        str(place),
        str(limits.memory),
        str(limits.seconds),
    ]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "OPENBLAS_NUM_THREADS": "1"}
    out = place / f"{method}.out"
    try:
        done = run(
            argv,
            seconds=PATIENCE * limits.seconds,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
    except subprocess.TimeoutExpired:
        return None
    return out.read_bytes() if done.returncode == 0 and out.is_file() else None


def _applies(old: bytes, new: bytes, delta: bytes) -> bool:
    base, sha256 = (hashlib.sha256(data).hexdigest() for data in (old, new))
    try:
        return apply_delta(old, delta, base=base, sha256=sha256, size=len(new)) == new
    except ReleaseError:
        return False


def maker(method: Method) -> Callable[[bytes, bytes], bytes]:
    """The function that makes the payload of a method."""
    if method == "go":
        from gate.release.delta.golang import encode

        return encode.make
    if method == "bsdiff":
        from gate.release.delta import bsdiff

        return bsdiff.make
    from gate.release.delta import dictionary

    return dictionary.make


def _main() -> int:
    """Make one payload, for `_payload`; 3 when this method is not for these files."""
    method, place, memory = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    seconds = math.ceil(float(sys.argv[4]))
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    try:
        payload = maker(method)((place / "old").read_bytes(), (place / "new").read_bytes())  # type: ignore[arg-type]
    except (ReleaseError, MemoryError):
        return 3
    (place / f"{method}.out").write_bytes(payload)
    return 0


if __name__ == "__main__":
    sys.exit(_main())
