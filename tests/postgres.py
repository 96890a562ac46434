"""A PostgreSQL server of the tests' own, in a temporary directory, on a socket in it."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Iterator

PATIENCE = 300.0
HINT = "no PostgreSQL server: apt-get install postgresql"


def programs() -> Path | None:
    """The newest folder with `initdb` and `postgres`: Debian keeps them off PATH. None without one."""
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda folder: float(folder.parent.name))
    found = shutil.which("initdb")
    folders = [*reversed(debian), *([Path(found).resolve().parent] if found else [])]
    return next((folder for folder in folders if (folder / "initdb").exists()), None)


def _owner() -> tuple[int, int] | None:
    """The user who may run a server: PostgreSQL refuses root. None: whoever we are."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return entry.pw_uid, entry.pw_gid
    raise RuntimeError("neither postgres nor nobody is a user here")


class Server:
    """A running server."""

    def __init__(self, folder: Path, binaries: Path) -> None:
        self.folder = folder
        self._binaries = binaries
        self._owner = _owner()
        self.process: subprocess.Popen[bytes] | None = None
        self._made = 0

    def _user(self) -> dict[str, int]:
        return {} if self._owner is None else {"user": self._owner[0], "group": self._owner[1]}

    def initialise(self) -> None:
        if self._owner is not None:
            os.chown(self.folder, *self._owner)
        argv = [
            self._binaries / "initdb",
            "-D",
            self.folder / "data",
            "-U",
            "hotgate",
            "-A",
            "trust",
            "-E",
            "UTF8",
            "-N",
        ]
        subprocess.run(argv, check=True, capture_output=True, cwd="/", **self._user())  # type: ignore[call-overload]

    def start(self) -> None:
        log = (self.folder / "log").open("ab")
        settings = {"listen_addresses": "", "unix_socket_directories": self.folder, "shared_buffers": "16MB"}
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        argv = [self._binaries / "postgres", "-D", self.folder / "data", *options]
        with log:
            self.process = subprocess.Popen(argv, stdout=log, stderr=log, cwd="/", **self._user())  # type: ignore[call-overload]
        deadline = time.monotonic() + PATIENCE
        while subprocess.run([self._binaries / "pg_isready", "-q", "-h", self.folder], check=False).returncode:
            if time.monotonic() > deadline or self.process.poll() is not None:
                raise RuntimeError((self.folder / "log").read_text("utf-8", "replace")[-2000:])
            time.sleep(0.05)

    def stop(self, how: int = signal.SIGINT) -> None:
        if self.process is not None:
            self.process.send_signal(how)
            self.process.wait(PATIENCE)
            self.process = None

    def sql(self, statement: str, database: str = "postgres") -> str:
        argv = ["psql", "-XAtq", "-h", self.folder, "-U", "hotgate", "-d", database, "-v", "ON_ERROR_STOP=1"]
        argv[0] = str(self._binaries / "psql")
        return subprocess.run([*argv, "-c", statement], check=True, capture_output=True, text=True).stdout.strip()

    def url(self, database: str, user: str = "hotgate") -> str:
        return f"postgresql+psycopg://{user}@/{database}?host={quote(str(self.folder))}"

    def new_database(self) -> str:
        """The URL of an empty database."""
        self._made += 1
        name = f"t{self._made}"
        self.sql(f"CREATE DATABASE {name}")
        return self.url(name)


@contextmanager
def running() -> Iterator[Server]:
    """A server that is gone afterwards.

    Raises:
        FileNotFoundError: PostgreSQL is not installed.
    """
    binaries = programs()
    if binaries is None:
        raise FileNotFoundError(HINT)
    folder = Path(tempfile.mkdtemp(prefix="hotgate-pg-"))
    server = Server(folder, binaries)
    try:
        server.initialise()
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)
