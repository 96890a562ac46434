"""A stand-in for systemd where none runs: units from a folder, socket activation, readiness and reloads as systemd.service(5) has them.

`systemd.py serve ROOT` is the manager, `systemd.py ctl ROOT WORDS…` is `systemctl`. It does what the examples need and nothing else.
"""

from __future__ import annotations

import configparser
import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

SECONDS = 60.0


class Unit:
    """One unit with its process and its sockets."""

    def __init__(self, manager: Manager, name: str) -> None:
        self.manager, self.name = manager, name
        parser = configparser.RawConfigParser(strict=False, comment_prefixes=("#", ";"), delimiters=("=",))
        parser.optionxform = str  # type: ignore[assignment, method-assign]
        text = (manager.root / "etc/systemd/system" / name).read_text("utf-8")
        parser.read_string(text)
        self.parts = {section: dict(parser[section]) for section in parser.sections()}
        self.process: subprocess.Popen[bytes] | None = None
        self.listener: socket.socket | None = None
        self.notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.notify.bind(str(manager.root / f"notify-{name}"))

    def words(self, key: str) -> list[str]:
        text = self.parts["Service"].get(key, "").replace("$MAINPID", str(self.pid))
        return shlex.split(text)

    @property
    def pid(self) -> int:
        if self.process is None or self.process.poll() is not None:
            return 0
        return self.process.pid

    def start(self) -> None:
        if self.name.endswith(".socket"):
            if self.listener is None:
                host, _, port = self.parts["Socket"]["ListenStream"].rpartition(":")
                self.listener = socket.create_server((host, int(port)))
            return
        if self.pid:
            return
        sockets = [
            self.manager.unit(each)
            for each in self.parts["Unit"].get("Requires", "").split()
            if each.endswith(".socket")
        ]
        for each in sockets:
            each.start()
        listeners = [each.listener.fileno() for each in sockets if each.listener is not None]
        env = {**os.environ, "NOTIFY_SOCKET": str(self.manager.root / f"notify-{self.name}")}
        env |= {"LISTEN_FDS": str(len(listeners))} if listeners else {}

        def take() -> None:
            for number, fd in enumerate(listeners, 3):
                os.dup2(fd, number)
                os.set_inheritable(number, True)

        with (self.manager.root / f"{self.name}.log").open("ab") as log:
            self.process = subprocess.Popen(
                ["sh", "-c", 'export LISTEN_PID=$$; exec "$@"', "sh", *self.words("ExecStart")],
                cwd="/",
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                preexec_fn=take,  # noqa: PLW1509 - this process has one thread
                close_fds=False,
            )
        if self.parts["Service"].get("Type", "simple").startswith("notify"):
            self.expect("READY=1")

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(SECONDS)
            self.process = None

    def reload(self) -> None:
        if self.parts["Service"].get("Type") == "notify-reload":
            os.kill(self.pid, signal.Signals[self.parts["Service"].get("ReloadSignal", "SIGHUP")])
            self.expect("RELOADING=1")
            self.expect("READY=1")
        else:
            subprocess.run(self.words("ExecReload"), check=True)

    def expect(self, wanted: str) -> None:
        deadline = time.monotonic() + SECONDS
        while time.monotonic() < deadline:
            self.notify.settimeout(0.2)
            try:
                if wanted in self.notify.recv(4096).decode().splitlines():
                    return
            except TimeoutError:
                if not self.pid:
                    raise RuntimeError(f"{self.name} ended before it said {wanted}") from None
        raise RuntimeError(f"{self.name} did not say {wanted}")


class Manager:
    """Takes orders at a socket, one at a time, and starts again what ends by itself."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.units: dict[str, Unit] = {}

    def unit(self, name: str) -> Unit:
        name = name if "." in name else f"{name}.service"
        if name not in self.units:
            self.units[name] = Unit(self, name)
        return self.units[name]

    def serve(self) -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as server:
            server.bind(str(self.root / "control"))
            server.listen(8)
            server.settimeout(0.1)
            while True:
                try:
                    connection, _ = server.accept()
                except TimeoutError:
                    self._supervise()
                    continue
                with connection, connection.makefile("rw") as file:
                    try:
                        answer = {"out": self.obey(json.loads(file.readline())), "code": 0}
                    except Exception as exc:  # noqa: BLE001 - the client is told
                        answer = {"out": f"{exc}\n", "code": 1}
                    file.write(json.dumps(answer) + "\n")

    def _supervise(self) -> None:
        for each in list(self.units.values()):
            ended = each.process is not None and each.process.poll()
            if ended and each.parts["Service"].get("Restart") == "on-failure":
                each.start()

    def obey(self, words: list[str]) -> str:
        verb, rest = words[0], [word for word in words[1:] if not word.startswith("-")]
        if verb == "daemon-reload":
            return ""
        if verb == "show":
            return f"{self.unit(rest[0]).pid}\n"
        if verb == "restart":
            self.unit(rest[0]).stop()
        for name in rest:
            unit = self.unit(name)
            {
                "start": unit.start,
                "enable": unit.start,
                "restart": unit.start,
                "stop": unit.stop,
                "reload": unit.reload,
            }[verb]()
        return ""


def main() -> int:
    root = Path(sys.argv[2])
    if sys.argv[1] == "serve":
        Manager(root).serve()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.connect(str(root / "control"))
        with client.makefile("rw") as file:
            file.write(json.dumps(sys.argv[3:]) + "\n")
            file.flush()
            answer = json.loads(file.readline())
    (sys.stderr if answer["code"] else sys.stdout).write(answer["out"])
    return int(answer["code"])


if __name__ == "__main__":
    sys.exit(main())
