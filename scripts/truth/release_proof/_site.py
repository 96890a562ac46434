"""A host to bring releases to: a repository with releases of the live service, good ones and bad ones, and a service that runs one of them."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gate.release import image
from gate.release.description import CheckVerdict
from gate.release.repository.adding import add_release
from gate.release.repository.keys import KeyRing
from gate.release.repository.making import make_repository
from gate.release.repository.store import Repository
from scripts.programs import live_service
from scripts.programs.gobuild import ROOT
from scripts.truth.hazards import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gate.release.description import Description

NAME = "orders"
PASSPHRASE = b"a proof's own"
RELEASES: dict[str, str | None] = {
    "1.0.0": None,
    "1.1.0": "better",
    "1.2.0": "unset",
    "1.3.0": "waits",
    "1.4.0": "failing",
    "1.5.0": "badstate",
}
"""Version -> variant of the live service: two good ones, and one each that crashes, hangs, fails its rules and is blocked."""
CRASHES, HANGS, FAILS, BLOCKED = "1.2.0", "1.3.0", "1.4.0", "1.5.0"
PATIENCE = 300.0
BOOT_SECONDS = 60.0

TABLE = """store = "{folder}/store.db"

[host.orders]
folder = "{folder}/srv"
repository = "{repository}"
root = "{repository}/metadata/1.root.json"
url = "http://127.0.0.1:{port}"
pid_file = "{folder}/pid"
trigger = "SIGUSR2"
ready = "http://127.0.0.1:{port}/orders"
within = "{within}"
keep = {keep}
{more}
"""
WATCH = """
[host.orders.watch]
within = "{within}"
baseline = "1m"

[[host.orders.watch.rule]]
name = "error rate"
kind = "ratio"
source = "expvar"
bad = "failures"
total = "requests"
times = 3.0
"""


class _Known:
    def known(self) -> Iterator[bytes]:
        yield PASSPHRASE

    def ask(self, file: str) -> bytes | None:
        del file
        return None


def build(folder: Path, goroot: Path, versions: tuple[str, ...] = tuple(RELEASES)) -> Path:
    """Build the releases into `folder / "images"`, and a repository of them, whose path is returned."""
    images, repository, keys = folder / "images", folder / "repository", folder / "keys"
    images.mkdir(parents=True, exist_ok=True)
    make_repository(repository, keys, PASSPHRASE, {}, {})
    for version in versions:
        out = images / version
        if not out.exists():
            live_service.build(out, goroot, RELEASES[version])
        add(repository, keys, out, version)
    return repository


def add(repository: Path, keys: Path, program: Path, version: str) -> None:
    """Add a release to a repository whose keys have our passphrase."""
    level, image.LEVEL = image.LEVEL, 1  # how small it is is not what is tried here
    try:
        with Repository.changing(repository) as found:
            add_release(found, KeyRing([keys], _Known()), program, name=NAME, version=version, judge=_judge, deltas=0)
    finally:
        image.LEVEL = level


def _judge(old: Path, new: Path, before: Description) -> CheckVerdict:
    """The verdict that the repository tells, which a host does not go by."""
    del old, new
    return CheckVerdict("pass", before.sha256, before.version, "0" * 64)


class Site:
    """One host: `srv` below its folder has the releases, `store.db` is the store."""

    def __init__(self, folder: Path, repository: Path, *, more: str = "", within: str = "20s", keep: int = 3) -> None:
        self.folder, self.repository = folder, repository
        self.srv = folder / "srv"
        self.port = free_port()
        self.log = folder / "service.log"
        self.config = folder / "hotgate.toml"
        self.configure(more=more, within=within, keep=keep)
        self._processes: list[subprocess.Popen[bytes]] = []

    def configure(self, *, more: str = "", within: str = "20s", keep: int = 3) -> None:
        """Write the host's table."""
        text = TABLE.format(
            folder=self.folder, repository=self.repository, port=self.port, within=within, keep=keep, more=more
        )
        self.config.write_text(text, "utf-8")

    def install(self, version: str, images: Path) -> None:
        """Have a release on the host that runs from the beginning, as a person would bring the first one."""
        where = self.srv / "releases" / version
        where.mkdir(parents=True)
        try:
            os.link(images / version, where / NAME)
        except OSError:
            shutil.copy2(images / version, where / NAME)
        (self.srv / "current").symlink_to(f"releases/{version}")

    def start(self, **env: str) -> int:
        """Start the service from `current`; its PID, once it answers."""
        path = str(self.srv / "current" / NAME)
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                [path, "-listen", f"127.0.0.1:{self.port}", "-next", path],
                cwd="/",
                stderr=log,
                env={**os.environ, "LIVE_REGION": "", **env},
            )
        self._processes.append(process)
        (self.folder / "pid").write_text(f"{process.pid}\n", "ascii")
        deadline = time.monotonic() + BOOT_SECONDS
        while time.monotonic() < deadline and process.poll() is None:
            with suppress(OSError):
                urllib.request.urlopen(f"http://127.0.0.1:{self.port}/orders", timeout=5).close()
                return process.pid
            time.sleep(0.02)
        raise AssertionError(self.log.read_text("utf-8", "replace"))

    def stop(self) -> None:
        """End the service, however it is."""
        for process in self._processes:
            process.kill()
            process.wait()
        self._processes.clear()

    def command(self, *words: str, config: str = "--config") -> list[str]:
        """`hotgate WORDS…` with this host's table; `words` begin with the command."""
        return [sys.executable, "-m", "gate", *words, config, str(self.config)]

    def environment(self) -> dict[str, str]:
        """Of a command on this host."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("HOTGATE_")}
        return {**inherited, "PYTHONPATH": str(ROOT), "HOME": str(self.folder)}

    def run(self, *words: str, config: str = "--config", **options: Any) -> tuple[int, str, str]:
        """Exit code, stdout and stderr of a command."""
        done = subprocess.run(
            self.command(*words, config=config),
            cwd=self.folder,
            env=self.environment(),
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE,
            **options,
        )
        return done.returncode, done.stdout, done.stderr

    def begin(self, *words: str) -> subprocess.Popen[str]:
        """A command that goes on meanwhile; its stdout is a pipe."""
        return subprocess.Popen(
            self.command(*words),
            cwd=self.folder,
            env=self.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def outcome(self, *words: str, **options: Any) -> dict[str, Any]:
        """What a command ends in, from its last line of JSON; one of `error` where it could not be begun."""
        code, out, err = self.run(*words, "--log", "json", **options)
        lines = out.splitlines()
        found: dict[str, Any] = json.loads(lines[-1]) if lines else {}
        if found.get("event") != "outcome":
            return {"exit_code": code, "error": err}
        if found["exit_code"] != code:
            raise AssertionError((code, found))
        return found

    # What there is

    def links(self) -> tuple[str, str]:
        """The versions that `current` and `previous` name; "" for no link."""
        return tuple(  # type: ignore[return-value]
            str((self.srv / name).readlink()).removeprefix("releases/") if (self.srv / name).is_symlink() else ""
            for name in ("current", "previous")
        )

    def runs(self) -> str:
        """The version whose file the service's process runs; "" where no process is left, "?" for another file."""
        try:
            pid = int((self.folder / "pid").read_text("ascii"))
            running = Path(f"/proc/{pid}/exe").stat()
        except (OSError, ValueError):
            return ""
        for each in (self.srv / "releases").iterdir():
            with suppress(OSError):
                if os.path.samestat((each / NAME).stat(), running):
                    return each.name
        return "?"

    def generation(self) -> int:
        """How many images goprobe has counted."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/debug/hotgate/status", timeout=300) as answer:
            found: int = json.load(answer)["image"]["generation"]
            return found

    def wrong(self, images: Path) -> list[str]:
        """What must not be, whatever was done to an operation: half images, links that lead nowhere, what runs and is not named."""
        found = []
        for name in ("current", "previous"):
            link = self.srv / name
            if link.is_symlink() and not (link / NAME).is_file():
                found.append(f"{name} leads nowhere: {link.readlink()}")
        current = self.links()[0]
        if current != self.runs():
            found.append(f"current names {current}, and {self.runs() or 'nothing'} runs")
        for each in (self.srv / "releases").iterdir():
            if each.name.startswith("."):
                found.append(f"left: {each.name}")
                continue
            image_file = each / NAME
            if not image_file.is_file() or image_file.read_bytes() != (images / each.name).read_bytes():
                found.append(f"releases/{each.name} is not whole")
        found += [f"left: {each.name}" for each in self.srv.iterdir() if each.name.endswith(".new")]
        return found

    def audit(self) -> str:
        """What is wrong with the audit log; "" for nothing."""
        done = subprocess.run(
            [sys.executable, "-m", "gate", "audit", "verify", "--store", str(self.folder / "store.db")],
            cwd=ROOT,
            env=self.environment(),
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE,
        )
        return "" if done.returncode == 0 else done.stdout + done.stderr


@contextmanager
def site(folder: Path, repository: Path, version: str = "1.0.0", *, before: str = "", **table: Any) -> Iterator[Site]:
    """A host whose service runs `version`, and ran `before`; the service is ended when the block ends."""
    folder.mkdir(parents=True, exist_ok=True)
    found = Site(folder, repository, **table)
    if before:
        found.install(before, repository.parent / "images")
        (found.srv / "current").rename(found.srv / "previous")
    found.install(version, repository.parent / "images")
    try:
        found.start()
        yield found
    finally:
        found.stop()


@contextmanager
def orders(port: int, pause: float = 0.01) -> Iterator[list[int]]:
    """Somebody who orders all the time; the list has the statuses of the answers, 0 for none."""
    import threading  # noqa: PLC0415 - here only

    statuses: list[int] = []
    ended = threading.Event()

    def go() -> None:
        request = urllib.request.Request(f"http://127.0.0.1:{port}/orders", data=b'[{"quantity":2,"unit_price":25}]')
        while not ended.wait(pause):
            try:
                with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - our own
                    statuses.append(answer.status)
            except OSError as exc:
                statuses.append(getattr(exc, "code", 0) or 0)

    threads = [threading.Thread(target=go, daemon=True) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        yield statuses
    finally:
        ended.set()
        for thread in threads:
            thread.join()


def killed_at(found: Site, stage: str, event: str, *words: str) -> bool:
    """Run a command and kill it with SIGKILL when `stage` has the event `begin` or `end`; whether it came to that."""
    process = found.begin(*words, "--log", "json")
    hit = False
    try:
        for line in process.stdout or ():
            said = json.loads(line)
            if (said.get("stage"), said.get("event")) == (stage, event):
                hit = True
                break
    finally:
        with suppress(ProcessLookupError):
            process.send_signal(signal.SIGKILL)
        process.communicate()
    return hit
