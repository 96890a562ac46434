"""The live service goes over to good releases, refuses bad ones, and its faults show in what the probe answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from scripts.programs.gobuild import can_build_cgo, host_arch
from tests.conftest import first, live_programs, missing
from tests.goprobe.service import Service

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

ORDER = [{"quantity": 2, "unit_price": 350}, {"quantity": 1, "unit_price": 100}]


@pytest.fixture(scope="module")
def program(go_toolchain: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str | None], Path]:
    """Builds a variant once; None is the good service."""
    if not can_build_cgo(host_arch()):
        missing("no C compiler: apt-get install gcc libc6-dev")
    return live_programs(go_toolchain, tmp_path_factory)


def test_it_goes_over_to_a_better_release(program: Callable[[str | None], Path], tmp_path: Path) -> None:
    with Service(program(None), tmp_path / "log", "-next", str(program("better"))) as service:
        address = service.address()
        assert service.post("/orders", ORDER)["total"] == 800
        before = service.status()
        service.upgrade()
        assert service.address(2) == address
        assert service.get("/orders") == {"orders": 1, "total": 800}
        after = service.status()
    assert after["image"]["previous_epoch"] == before["image"]["epoch"]
    assert after["image"]["planned"]
    assert after["image"]["pid"] == before["image"]["pid"]
    assert after["image"]["go_build_id"] != before["image"]["go_build_id"]
    assert after["state"]["rows"][0]["restored"]["version"] == 1
    assert after["listeners"]["rows"][0]["inherited"]
    assert after["gc"]["known"]
    assert not after["descriptors"]["inheritable"]


@pytest.mark.parametrize(
    ("variant", "reason"),
    first(
        1,
        [
            ("crash", "LIVE_REGION is not set"),
            ("hang", "did not get ready within 5s"),
            ("badstate", "version 1 was handed over"),
        ],
    ),
)
def test_a_bad_release_leaves_the_old_one_serving(
    program: Callable[[str | None], Path], tmp_path: Path, variant: str, reason: str
) -> None:
    with Service(program(None), tmp_path / "log", "-next", str(program(variant))) as service:
        service.address()
        service.post("/orders", ORDER)
        before = service.status()
        service.upgrade()
        service.eventually(lambda: reason in service.log)
        assert service.get("/orders") == {"orders": 1, "total": 800}
        after = service.status()
    assert after["image"] == before["image"]
    assert after["update"]["state"] == "failed"
    assert [row["code"] for row in after["update"]["refused"]] == ["trial"]


def _profile(status: Any, _: Any) -> bool:
    timer = {"known": True, "armed": True, "interval_us": 10000}
    return status["profiler"]["owner"] == "other" and timer.items() <= status["profiler"]["itimer_prof"].items()


def _park(_: Any, cgo: Any) -> bool:
    return [row["c_function"] for row in cgo["calls"]["rows"]] == ["live_park"] and cgo["calls"]["count"] == 1


def _canary(_: Any, cgo: Any) -> bool:
    canaries = cgo["canaries"]
    return canaries["static"] | {"state": "broken", "found": "5a" * 8} == canaries["static"]


FAULTS: dict[str, Callable[[Any, Any], bool]] = {
    "profile": _profile,
    "park": _park,
    "canary": _canary,
    "leak": lambda status, _: [row["target"] for row in status["descriptors"]["inheritable"]] == ["/dev/null"],
    "listener": lambda status, _: not status["listeners"]["rows"],
    "signal": lambda status, _: "SIGHUP" in status["signals"]["ignored"],
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_shows(program: Callable[[str | None], Path], tmp_path: Path, fault: str) -> None:
    with Service(program(None), tmp_path / "log", "-interval", "1h", "-window", "100ms", fault=fault) as service:
        service.address()
        found = FAULTS[fault]
        service.eventually(lambda: found(service.status(), service.get("/debug/hotgate/cgo")))


def test_without_a_fault_nothing_shows(program: Callable[[str | None], Path], tmp_path: Path) -> None:
    with Service(program(None), tmp_path / "log", "-interval", "1h", "-window", "100ms") as service:
        service.address()
        service.eventually(lambda: service.get("/debug/hotgate/heartbeat")["windows"])
        status, cgo = service.status(), service.get("/debug/hotgate/cgo")
        assert [name for name, found in FAULTS.items() if found(status, cgo)] == []
        assert cgo["canaries"]["thread_local"]["state"] == cgo["canaries"]["static"]["state"] == "holds"
        assert cgo["walk"]["state"] == "agrees", cgo["walk"]
        assert cgo["threads"]["foreign"] == 0
