"""One host's view of one repository: what is released, and how it gets here."""

from __future__ import annotations

import fcntl
import hashlib
import os
import time
from contextlib import contextmanager
from pathlib import Path  # noqa: TC003 - msgspec asks for it
from typing import TYPE_CHECKING, Literal, TypeVar

import msgspec
from msgspec import Struct
from tuf.api.metadata import Metadata
from tuf.ngclient.config import UpdaterConfig
from tuf.ngclient.updater import Updater

from gate.policy.errors import nearest
from gate.release import files
from gate.release.description import (
    MAX_CATALOG,
    MAX_IMAGE,
    SERVICES,
    Catalog,
    DeltaOffer,
    Description,
    Method,
    Services,
    catalog_target,
)
from gate.release.errors import ReleaseError
from gate.release.fetcher import GRACE_SECONDS, LEAST_SPEED, Fetcher, base_url
from gate.release.roles import ROLES, is_ending, left, span
from gate.release.trust import said_clearly

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from tuf.api.metadata import Root, TargetFile

T = TypeVar("T", Services, Catalog)

MAX_ROOT = 512 << 10
CLOCK_SLACK = 300.0
"""Seconds that a clock may go back, as one that is set by the network does."""

IMAGE_MODE = 0o755


class Fetched(Struct, frozen=True):
    """How an image came to be at its place.

    Attributes:
        path: where it is, whole and verified.
        way: from a `delta`, or `whole`.
        method: of the delta; None for the whole image.
        base: SHA-256 of the file that the delta was applied to.
        received: bytes that came from the repository for it.
        seconds: all of it took.
        notes: why a delta that was offered was not used, a line each.
    """

    path: Path
    way: Literal["delta", "whole"]
    method: Method | None
    base: str | None
    received: int
    seconds: float
    notes: tuple[str, ...] = ()


class Releases:
    """One host's view of one repository. `refresh` it, then ask.

    What is trusted begins with the root of trust that an administrator put on the host; from then on `tuf` keeps in `state` what it has
    seen, so that nobody can play back what was signed before.
    """

    def __init__(
        self, url: str, *, trusted_root: Path, state: Path, grace: float = GRACE_SECONDS, speed: int = LEAST_SPEED
    ) -> None:
        """Name a repository; nothing is asked for yet.

        Args:
            url: https, http on this host, file, or a folder's path.
            trusted_root: the file `1.root.json` of the repository, or a later one, from a place that is trusted.
            state: the folder, for this repository alone, of what this host has seen; made when it is not there.
            grace: seconds that every file may take.
            speed: bytes a second that come on average, beyond that.

        Raises:
            ReleaseError: the URL is none that is taken.
        """
        self.url = base_url(url)
        self._root = trusted_root
        self._state = state
        self._fetcher = Fetcher(state, grace=grace, speed=speed)
        self._updater: Updater | None = None
        self._catalogs: dict[str, tuple[Description, ...]] = {}
        self._names: list[str] | None = None

    def close(self) -> None:
        """Close the connections."""
        self._fetcher.close()

    def refresh(self) -> None:
        """Have the newest metadata of the repository, verified as The Update Framework prescribes.

        Raises:
            ReleaseError: it is not to be had, or not to be trusted; what was known before still is, and `names`, `versions` and `fetch` refuse.
        """
        self._updater, self._names, self._catalogs = None, None, {}
        bootstrap = files.read_bounded(self._root, MAX_ROOT)
        with said_clearly(self.url):
            self._state.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self._locked():
            self._check_clock()
            with said_clearly(self.url):
                config = UpdaterConfig(app_user_agent="hotgate")
                updater = Updater(
                    str(self._state),
                    f"{self.url}/metadata/",
                    target_base_url=f"{self.url}/targets/",
                    fetcher=self._fetcher,
                    config=config,
                    bootstrap=bootstrap,
                )
                updater.refresh()
                files.write(self._state / "clock", f"{int(time.time())}\n".encode(), mode=0o600)
        self._updater = updater

    def ending(self) -> list[str]:
        """What of the metadata ends soon, a line each: once it has ended, `refresh` refuses.

        Raises:
            ReleaseError: the repository was not refreshed.
        """
        self._now()
        out = []
        for role in ROLES:
            with said_clearly(self.url):
                metadata: Metadata[Root] = Metadata.from_file(str(self._state / f"{role}.json"))
            if is_ending(metadata, role):
                when = span(max(0.0, left(metadata)))
                out.append(f"the repository's {role} metadata ends in {when}; who keeps it has to renew it")
        return out

    def names(self) -> list[str]:
        """The services of the repository, sorted.

        Raises:
            ReleaseError: the list is not to be had.
        """
        if self._names is None:
            self._names = list(self._read(SERVICES, Services).names) if self._target(SERVICES) is not None else []
        return self._names

    def versions(self, name: str) -> list[Description]:
        """The releases of the service `name`, the oldest first; none when there is no such service.

        Raises:
            ReleaseError: the list is not to be had.
        """
        if name not in self._catalogs:
            if name not in self.names():
                return []
            found = self._read(catalog_target(name), Catalog).releases
            if any(each.name != name for each in found):
                raise ReleaseError("malformed", "names releases of another service", subject=catalog_target(name))
            self._catalogs[name] = found
        return list(self._catalogs[name])

    def find(self, name: str, version: str | None = None) -> Description:
        """A release of the service `name`, the newest without a `version`.

        Raises:
            ReleaseError: there is none; the line says which there are.
        """
        found = self.versions(name)
        if not found:
            names = self.names()
            hint = f"{nearest(name, names)}services there: {', '.join(names[:20]) or 'none'}"
            raise ReleaseError("missing", f"no service {name} in the repository", subject=self.url, hint=hint)
        if version is None:
            return found[-1]
        for each in reversed(found):
            if each.version == version:
                return each
        known = [each.version for each in found]
        hint = f"{nearest(version, known)}the newest are {', '.join(known[-5:])}"
        raise ReleaseError("missing", f"no release {version} of {name} in the repository", subject=self.url, hint=hint)

    def fetch(
        self,
        description: Description,
        into: Path,
        *,
        have: Mapping[str, Path] = {},
        progress: Callable[[str, int, int], None] | None = None,
    ) -> Fetched:
        """Assemble the image at `into`, from a delta where there is one to a file that is here, else whole.

        The image gets the name `into` when it is whole, has its digest and is on the disk; before, there is no more than a file whose name begins
        with `.hotgate-part-` beside it. What was at `into` is replaced.

        Args:
            description: from `find` or `versions` since the last `refresh`.
            into: in a folder that is there.
            have: SHA-256 -> path of images that are here. Each is read, and held against its digest, before it is used.
            progress: called with what is done (`fetching`, `assembling`), and how many bytes of how many are.

        Raises:
            ReleaseError: it cannot be had whole; nothing is at `into` that was not there before.
        """
        started, before = time.monotonic(), self._fetcher.received
        say = progress or (lambda _what, _done, _all: None)
        self._fetcher.progress = lambda done, whole: say("fetching", done, whole)
        notes: list[str] = []
        try:
            for offer in sorted(description.deltas, key=lambda each: each.size):
                if offer.base not in have or offer.size >= description.compressed:
                    continue
                try:
                    self._from_delta(description, offer, have[offer.base], into, say)
                except ReleaseError as exc:
                    if exc.kind in {"space", "unreachable", "slow"}:
                        raise
                    notes.append(f"the delta from {offer.version} is of no use: {exc}")
                    continue
                way: Literal["delta", "whole"] = "delta"
                method, base = offer.method, offer.base
                break
            else:
                self._whole(description, into, say)
                way, method, base = "whole", None, None
        finally:
            self._fetcher.progress = None
        got = self._fetcher.received - before
        return Fetched(into, way, method, base, got, time.monotonic() - started, tuple(notes))

    def _from_delta(
        self, description: Description, offer: DeltaOffer, base: Path, into: Path, say: Callable[[str, int, int], None]
    ) -> None:
        from gate.release.delta.container import apply_delta

        old = files.read_bounded(base, MAX_IMAGE)
        if hashlib.sha256(old).hexdigest() != offer.base:
            raise ReleaseError("mismatch", "the file is not what its name says", subject=str(base))
        delta = self._bytes(description.delta_target(offer), offer.size)
        say("assembling", 0, description.size)
        new = apply_delta(old, delta, base=offer.base, sha256=description.sha256, size=description.size)
        with _disk(into), files.replacing(into, mode=IMAGE_MODE) as file:
            file.write(new)
        say("assembling", description.size, description.size)

    def _whole(self, description: Description, into: Path, say: Callable[[str, int, int], None]) -> None:
        from gate.release.image import unpack

        target = self._wanted(description.image_target, description.compressed)
        with said_clearly(f"{self.url}/targets/{target.path}"), self._downloaded(target) as path:
            try:
                with _disk(into), path.open("rb") as packed, files.replacing(into, mode=IMAGE_MODE) as file:
                    unpack(packed, file, description, lambda done: say("assembling", done, description.size))
            finally:
                path.unlink(missing_ok=True)

    def _read(self, path: str, kind: type[T]) -> T:
        data = self._bytes(path, MAX_CATALOG)
        try:
            return msgspec.json.decode(data, type=kind)
        except (msgspec.DecodeError, RecursionError) as exc:
            hint = "a repository of a newer hotgate? update this one"
            raise ReleaseError(
                "malformed", f"cannot be read ({str(exc)[:200]})", subject=f"{self.url}/targets/{path}", hint=hint
            ) from exc

    def _bytes(self, path: str, limit: int) -> bytes:
        target = self._wanted(path, limit)
        with said_clearly(f"{self.url}/targets/{path}"), self._downloaded(target) as file:
            try:
                return file.read_bytes()
            finally:
                file.unlink(missing_ok=True)

    @contextmanager
    def _downloaded(self, target: TargetFile) -> Iterator[Path]:
        path = self._state / f"{files.PART}{os.getpid()}-{time.monotonic_ns():x}"
        try:
            self._now().download_target(target, str(path))
            yield path
        finally:
            path.unlink(missing_ok=True)

    def _wanted(self, path: str, limit: int) -> TargetFile:
        target = self._target(path)
        if target is None:
            raise ReleaseError("mismatch", "named, but not signed", subject=f"{self.url}/targets/{path}")
        if target.length > limit:
            raise ReleaseError(
                "too-large", f"{target.length} bytes, more than {limit}", subject=f"{self.url}/targets/{path}"
            )
        return target

    def _target(self, path: str) -> TargetFile | None:
        with said_clearly(self.url):
            return self._now().get_targetinfo(path)

    def _now(self) -> Updater:
        if self._updater is None:
            raise ReleaseError("other", "the repository was not refreshed", subject=self.url)
        return self._updater

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with said_clearly(self.url):
            fd = os.open(self._state / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
            yield
        finally:
            os.close(fd)

    def _check_clock(self) -> None:
        """Refuse when the clock is before the last refresh: what has expired would look as if it had not."""
        path = self._state / "clock"
        try:
            last = int(path.read_bytes()[:20])
        except (OSError, ValueError):
            return
        if time.time() < last - CLOCK_SLACK:
            at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(last))
            hint = f"set the clock; if it was wrong then, remove {path}"
            raise ReleaseError(
                "clock", f"this host's clock is before {at}, when it last asked", subject=self.url, hint=hint
            )


@contextmanager
def _disk(into: Path) -> Iterator[None]:
    try:
        yield
    except OSError as exc:
        hint = "is the disk full, or the folder read-only? nothing was put in its place"
        raise ReleaseError("space", f"cannot be written ({exc.strerror or exc})", subject=str(into), hint=hint) from exc
