"""A web server for one repository on this host. It is for trying out: no TLS, no limits beyond Python's."""

from __future__ import annotations

import re
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from gate.release.errors import ReleaseError

if TYPE_CHECKING:
    from pathlib import Path

HOST = "127.0.0.1"
_SERVED = re.compile(r"/(?:metadata/(?:\d+\.)?[a-z]+\.json|targets/(?:[\w.+~-]+/){0,2}[0-9a-f]{64}\.[\w.-]+)")


class Server(ThreadingHTTPServer):
    """Serves the files of a repository, those that readers ask for and no others, on 127.0.0.1."""

    daemon_threads = True

    def __init__(self, folder: Path, port: int, *, quiet: bool = False) -> None:
        """Listen on `port`, on a free one for 0.

        Raises:
            ReleaseError: there is no repository in `folder`.
            OSError: the port is taken.
        """
        if not (folder / "metadata" / "timestamp.json").is_file():
            raise ReleaseError(
                "missing", "no repository there", subject=str(folder), hint=f"hotgate release init {folder}"
            )
        super().__init__((HOST, port), partial(_Handler, directory=str(folder), quiet=quiet))

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://{HOST}:{self.server_address[1]}"


class _Handler(SimpleHTTPRequestHandler):
    timeout = 60

    def __init__(self, *arguments: Any, quiet: bool, **more: Any) -> None:
        self._quiet = quiet
        super().__init__(*arguments, **more)

    def send_head(self) -> Any:
        if not _SERVED.fullmatch(self.path):
            self.send_error(404)
            return None
        return super().send_head()

    def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002 - its name there
        if not self._quiet:
            super().log_message(format, *arguments)
