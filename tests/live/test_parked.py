"""A program without goprobe that has threads in C, linked in every way: told by its profile, and by `/proc` alone."""

from __future__ import annotations

import asyncio
import subprocess
import time
from typing import TYPE_CHECKING

import pytest

from probes.live.gather import Asked, gather
from probes.live.topics import Call
from scripts.gobuild import ROOT, GoBuild, can_build_cgo, host_arch
from tests.conftest import missing

if TYPE_CHECKING:
    from pathlib import Path

SOURCE = ROOT / "testdata" / "programs" / "parked"
LINKS = {
    "exe": ("exe", ()),
    "pie": ("pie", ()),
    "static": ("exe", ("-ldflags=-linkmode=external -extldflags=-static",)),
}


@pytest.mark.parametrize("link", LINKS)
def test_threads_in_c_are_seen_by_whoever_is_asked(go_toolchain: Path, tmp_path: Path, link: str) -> None:
    if not can_build_cgo(host_arch()):
        missing("no C compiler: apt-get install gcc libc6-dev")
    mode, flags = LINKS[link]
    program = tmp_path / "parked"
    GoBuild(
        goroot=go_toolchain, source=SOURCE, buildmode=mode, goarch=host_arch(), cgo=True, flags=("-trimpath", *flags)
    ).run(program)
    with subprocess.Popen([program], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            url = f"http://{process.stdout.readline().strip()}"
            time.sleep(0.2)  # until both are there
            outside = asyncio.run(gather(Asked(pid=process.pid)))
            inside = asyncio.run(gather(Asked(url=url, pid=process.pid)))
        finally:
            process.kill()
    assert outside.calls is not None
    assert outside.calls.count == 2  # whoever C has called back waits in Go
    assert inside.calls is not None
    # `go C.f()` starts the goroutine in a wrapper of cgo's, which older releases name otherwise.
    assert Call("parked_stay", "main.stay", 2) in inside.calls.calls
    assert inside.calls.count == 3
    assert inside.image is not None
    assert inside.image.sha256
