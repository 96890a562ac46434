"""The service on its stage: it is started, asked, told to update, watched and ended."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import subprocess
import time
from typing import TYPE_CHECKING

from msgspec import Struct

from gate.rehearsal.plan.addresses import filled, ports_named
from gate.rehearsal.problem import CannotRehearse
from gate.rehearsal.stage.isolation import die_with_parent
from gate.rehearsal.stage.ports import free_ports
from gate.rehearsal.stage.processes import Process, descendants, end_all, holders, listeners, reap, resident
from gate.rehearsal.stage.target import ASK_TIMEOUT, Target, planned
from gate.rehearsal.stage.target import found as found_at
from gate.rehearsal.stage.tcp import ESTABLISHED, inode_of_peer, tcp_sockets

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable
    from pathlib import Path

    from gate.rehearsal.plan.model import Plan
    from gate.rehearsal.stage.images import Images
    from gate.rehearsal.stage.processes import Identity

LOG_TAIL = 400
ALWAYS = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"}
LOOK = 0.25
"""Seconds from one look at the limits to the next."""


class Answer(Struct, frozen=True):
    """What came of one question on a connection of its own.

    `status` is 0 where no HTTP was spoken; `pid` and `image` of the process that has the connection, where that was seen in time.
    """

    at: float
    good: bool
    status: int
    pid: int | None
    image: Identity | None


class Service:
    """One service. Its processes are those below this one, without the rehearsal's own helpers."""

    def __init__(self, folder: Path, plan: Plan, images: Images, *, shared_network: bool) -> None:
        self.folder, self.plan, self.images = folder, plan, images
        self.helpers: set[int] = set()
        self.ended: dict[int, int] = {}
        self.started = 0
        self._shared = shared_network
        self._looked = 0.0
        self.log = folder / "service.log"
        self.values = {"binary": str(images.path), "dir": str(folder / "work")}
        self.values |= {name: str(port) for name, port in free_ports(ports_named(plan.texts)).items()}
        self.target: Target | None = planned(plan, self.values)

    # Its processes

    def processes(self) -> dict[int, Process]:
        """All of them, by PID.

        Raises:
            CannotRehearse: they use more than the plan lets them.
        """
        self.ended |= reap()
        found = descendants(os.getpid(), self.helpers)
        now = time.monotonic()
        if now - self._looked > LOOK:
            self._looked = now
            limits = self.plan.limits
            if len(found) > limits.processes:
                raise CannotRehearse(
                    f"the service has {len(found)} processes, and rehearsal.limits.processes is {limits.processes}"
                )
            if (used := resident(found)) > limits.memory:
                raise CannotRehearse(
                    f"the service uses {used / 1e6:,.0f} MB, and rehearsal.limits.memory is {limits.memory / 1e6:,.0f} MB"
                )
        return found

    def start(self) -> float:
        """Start the image at the path, and return once it is ready: the seconds that it took.

        Raises:
            CannotRehearse: it did not get ready, or listens where others can reach it.
        """
        begun = time.monotonic()
        command = [filled(part, self.values) for part in self.plan.command] or [self.values["binary"]]
        where = self.folder / "work" / self.plan.folder
        where.mkdir(parents=True, exist_ok=True)
        seen = self.log.stat().st_size if self.log.exists() else 0
        try:
            with self.log.open("ab") as log:
                process = subprocess.Popen(  # noqa: S603 - what it was told to run; this process has one thread
                    command,
                    cwd=where,
                    env=self._environment(),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                    preexec_fn=self._limit,  # noqa: PLW1509 - this process has one thread
                )
        except OSError as exc:
            raise CannotRehearse(f"the service does not start ({exc.strerror}): {command[0]}") from exc
        self.started = process.pid
        self._wait_ready(process.pid, begun, seen)
        if self._shared:
            open_to_all = [row for row in listeners(self.processes()) if not row.on_loopback]
            if open_to_all:
                raise CannotRehearse(
                    f"the service listens on port {open_to_all[0].port} of more than loopback, and there is no network namespace",
                    hint="have it listen on 127.0.0.1, or pass --isolate=require on a machine that allows namespaces",
                )
        return time.monotonic() - begun

    def _wait_ready(self, pid: int, begun: float, seen: int) -> None:
        while True:
            if not self.processes():
                raise CannotRehearse(f"the service {self._how_ended(pid)} before it was ready{self._last_words()}")
            if self._is_ready(seen):
                return
            if time.monotonic() - begun > self.plan.within:
                raise CannotRehearse(
                    f"the service was not ready within {self.plan.within:g} s; {self.target.in_words() if self.target is not None else 'it does not listen'}{self._last_words()}",
                    hint="rehearsal.ready says how that is seen: an address that answers 2xx or 3xx, tcp, or log: and a part of a line",
                )
            time.sleep(0.02)

    def _is_ready(self, seen: int) -> bool:
        text = self.plan.ready
        if text.startswith("log:"):
            with self.log.open("rb") as log:
                log.seek(seen)
                said = text.removeprefix("log:").strip().encode() in log.read(16 << 20)
            return said and (self.target is not None or self._find_target())
        if self.target is None and not self._find_target():
            return False
        answer = self.ask()
        return answer is not None and answer.good

    def _find_target(self) -> bool:
        """Look for the address where it listens, of a service whose plan does not say."""
        found = sorted(listeners(self.processes()), key=lambda row: row.port)
        if found:
            self.target = found_at(found[0].port)
        return bool(found)

    def _how_ended(self, pid: int) -> str:
        status = self.ended.get(pid)
        if status is None:
            return "ended"
        code = os.waitstatus_to_exitcode(status)
        return f"exited with {code}" if code >= 0 else f"was killed by {signal.Signals(-code).name}"

    def _last_words(self) -> str:
        """The last line that it wrote, for the person who has to put it right; it goes into no report."""
        with contextlib.suppress(OSError), self.log.open("rb") as log:
            log.seek(max(self.log.stat().st_size - LOG_TAIL, 0))
            lines = log.read().decode("utf-8", "replace").strip().splitlines()
            return f": {lines[-1][:200]}" if lines else ""
        return ""

    def _environment(self) -> dict[str, str]:
        found = ALWAYS | {"HOME": self.values["dir"], "TMPDIR": self.values["dir"]}
        found |= {name: os.environ[name] for name in self.plan.inherit if name in os.environ}
        return found | {name: filled(text, self.values) for name, text in self.plan.environment.items()}

    def _limit(self) -> None:
        """In the child, before the service: no core files, none that is too large, and no life beyond ours."""
        die_with_parent()
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
        most = self.plan.limits.file if hard == resource.RLIM_INFINITY else min(self.plan.limits.file, hard)
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))

    # Questions

    def ask(self, timeout: float = ASK_TIMEOUT) -> Answer | None:
        """Ask on a connection of its own, and see who has it; None when nobody answers."""
        if self.target is None:
            return None
        try:
            with self.target.connect(timeout) as connection:
                status = self.target.status(connection)
                at = time.monotonic()
                pid, image = self._holder(connection, 0.0 if self.target.path else timeout)
        except OSError:
            return None
        if self.target.path:
            return None if status == 0 else Answer(at, 200 <= status < 400, status, pid, image)
        return None if pid is None else Answer(at, good=True, status=0, pid=pid, image=image)

    def ask_many(self, number: int) -> list[Answer]:
        """Ask on `number` connections that are open at the same time; those that were answered."""
        found = []
        with contextlib.ExitStack() as stack, contextlib.suppress(OSError):
            if self.target is None:
                return []
            every = [stack.enter_context(self.target.connect()) for _ in range(number)]
            for connection in every:
                status = self.target.status(connection)
                pid, image = self._holder(connection, 0.0 if self.target.path else 0.2)
                found.append(Answer(time.monotonic(), 200 <= status < 400, status, pid, image))
        return found

    def accepts_without(self, stopped: set[int], patience: float = 1.0) -> bool:
        """Whether somebody accepts a connection while the processes `stopped` stand still."""
        if self.target is None:
            return False
        try:
            for pid in stopped:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGSTOP)
            with self.target.connect() as connection:
                return self._holder(connection, patience)[0] not in (stopped | {None})
        except OSError:
            return False
        finally:
            for pid in stopped:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)

    def listening(self, pids: set[int]) -> bool:
        """Whether one of `pids` has the service's listening socket open."""
        return self.target is not None and any(row.port == self.target.port for row in listeners(pids))

    def _holder(self, connection: socket.socket, patience: float) -> tuple[int | None, Identity | None]:
        """The process that has accepted the other end of `connection`, and the image that it runs."""
        deadline = time.monotonic() + patience
        while True:
            if inode := inode_of_peer(connection):
                processes = self.processes()
                found = holders(inode, [pid for pid, each in processes.items() if each.alive])
                if found:
                    return found[0], processes[found[0]].image
            if time.monotonic() >= deadline:
                return None, None
            time.sleep(0.005)

    def connected(self, pids: set[int]) -> set[int]:
        """Those of `pids` that have established connections of the service's port."""
        inodes = self._accepted()
        return {pid for pid in pids for inode in inodes if holders(inode, [pid])}

    def connections(self) -> int:
        """How many established connections of its port it has."""
        return len(self._accepted())

    def _accepted(self) -> list[int]:
        """The inodes of the established connections of its port that somebody has accepted."""
        if self.target is None:
            return []
        return [row.inode for row in tcp_sockets(ESTABLISHED) if row.port == self.target.port and row.inode]

    # What is done to it

    def main_process(self) -> int | None:
        """The process that is told to update: the topmost one above whoever answers."""
        processes = {pid: each for pid, each in self.processes().items() if each.alive}
        answer = self.ask()
        pid = answer.pid if answer is not None and answer.pid in processes else None
        if pid is None:
            roots = [pid for pid, each in processes.items() if each.parent not in processes]
            return min(roots, default=None)
        while processes[pid].parent in processes:
            pid = processes[pid].parent
        return pid

    def trigger(self, sent: str | tuple[str, ...], pid: int) -> None:
        """Tell the service to update.

        Raises:
            CannotRehearse: the command that tells it fails.
        """
        if isinstance(sent, str):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.Signals[sent])
            return
        command = [filled(part, self.values | {"pid": str(pid)}) for part in sent]
        before = set(self.helpers)
        try:
            with self.log.open("ab") as log:
                process = subprocess.Popen(  # noqa: S603 - the plan's
                    command,
                    cwd=self.folder / "work",
                    env=self._environment() | {"PID": str(pid)},
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                )
            self.helpers.add(process.pid)
            code = process.wait(self.plan.within)
        except (OSError, subprocess.TimeoutExpired) as exc:
            raise CannotRehearse(f"the trigger cannot be run ({exc}): {command[0]}") from exc
        finally:
            self.helpers = before
        if code != 0:
            raise CannotRehearse(f"the trigger exited with {code}: {command[0]}{self._last_words()}")

    def wait_for(self, condition: Callable[[], bool], seconds: float, step: float = 0.02) -> bool:
        """Whether `condition` came true within `seconds`."""
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                return False
            time.sleep(step)
        return True

    def end(self) -> None:
        """End all its processes."""
        for _ in range(500):
            found = self.processes()
            if not found:
                return
            for pid in found:
                with contextlib.suppress(OSError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.02)
        raise CannotRehearse("processes of the service cannot be ended")


def end_everything() -> None:
    """End every process below this one."""
    end_all(os.getpid())
