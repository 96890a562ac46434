"""Verdicts on the services that are polled: asked for, they are in the audit log before they are answered."""

from __future__ import annotations

import asyncio
import hashlib
import os
import stat
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import MsgspecError, Struct
from msgspec.json import decode

from gate.policy.environment import OTHERS
from gate.report.models.report import Report
from gate.report.text.parts import split
from gate.runs.service import probe
from gate.sidecar.polling.poll import LIMITS
from gate.sidecar.verdicts.allowance import EVERY, Allowance
from gate.store import samples, verdicts
from gate.store.entry import of_report
from probes.errors import ProbeError
from probes.live.facts import LiveFacts
from probes.live.gathering import Asked, gather
from probes.live.proc.pid_file import read_pid
from probes.live.topics import TOPICS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from gate.policy.model import Policy
    from gate.report.models.report import EvidenceItem, FindingItem
    from gate.sidecar.config.model import ServiceConfig, SidecarConfig
    from gate.store.chain import Record
    from gate.store.database import Database

AT_ONCE = 4
"""Verdicts that are worked on at the same time; comparisons of binaries, which take hundreds of MB: one."""

WAITING = 16
COMPARISONS = 8
"""Of those that wait: a comparison may take two minutes, and an answer on a service as it is need not wait for them."""

CHECK_SECONDS = 120.0
MAX_REPORT = 64 << 20
MAX_SAID = 4096

NOT_INHERITED = {*OTHERS, "HOTGATE_STORE", "NOTIFY_SOCKET", "WATCHDOG_PID", "WATCHDOG_USEC"} - {"HOTGATE_DEBUG"}
"""Of the environment, by a comparison: what would choose other inputs than the configuration, carry a token to a service that
has none, or show the store's password. What sets parts of the policy stays: the sidecar's has the same."""


class Unanswerable(Exception):
    """A question that cannot be answered as it was put; `status` is the HTTP status that says so."""

    def __init__(self, status: int, code: str, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.hint = hint


class Answer(Struct, frozen=True):
    """A verdict, and the record of it in the audit log."""

    service: str
    report: Report
    record: Record


class Judge:
    """Asks services and compares binaries, a few at a time."""

    def __init__(self, database: Database, config: Callable[[], SidecarConfig], policy: Callable[[], Policy]) -> None:
        self._database = database
        self._config = config
        self._policy = policy
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._comparing = asyncio.Semaphore(1)
        self._asked = 0
        self._compared = 0
        self._allowance = Allowance()
        # Appends are made one after the other anyway; a thread of their own does not wait for the polls' batches.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="audit")

    async def standing(self, service: ServiceConfig) -> Report:
        """The verdict on a service as it is now, for showing: it is not kept."""
        async with self._slots:
            policy = self._policy()
            return await asyncio.to_thread(probe, policy, _given(await self._ask(service, policy)))

    async def answer(self, service: ServiceConfig, new: str = "") -> Answer:
        """The verdict on updating a service, whatever the update is, or to the file `new`; kept before it is given.

        Raises:
            Unanswerable: too many ask, or `new` is not one of the releases.
            StoreError: it could not be kept.
        """
        if not self._allowance.take(service.name):
            hint = (
                f"one in {EVERY:g} s is given; the service's page and /v1/services show the last look without a record"
            )
            raise Unanswerable(
                429, "too_many_requests", f"too many verdicts on {service.name} are asked for", hint=hint
            )
        if new:
            release(new, self._config().releases)  # what is refused anyway does not wait for that
        async with self._turn(bool(new)):
            # Not before: a reload may come while it waits, and what the log names must be what it was judged by.
            config, policy = self._config(), self._policy()
            if new:
                self._as_loaded(config, policy)
                report = await self._compare(service, release(new, config.releases), policy)
                self._as_loaded(config, policy)
            else:
                report = await asyncio.to_thread(probe, policy, _given(await self._ask(service, policy)))
            record = await asyncio.get_running_loop().run_in_executor(
                self._thread, self._keep, service, report, policy, bool(new)
            )
        return Answer(service.name, report, record)

    @asynccontextmanager
    async def _turn(self, compared: bool) -> AsyncIterator[None]:
        if self._asked >= WAITING:
            raise Unanswerable(429, "too_many_requests", f"more than {WAITING} verdicts are being asked for")
        if compared and self._compared >= COMPARISONS:
            raise Unanswerable(429, "too_many_requests", f"more than {COMPARISONS} comparisons are being asked for")
        self._asked += 1
        self._compared += compared
        try:
            # In this order: a comparison that waits for another one takes no place of those who need none.
            async with self._comparing if compared else nullcontext(), self._slots:
                yield
        finally:
            self._asked -= 1
            self._compared -= compared

    def _as_loaded(self, config: SidecarConfig, policy: Policy) -> None:
        """The comparison reads the file again: what it judges by must be what the audit log will say, the policy in effect."""
        try:
            same = self._config() is config and self._policy() is policy
            same = same and hashlib.sha256(Path(config.source).read_bytes()).hexdigest() == config.sha256
        except OSError:
            same = False
        if not same:
            hint = "send SIGHUP, and look whether its log says that the configuration stays as it was"
            raise Unanswerable(503, "not_loaded", "the configuration was changed and is not in effect", hint=hint)

    def _keep(self, service: ServiceConfig, report: Report, policy: Policy, compared: bool) -> Record:
        inputs = {"policy": policy.source}
        entry = of_report("check" if compared else "probe", report, policy, subject=service.name, inputs=inputs)
        ids = samples.service_ids(self._database, [(service.name, service.url)])
        return verdicts.keep(self._database, entry, service_id=ids[service.name])

    @staticmethod
    async def _ask(service: ServiceConfig, policy: Policy) -> LiveFacts:
        live = policy.live
        asked = Asked(
            url=service.url,
            token=service.token,
            in_flight=live.in_flight,
            in_flight_limit=live.in_flight_limit,
            seconds=service.timeout,
            start=service.profile,
            limits=LIMITS,
        )
        try:
            return await gather(asked)
        except ProbeError as exc:  # the token is wrong: nothing is known, which is inconclusive and no bug
            return LiveFacts(url=service.url, missing=dict.fromkeys(TOPICS, exc.what))

    @staticmethod
    async def _compare(service: ServiceConfig, new: str, policy: Policy) -> Report:
        """`hotgate check` in a process of its own: what it needs of memory and of the interpreter is not the polls'."""
        argv = [sys.executable, "-m", "gate", "check", *_old(service), new, "--live", service.url]
        argv += ["--format", "json", "--no-audit", "--exit-zero", "--timeout", f"{service.timeout:.1f}s"]
        argv += ["--policy", policy.source] if policy.source else []
        argv += ["--token-file", service.token_file] if service.token_file else []
        argv += [] if service.profile else ["--no-cpu-profile"]
        process = await asyncio.create_subprocess_exec(
            *argv,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={name: value for name, value in os.environ.items() if name not in NOT_INHERITED},
        )
        try:
            async with asyncio.timeout(CHECK_SECONDS):
                said, complained = await asyncio.gather(
                    _read(process.stdout, MAX_REPORT), _read(process.stderr, MAX_SAID)
                )
                code = await process.wait()
        except TimeoutError as exc:
            raise Unanswerable(422, "too_slow", f"the comparison took more than {CHECK_SECONDS:.0f} s") from exc
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        try:
            if code == 0:
                return decode(said, type=Report)
        except (MsgspecError, ValueError) as exc:
            raise Unanswerable(422, "unreadable", "the comparison gave no report") from exc
        lines = complained.decode("utf-8", "replace").splitlines() or ["error: the comparison failed"]
        hint = lines[1].removeprefix("hint: ") if len(lines) > 1 else ""
        raise Unanswerable(422, "unreadable", lines[0].removeprefix("error: "), hint=hint)

    def close(self) -> None:
        """Let the last append end."""
        self._thread.shutdown(wait=True)


def _given(facts: LiveFacts) -> Callable[[], LiveFacts]:
    return lambda: facts


async def _read(stream: asyncio.StreamReader | None, limit: int) -> bytes:
    """All of `stream`, of which `limit` bytes are kept: the writer must not be held up."""
    out = bytearray()
    while stream is not None and (piece := await stream.read(1 << 16)):
        out += piece[: max(0, limit - len(out))]
    return bytes(out)


def _old(service: ServiceConfig) -> list[str]:
    """What names OLD on the command line of `check`, and the process, if it is one of this host."""
    process: list[str] = []
    if service.pid_file:
        try:
            process = ["--pid", str(read_pid(service.pid_file))]
        except OSError as exc:
            raise Unanswerable(422, "no_process", f"cannot read the PID file of {service.name}") from exc
        except ValueError as exc:
            raise Unanswerable(422, "no_process", f"the PID file of {service.name} holds no number") from exc
    if not service.old and not process:
        hint = "set `old` or `pid_file` of the service"
        raise Unanswerable(422, "no_old", f"it is not configured what {service.name} runs", hint=hint)
    return [*process, *([service.old] if service.old else [])]


def release(new: str, folders: tuple[str, ...]) -> str:
    """The real path of `new`, which must be a file below one of `folders`.

    Raises:
        Unanswerable: it is not; whether there is such a file elsewhere is not told.
    """
    refused = Unanswerable(
        403, "not_a_release", "NEW is not below one of sidecar.releases", hint="name a file there by its absolute path"
    )
    if "\0" in new or not new.startswith("/") or len(new) > 4096:
        raise refused
    try:
        real = os.path.realpath(new, strict=True)
        regular = stat.S_ISREG(os.stat(real).st_mode)  # noqa: PTH116 - of the path that was just resolved
    except (OSError, ValueError) as exc:
        raise refused from exc
    inside = any(os.path.commonpath([real, os.path.realpath(folder)]) == os.path.realpath(folder) for folder in folders)
    if not (inside and regular):
        raise refused
    return real


def reasons(report: Report, limit: int = 10) -> list[str]:
    """What decided the verdict, in words."""
    findings, gaps = decisive(report)
    found = [f"{each.rule}: {each.message}" for each in findings] + [f"{each.name}: {each.reason}" for each in gaps]
    return found[:limit]


def decisive(report: Report) -> tuple[list[FindingItem], list[EvidenceItem]]:
    """The findings, and the evidence that is missing, by which the verdict is what it is."""
    parts = split(report)
    if report.verdict == "inconclusive":
        return parts.doubts, parts.gaps
    return parts.blocking, []
