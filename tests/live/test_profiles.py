"""The heartbeat of a real service: its score by URL and by directory, and over a restart that nobody announced."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from probes.live.profile_files import read_source
from tests.live.test_service import hotgate, running

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Build = Callable[[str | None], Path]

ATTEMPTS = 30
BEAT = ("-interval", "1s", "-window", "300ms", "-windows")


def wait_for_windows(folder: Path, count: int) -> None:
    for _ in range(1200):
        if len(list(folder.glob("*.json"))) >= count:
            return
        time.sleep(0.1)
    raise AssertionError(sorted(folder.glob("*")))


def test_the_score_of_a_real_heartbeat(service_program: Build, tmp_path: Path) -> None:
    for attempt in range(ATTEMPTS):
        folder = tmp_path / f"windows{attempt}"
        folder.mkdir()
        with running(service_program(None), tmp_path / f"log{attempt}", *BEAT, str(folder)) as (_, url):
            wait_for_windows(folder, 6)
            live, _ = hotgate("profile", "score", url)
            probed, _ = hotgate("probe", url)
        kept, _ = hotgate("profile", "score", folder)
        if kept["verdict"] == live["verdict"] == "pass":
            break  # where the machine has other work, a heart misses a beat
    for report in (live, kept):
        assert report["verdict"] == "pass", report["findings"]
        assert report["profile"]["continuity"]["score"] > 95
        assert report["profile"]["continuity"]["windows"] >= 5
    assert {item["name"]: item["status"] for item in probed["evidence"]}["continuity"] == "ok"
    source = read_source(str(folder))
    assert source.described
    assert [w.seq for w in source.windows] == list(range(1, len(source.windows) + 1))


def test_a_restart_that_nobody_announced_is_a_gap(service_program: Build, tmp_path: Path) -> None:
    folder = tmp_path / "windows"
    folder.mkdir()
    for round_ in (1, 2):
        with running(service_program(None), tmp_path / f"log{round_}", *BEAT, str(folder)) as (service, _):
            wait_for_windows(folder, 4 * round_)
            service.process.kill()
        time.sleep(2.5)
    report, _ = hotgate("profile", "score", folder)
    gaps = [f for f in report["findings"] if f["rule"] == "HG602"]
    # A machine that has other work may leave gaps of its own; it starts no program again.
    assert [f["evidence"]["kind"] for f in gaps if f["evidence"]["kind"] != "gap"] == ["restart"]
    assert report["profile"]["continuity"]["score"] < 95
