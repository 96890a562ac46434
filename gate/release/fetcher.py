"""How files come from a repository: bounded in size and time, from https, from http on this host, or from a folder.

Everything that is read here is signed, and held against its signature afterwards by `tuf`. What a signature does not keep away is an
answer without an end, or one of a byte a second: each file has one deadline, which its greatest size gives.
"""

from __future__ import annotations

import ipaddress
import os
import re
import stat
import tempfile
import time
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING
from urllib.parse import quote, unquote, urlsplit

from tuf.api.exceptions import DownloadError, DownloadHTTPError, DownloadLengthMismatchError, SlowRetrievalError
from tuf.ngclient.fetcher import FetcherInterface

from gate.release.errors import ReleaseError
from probes.live.plain_httpx import httpx
from probes.live.trust import trusted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

PIECE = 256 << 10
GRACE_SECONDS = 20.0
"""What any file may take, whatever its size."""

LEAST_SPEED = 32 << 10
"""Bytes a second that a large file has to come with, on average."""

SILENT_SECONDS = 10.0
MAX_REDIRECTS = 3
NOT_FOUND = 404
_BLANK = re.compile(r"[\s\x00-\x20\x7f]")


def base_url(place: str) -> str:
    """The URL of the repository at `place`, a URL or a folder, without a slash at its end.

    Raises:
        ReleaseError: it is none that is taken.
    """
    hint = "https://host/path, http://127.0.0.1:8080 on this host, file:///path, or a folder"
    if not re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", place):
        if not place:
            raise ReleaseError("setting", "no repository was named", hint=hint)
        return "file://" + quote(os.path.abspath(place)).rstrip("/")  # noqa: PTH100 - links in it stay as they are
    shown = _BLANK.sub("…", re.sub(r"[?#].*", "…", re.sub(r"//[^/@]*@", "//…@", place), flags=re.DOTALL))[:200]
    try:
        parts = urlsplit(place)
        port = parts.port
    except ValueError as exc:
        raise ReleaseError("setting", "not a repository's URL", subject=shown, hint=hint) from exc
    if parts.scheme not in ("http", "https", "file") or parts.username is not None or _BLANK.search(place):
        raise ReleaseError("setting", "not a repository's URL", subject=shown, hint=hint)
    if parts.query or parts.fragment or port == 0:
        raise ReleaseError("setting", "a repository's URL has no query and no fragment", subject=shown, hint=hint)
    if parts.scheme == "file":
        if parts.hostname not in (None, "localhost"):
            raise ReleaseError("setting", "a file URL names no host", subject=shown, hint=hint)
        return "file://" + parts.path.rstrip("/")
    if not parts.hostname:
        raise ReleaseError("setting", "not a repository's URL", subject=shown, hint=hint)
    if parts.scheme == "http" and not _is_loopback(parts.hostname):
        raise ReleaseError(
            "setting", "http is for this host only", subject=shown, hint="put the repository behind https"
        )
    return place.rstrip("/")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class Fetcher(FetcherInterface):
    """Files of one repository, for `tuf`. `progress` is called with the bytes of a file that are there, and of all."""

    def __init__(self, scratch: Path, *, grace: float = GRACE_SECONDS, speed: int = LEAST_SPEED) -> None:
        """`scratch` is the folder of what is being fetched; `grace` and `speed` bound the time, see above."""
        self._scratch = scratch
        self._grace = grace
        self._speed = speed
        self._deadline = 0.0
        self._client: httpx.Client | None = None
        self.progress: Callable[[int, int], None] | None = None
        self.received = 0

    def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            self._client.close()
            self._client = None

    @contextmanager
    def download_file(self, url: str, max_length: int) -> Iterator[IO[bytes]]:
        """The file at `url`, in a file without a name that is gone afterwards.

        Raises:
            DownloadError: none, more than `max_length` bytes, or not in time.
        """
        self._deadline = time.monotonic() + self._grace + max_length / self._speed
        got = 0
        with tempfile.TemporaryFile(dir=self._scratch) as file:
            for piece in self.fetch(url):
                got += len(piece)
                if got > max_length:
                    raise DownloadLengthMismatchError(f"more than {max_length} bytes")
                if time.monotonic() > self._deadline:
                    raise SlowRetrievalError(f"{got} bytes came before the time was up")
                file.write(piece)
                self.received += len(piece)
                if self.progress is not None:
                    self.progress(got, max_length)
            file.seek(0)
            yield file

    def _fetch(self, url: str) -> Iterator[bytes]:
        return self._of_file(url) if url.startswith("file://") else self._of_http(url)

    def _of_file(self, url: str) -> Iterator[bytes]:
        path = unquote(url.removeprefix("file://"))
        try:
            fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # a pipe must not hold it up
        except FileNotFoundError as exc:
            raise DownloadHTTPError("no such file", NOT_FOUND) from exc
        except OSError as exc:
            raise DownloadError(f"{exc.strerror}: {path}") from exc
        with os.fdopen(fd, "rb") as file:
            if not stat.S_ISREG(os.fstat(fd).st_mode):
                raise DownloadError(f"not a file: {path}")
            try:
                while piece := file.read(PIECE):
                    yield piece
            except OSError as exc:
                raise DownloadError(f"{exc.strerror}: {path}") from exc

    def _of_http(self, url: str) -> Iterator[bytes]:
        if self._client is None:
            self._client = httpx.Client(
                verify=trusted() if url.startswith("https:") else False,
                trust_env=False,
                timeout=SILENT_SECONDS,
                headers={"Accept-Encoding": "identity", "User-Agent": "hotgate"},
            )
        try:
            yield from self._followed(self._client, url)
        except httpx.TimeoutException as exc:
            raise SlowRetrievalError("no answer in time") from exc
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as exc:
            raise DownloadError(str(exc) or type(exc).__name__) from exc

    def _followed(self, client: httpx.Client, url: str) -> Iterator[bytes]:
        for _ in range(MAX_REDIRECTS + 1):
            left = self._deadline - time.monotonic()
            if left <= 0:
                raise SlowRetrievalError("no answer in time")
            with client.stream("GET", url, timeout=min(left, SILENT_SECONDS)) as answer:
                if answer.is_redirect:
                    target = httpx.URL(url).join(answer.headers["location"])
                    if _origin(target) != _origin(httpx.URL(url)):
                        raise DownloadError(f"redirects to another host: {target.host[:100]}")
                    url = str(target)
                    continue
                if answer.status_code != httpx.codes.OK:
                    raise DownloadHTTPError(f"HTTP {answer.status_code}", answer.status_code)
                if answer.headers.get("content-encoding", "identity") != "identity":
                    raise DownloadError("compressed, which was not asked for")
                yield from answer.iter_raw(PIECE if answer.headers.get("content-length") else None)
                return
        raise DownloadError("redirects in circles")


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port
