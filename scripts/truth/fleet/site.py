"""Hosts that are addresses of this machine, for playbooks as `hotgate fleet render` writes them."""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from gate.release import image
from gate.release.repository.adding import add_release
from gate.release.repository.keys import KeyRing
from gate.release.repository.making import make_repository
from gate.release.repository.store import Repository
from scripts.programs.gobuild import ROOT, GoBuild, host_arch
from scripts.truth.release_proof._site import PASSPHRASE, _judge, _Known

if TYPE_CHECKING:
    from types import TracebackType

COMPONENTS = ("database", "cache", "api", "gateway")
"""Each calls the one before it."""
OLD, NEW, BAD = "1.0.0", "1.1.0", "1.2.0"
"""BAD is one of `api` alone, which fails one request in three."""
SOURCE = ROOT / "testdata" / "services" / "chained"
PATIENCE = 120.0

PLAN = """name: shop
hosts: shop
batches: {batches}
observe: {observe}
forks: {forks}
components:
"""
TABLE = """
[host.{name}]
folder = "{folder}/{name}"
repository = "{repository}"
root = "{repository}/metadata/1.root.json"
url = "http://{address}:{port}"
pid_file = "{folder}/{name}.pid"
trigger = "SIGUSR2"
ready = "http://{address}:{port}/"
within = "60s"

[[sidecar.service]]
name = "{name}"
url = "http://{address}:{port}"
pid_file = "{folder}/{name}.pid"
counters = ["requests", "failures"]

[sidecar.service.watch]
within = "{within}"
baseline = "1m"

[[sidecar.service.watch.rule]]
name = "error rate"
kind = "ratio"
source = "expvar"
bad = "failures"
total = "requests"
times = 3.0
min_count = 3
"""
SIDECAR = """store = "{folder}/store.db"
audit = true

[sidecar]
listen = "{address}:{port}"
interval = "{interval}"
verdict_interval = "24h"
"""


def build(folder: Path, goroot: Path, components: tuple[str, ...] = COMPONENTS) -> Path:
    """Build all releases into `folder / "images"`, and a repository of them, whose path is returned."""
    images, repository, keys = folder / "images", folder / "repository", folder / "keys"
    images.mkdir(parents=True, exist_ok=True)
    make_repository(repository, keys, PASSPHRASE, {}, {})
    level, image.LEVEL = image.LEVEL, 1  # how small it is is not what is tried here
    try:
        with Repository.changing(repository) as found:
            for name in components:
                for version in (OLD, NEW, BAD) if name == "api" else (OLD, NEW):
                    out = images / f"{name}-{version}"
                    fault = "third" if version == BAD else ""
                    said = f"-X main.component={name} -X main.version={version} -X main.fault={fault}"
                    flags = ("-trimpath", "-buildvcs=false", f"-ldflags={said}")
                    GoBuild(goroot=goroot, source=SOURCE, goarch=host_arch(), flags=flags).run(out)
                    add_release(
                        found, KeyRing([keys], _Known()), out, name=name, version=version, judge=_judge, deltas=0
                    )
    finally:
        image.LEVEL = level
    return repository


class Host:
    """One host: its folder, its components, its sidecar."""

    def __init__(self, fleet: Fleet, number: int) -> None:
        self.fleet, self.name, self.address = fleet, f"h{number:02}", f"127.0.1.{number}"
        self.folder = fleet.folder / self.name
        self.config = self.folder / "hotgate.toml"
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.sidecar: subprocess.Popen[bytes] | None = None

    def port(self, name: str) -> int:
        """Where a component listens; `sidecar` for the sidecar."""
        return self.fleet.base + (*COMPONENTS, "sidecar").index(name)

    def install(self) -> None:
        """Have OLD of every component on the host, and its configuration."""
        self.folder.mkdir(parents=True)
        given = {"folder": self.folder, "address": self.address, "repository": self.fleet.repository}
        text = SIDECAR.format(**given, port=self.port("sidecar"), interval=self.fleet.interval)
        for name in self.fleet.components:
            text += TABLE.format(**given, name=name, port=self.port(name), within=self.fleet.within)
            where = self.folder / name / "releases" / OLD
            where.mkdir(parents=True)
            os.link(self.fleet.images / f"{name}-{OLD}", where / name)
            (self.folder / name / "current").symlink_to(f"releases/{OLD}")
        self.config.write_text(text, "utf-8")

    def start(self) -> None:
        """Start the components and the sidecar."""
        for index, name in enumerate(self.fleet.components):
            path = str(self.folder / name / "current" / name)
            argv = [path, "-listen", f"{self.address}:{self.port(name)}", "-next", path]
            if index:
                argv += ["-calls", f"http://{self.address}:{self.port(self.fleet.components[index - 1])}/"]
            with (self.folder / f"{name}.log").open("ab") as log:
                self.processes[name] = subprocess.Popen(argv, cwd="/", stderr=log, env=dict(os.environ))
            (self.folder / f"{name}.pid").write_text(f"{self.processes[name].pid}\n", "ascii")
        argv = [sys.executable, "-m", "gate", "sidecar", "--config", str(self.config)]
        with (self.folder / "sidecar.log").open("ab") as log:
            self.sidecar = subprocess.Popen(argv, cwd=self.folder, stderr=log, env=self.fleet.environment())

    def stop(self) -> None:
        """End everything on it."""
        for process in (*self.processes.values(), *([self.sidecar] if self.sidecar else [])):
            process.send_signal(signal.SIGKILL)
            process.wait()

    def get(self, name: str, path: str = "/") -> Any:
        """What a component or the sidecar answers."""
        with urllib.request.urlopen(f"http://{self.address}:{self.port(name)}{path}", timeout=300) as answer:
            return json.load(answer)

    def versions(self) -> tuple[str, ...]:
        """What really answers, the components in order: the last calls all before it."""
        found = {each["component"]: each["version"] for each in self.get(self.fleet.components[-1])}
        return tuple(found[name] for name in self.fleet.components)

    def operations(self, name: str) -> list[dict[str, Any]]:
        """Operations on a component, the oldest first, as the host's journal has them: applies and rollbacks, dry runs not."""
        journal = self.folder / name / ".hotgate" / "journal.jsonl"
        lines = [json.loads(line) for line in journal.read_text("utf-8").splitlines()] if journal.exists() else []
        grouped: dict[str, list[dict[str, Any]]] = {}
        for line in lines:
            grouped.setdefault(line["operation"], []).append(line)
        switched = [each for each in grouped.values() if any(line["stage"] == "switch" for line in each)]
        return [
            {
                "kind": each[0]["kind"],
                "begun": each[0]["at"],
                "ended": each[-1]["at"],
                "stages": [x["stage"] for x in each],
            }
            for each in switched
        ]

    def wrong(self) -> list[str]:
        """What must not be: an audit chain that does not hold, links that lead nowhere."""
        argv = [sys.executable, "-m", "gate", "audit", "verify", "--store", str(self.folder / "store.db")]
        done = subprocess.run(argv, cwd=ROOT, env=self.fleet.environment(), capture_output=True, text=True, check=False)
        found = [f"{self.name}: {done.stdout}{done.stderr}"] if done.returncode else []
        gone = [name for name in self.fleet.components if not (self.folder / name / "current" / name).is_file()]
        return found + [f"{self.name}: current of {name} leads nowhere" for name in gone]


class Fleet:
    """All hosts, as a context: they are started, and ended with all that runs on them."""

    def __init__(  # noqa: PLR0913 - keywords, one a fact
        self,
        folder: Path,
        repository: Path,
        hosts: int,
        *,
        components: tuple[str, ...] = COMPONENTS,
        batches: str = "[2, 10%, 100%]",
        observe: str = "",
        within: str = "",
        forks: int = 8,
    ) -> None:
        self.folder, self.repository, self.images = folder, repository, repository.parent / "images"
        self.components, self.batches, self.forks = components, batches, forks
        # Sidecars of many hosts would have no time for anything else on one machine.
        self.observe, self.interval = observe or ("10s" if hosts <= 8 else "20s"), "1s" if hosts <= 8 else "4s"
        self.within = within or self.observe  # of the watch's rules
        self.base = _free_base(hosts)
        self.hosts = [Host(self, number) for number in range(1, hosts + 1)]
        self.deploy = folder / "deploy"
        self.down: set[str] = set()
        self.left_out: set[str] = set()
        """Hosts that the inventory does not have."""

    def __enter__(self) -> Self:
        try:
            for host in self.hosts:
                host.install()
                host.start()
            with ThreadPoolExecutor(8) as pool:
                list(pool.map(self._wait, self.hosts))
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End everything."""
        for host in self.hosts:
            host.stop()

    def environment(self) -> dict[str, str]:
        """Of a command on a host."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("HOTGATE_", "ANSIBLE_"))}
        path = f"{Path(sys.executable).parent}:{inherited.get('PATH', os.defpath)}"
        return {**inherited, "PYTHONPATH": str(ROOT), "HOME": str(self.folder), "PATH": path}

    def plan(self, **versions: str) -> Path:
        """Write the plan; components that are not named go to NEW. The inventory is written with it."""
        text = PLAN.format(batches=self.batches, observe=self.observe, forks=self.forks)
        for index, name in enumerate(self.components):
            after = f", depends_on: [{self.components[index - 1]}]" if index else ""
            text += f"  - {{name: {name}, version: {versions.get(name, NEW)}{after}}}\n"
        (self.folder / "release.yaml").write_text(text, "utf-8")
        lines = ["[shop]"]
        for host in self.hosts:
            if host.name in self.left_out:
                continue
            how = "ansible_port=1 ansible_connection=ssh" if host.name in self.down else "ansible_connection=local"
            lines.append(
                f"{host.name} ansible_host={host.address} {how} hotgate_config={host.config} "
                f"hotgate_sidecar=http://{host.address}:{host.port('sidecar')}"
            )
        program = self.folder / "hotgate"
        program.write_text(f'#!/bin/sh\nexec {sys.executable} -m gate "$@"\n', "utf-8")
        program.chmod(0o755)
        lines += ["[shop:vars]", f"hotgate_program={program}", f"ansible_python_interpreter={sys.executable}"]
        (self.folder / "hosts.ini").write_text("\n".join(lines) + "\n", "utf-8")
        return self.folder / "release.yaml"

    def hotgate(self, *words: str) -> subprocess.CompletedProcess[str]:
        """`hotgate WORDS…` on the control host."""
        argv = [sys.executable, "-m", "gate", *words]
        return subprocess.run(
            argv, cwd=self.folder, env=self.environment(), capture_output=True, text=True, check=False
        )

    def render(self) -> None:
        """Write the playbooks."""
        words = ("fleet", "render", "release.yaml", "-i", "hosts.ini", "--engine", "ansible", "-o", "deploy")
        done = self.hotgate(*words)
        if done.returncode:
            raise AssertionError(done.stderr)

    def begin(self, *words: str) -> subprocess.Popen[str]:
        """`ansible-playbook WORDS…`, which goes on meanwhile."""
        env = self.environment() | {
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_HOME": str(self.folder / "ansible"),
            "LC_ALL": "C.UTF-8",
        }
        env |= {"ANSIBLE_HOST_KEY_CHECKING": "false", "ANSIBLE_ASYNC_DIR": str(self.folder / "async")}
        argv = [str(Path(sys.executable).with_name("ansible-playbook")), "-i", "../hosts.ini", *words]
        return subprocess.Popen(
            argv,
            cwd=self.deploy,
            env=env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def play(self, *words: str) -> tuple[int, str]:
        """Exit code and output of `ansible-playbook WORDS…`."""
        process = self.begin(*(words or ("site.yml",)))
        said, _ = process.communicate(timeout=3600)
        return process.returncode, said

    def versions(self) -> dict[str, tuple[str, ...]]:
        """What answers on each host."""
        return {host.name: host.versions() for host in self.hosts}

    def wrong(self) -> list[str]:
        """Of all hosts."""
        with ThreadPoolExecutor(4) as pool:
            return [each for found in pool.map(Host.wrong, self.hosts) for each in found]

    @staticmethod
    def _wait(host: Host) -> None:
        deadline = time.monotonic() + PATIENCE
        while True:
            with suppress(OSError, ValueError, KeyError):
                host.versions()
                services = host.get("sidecar", "/v1/services")["services"]
                if all(each["epoch"] for each in services):
                    return
            if time.monotonic() > deadline:
                raise AssertionError(
                    f"{host.name} does not answer: {(host.folder / 'sidecar.log').read_text('utf-8')[-2000:]}"
                )
            time.sleep(0.2)


class Load:
    """Somebody who asks the last component of every host in turn, as a context."""

    def __init__(self, fleet: Fleet, rate: float) -> None:
        self._fleet, self._pause = fleet, 1 / rate
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._go, daemon=True)
        self._pool = ThreadPoolExecutor(16)
        self.sent = 0
        self.lost: list[tuple[float, str, str]] = []
        """When (seconds since 1970), where, what."""

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()
        self._pool.shutdown()

    def _go(self) -> None:
        at = 0
        while not self._ended.wait(self._pause):
            self._pool.submit(self._ask, self._fleet.hosts[at % len(self._fleet.hosts)])
            at += 1

    def _ask(self, host: Host) -> None:
        self.sent += 1
        try:
            if len(host.get(self._fleet.components[-1])) != len(self._fleet.components):
                self.lost.append((time.time(), host.name, "an answer of another chain"))
        except urllib.error.HTTPError as exc:
            self.lost.append((time.time(), host.name, f"status {exc.code}"))
        except (OSError, ValueError) as exc:
            self.lost.append((time.time(), host.name, f"{type(exc).__name__}: {exc}"))


def _free_base(hosts: int) -> int:
    """Five ports in a row that are free on every address."""
    for _ in range(200):
        base = random.randrange(20_000, 30_000)  # noqa: S311 - no secret
        taken = []
        try:
            for number in range(1, hosts + 1):
                for port in range(base, base + len(COMPONENTS) + 1):
                    taken.append(socket.socket())
                    taken[-1].bind((f"127.0.1.{number}", port))
        except OSError:
            continue
        finally:
            for each in taken:
                each.close()
        return base
    raise AssertionError("no free ports")
