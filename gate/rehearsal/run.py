"""A rehearsal as the command asks for it: both files are copied, the stage is set up, and at the end nothing is left."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from msgspec import convert, json
from msgspec.structs import replace

from gate import processes
from gate.evidence.rehearsal import RehearsalFacts
from gate.rehearsal.load.requests import read_requests
from gate.rehearsal.order import Order
from gate.rehearsal.plan.usual import DEFAULT_TRIGGERS, USUAL
from gate.rehearsal.problem import CannotRehearse
from gate.rehearsal.stage.folder import keep, make_folder, new_folder, remove
from gate.rehearsal.stage.isolation import WORDS, adopt_orphans, in_bubblewrap, interpreter
from gate.rehearsal.stage.processes import descendants, end_all

if TYPE_CHECKING:
    from collections.abc import Callable

    from gate.rehearsal.plan.model import Plan
    from gate.rehearsal.stage.isolation import Level
    from probes.go.facts import BinaryFacts

Isolate = Literal["auto", "require", "no"]

TRYING = 60.0
"""Seconds in which it is known what the kernel allows."""
GRACE = 30.0
"""Seconds in which the keeper ends everything."""


class Bug(Exception):
    """The process that performs failed by a fault of ours."""


def rehearse(  # noqa: PLR0913 - keywords, one a fact
    plan: Plan,
    old: BinaryFacts,
    new: BinaryFacts,
    *,
    library: str = "",
    show_values: bool = True,
    isolate: Isolate = "auto",
    keep_folder: bool = False,
    budget: float = 0.0,
    token: str = "",
    say: Callable[[str], None] = lambda _: None,
    kept: Callable[[str], None] = lambda _: None,
) -> RehearsalFacts:
    """Perform the update of `old` to `new`, really, and return what was found.

    Args:
        plan: what is done; `gate.rehearsal.plan.model.Plan()` does what can be done without one.
        old: the image that is updated.
        new: the image that it is updated to.
        library: the module path of the restart library that OLD calls; "" for none.
        show_values: what answers and state hold may be in the report.
        isolate: `require` refuses without namespaces, `no` does without.
        keep_folder: leave the folder for a look; `kept` is told its path.
        budget: seconds that all of it may take; 0 for no limit.
        token: the bearer token of the service's probe; "" for none.
        say: told what is being done.
        kept: told where the folder is that was left.

    Raises:
        CannotRehearse: the plan, the machine or OLD itself does not allow it.
        PolicyError: a file of requests cannot be read.
    """
    level, why = _level(isolate)
    if not plan.command and level == "none":
        raise CannotRehearse(
            "without a plan, OLD is started with its own defaults, which takes a network namespace of its own"
            + (f", and there is none ({why})" if why else ""),
            hint="`hotgate rehearse init OLD` writes a plan",
        )
    order = Order(
        plan=plan,
        requests=read_requests(plan.load.requests),
        name=Path(old.path).name,
        arch=old.arch,
        build_ids={name: facts.gnu_build_id or facts.go_build_id or "" for name, facts in (("old", old), ("new", new))},
        triggers=USUAL.get(library, DEFAULT_TRIGGERS),
        level=level,
        library=library,
        budget=budget,
        python=str(Path(__file__).parents[2]),
        show_values=show_values,
        token=token,
    )
    adopt_orphans()
    before = set(descendants(os.getpid()))
    folder, lock = new_folder(), -1
    keeper = _start_keeper(folder, order, keep_folder=keep_folder)
    try:
        try:
            lock = make_folder(folder)
        except OSError as exc:
            raise CannotRehearse(f"cannot make a folder for the rehearsal ({exc.strerror})") from exc
        _copy(folder, plan, old, new)
        facts = _converse(keeper, order, say)
    finally:
        _end(keeper)
        _end_orphans(before)
        if keep_folder:
            with contextlib.suppress(OSError):
                keep(folder)
            kept(str(folder))
        else:
            remove(folder)
        if lock >= 0:
            os.close(lock)
    notes = facts.notes if level == "full" or isolate == "no" else (*facts.notes, f"isolation: {why}")
    return replace(facts, notes=notes)


def best_level() -> tuple[Level, str]:
    """What the kernel allows, and why it is not all; found out in a process that has one thread, as unshare(2) wants it."""
    command = [*interpreter(), "-m", "gate.rehearsal.stage.isolation"]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    try:
        done = processes.run(command, seconds=TRYING, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        done.check_returncode()
    except (OSError, subprocess.SubprocessError) as exc:
        return "none", f"it could not be tried: {exc}"
    said, _, reason = done.stdout.decode("utf-8", "replace").partition("\n")
    level: Level = next((each for each in WORDS if each == said), "none")
    return level, reason.strip()


def _level(isolate: Isolate) -> tuple[Level, str]:
    if isolate == "no":
        return "none", ""
    level, why = best_level()
    if isolate == "require" and level == "none":
        raise CannotRehearse(
            f"this kernel or container allows no namespaces ({why})",
            hint="--isolate=auto does with loopback and free ports",
        )
    return level, why


def _copy(folder: Path, plan: Plan, old: BinaryFacts, new: BinaryFacts) -> None:
    """Both images, and the files of the plan, into the folder.

    Raises:
        CannotRehearse: there is no room for them, or one has changed since it was read.
    """
    try:
        for name, facts in (("old", old), ("new", new)):
            shutil.copyfile(facts.path, folder / "images" / name)
        for name, path in plan.files.items():
            place = folder / "files" / name
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, place)
        shutil.copytree(folder / "files", folder / "work", dirs_exist_ok=True)
    except OSError as exc:
        raise CannotRehearse(
            f"cannot copy what is rehearsed ({exc.strerror}): {exc.filename2 or exc.filename}"
        ) from exc


def _start_keeper(folder: Path, order: Order, *, keep_folder: bool) -> subprocess.Popen[bytes]:
    """Start the process that ends everything and removes `folder`, before there is anything to end or to remove."""
    command = [
        *interpreter(),
        "-m",
        "gate.rehearsal.keeper",
        str(folder),
        order.level,
        "keep" if keep_folder else "remove",
    ]
    if order.level == "bubblewrap":
        command = in_bubblewrap(command)
    environment = {**os.environ, "PYTHONPATH": order.python}
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment)  # noqa: S603 - our own


def _converse(keeper: subprocess.Popen[bytes], order: Order, say: Callable[[str], None]) -> RehearsalFacts:
    """Tell the keeper what is to be done, and listen to it."""
    if keeper.stdin is None or keeper.stdout is None:
        raise AssertionError
    with contextlib.suppress(BrokenPipeError):  # one that was killed says nothing, which is told below
        keeper.stdin.write(json.encode(order) + b"\n")
        keeper.stdin.flush()
    for line in keeper.stdout:
        event: dict[str, Any] = json.decode(line)
        if event["event"] == "stage":
            say(event["what"])
        elif event["event"] == "problem":
            raise CannotRehearse(event["what"], hint=event["hint"])
        elif event["event"] == "bug":
            if os.environ.get("HOTGATE_DEBUG") == "1":
                sys.stderr.write(event["trace"])
            raise Bug(event["what"])
        elif event["event"] == "facts":
            return convert(event["facts"], RehearsalFacts, strict=False)
    raise CannotRehearse("the rehearsal was ended from outside", hint="nothing of it is left")


def _end(keeper: subprocess.Popen[bytes]) -> None:
    """Have the keeper end all, and itself."""
    if keeper.stdin is None or keeper.stdout is None:
        raise AssertionError
    with contextlib.suppress(OSError):
        keeper.stdin.close()  # its sign
    try:
        keeper.wait(GRACE)
    except subprocess.TimeoutExpired:
        keeper.kill()
        keeper.wait()
    keeper.stdout.close()


def _end_orphans(before: set[int]) -> None:
    """End what the keeper left, should it have been killed: its processes are then ours. Those of `before` are others'."""
    if not end_all(os.getpid(), without=before):
        raise CannotRehearse(f"{len(descendants(os.getpid(), before))} processes cannot be ended")
