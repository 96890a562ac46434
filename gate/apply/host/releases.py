"""The releases on a host: a folder for each below `releases`, and the links `current` and `previous`.

A release is under its name only when all of it is on the disk. A link is replaced by rename, so that there is never none.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import stat
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from gate.apply.errors import ApplyError
from gate.apply.host.journal import sync_folder

if TYPE_CHECKING:
    from collections.abc import Collection

VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+~-]{0,127}")
CURRENT, PREVIOUS = "current", "previous"
ABOUT, JUDGED = "release.json", "gate.json"
INCOMING = ".incoming-"
MAX_ABOUT = 1 << 20
HAND = "was it replaced by hand? `hotgate releases` shows what is there"
Identity = tuple[int, int]
"""Device and inode of a file."""


class Kept(Struct, frozen=True):
    """One release on the host. `number` counts installations, 0 for one that hotgate did not install; `sha256` as it was then."""

    version: str
    file: Path
    sha256: str
    size: int
    number: int
    installed_at: str
    about: dict[str, Any]
    verdict: dict[str, Any]


class Releases:
    """The folder of one service; `file` is the name of the image in the folder of each release."""

    def __init__(self, folder: Path, file: str) -> None:
        self.folder = folder
        self._file = file
        self._below = folder / "releases"

    def image(self, version: str) -> Path:
        """Where the image of a release is, or would be."""
        return self._below / version / self._file

    def has(self, version: str) -> bool:
        """Whether there is an image of that release."""
        return bool(VERSION.fullmatch(version)) and self.image(version).is_file()

    def all(self) -> list[Kept]:
        """What is there, in the order of installation."""
        try:
            names = [each.name for each in os.scandir(self._below) if each.is_dir(follow_symlinks=False)]
        except FileNotFoundError:
            return []
        except OSError as exc:
            raise ApplyError(f"cannot read the releases ({exc.strerror}): {self._below}") from exc
        found = [self._kept(name) for name in names if VERSION.fullmatch(name) and self.image(name).is_file()]
        return sorted(found, key=lambda each: (each.number, each.installed_at, each.version))

    def _kept(self, version: str) -> Kept:
        about = _read(self._below / version / ABOUT)
        file = self.image(version)
        number = about.get("number")
        return Kept(
            version,
            file,
            str(about.get("sha256") or ""),
            file.stat().st_size,
            number if isinstance(number, int) else 0,
            str(about.get("installed_at") or ""),
            about,
            _read(self._below / version / JUDGED),
        )

    def link(self, name: str) -> str:
        """The version that `current` or `previous` names; "" where there is no such link.

        Raises:
            ApplyError: it is something else than a link to one of the releases.
        """
        path = self.folder / name
        try:
            target = os.readlink(path)  # noqa: PTH115 - as it is written
        except FileNotFoundError:
            return ""
        except OSError as exc:
            what = "is no symbolic link" if path.exists() else f"cannot be read ({exc.strerror})"
            raise ApplyError(f"{path} {what}", hint=f"it has to lead to releases/VERSION; {HAND}") from exc
        place = Path(os.path.normpath(self.folder / target))
        if place.parent != self._below or not VERSION.fullmatch(place.name):
            raise ApplyError(f"{path} leads to {target[:200]}, which is none of releases/", hint=HAND)
        return place.name

    def point(self, **links: str) -> None:
        """Have `previous` and `current` name these versions, in the order given; "" removes a link. On the disk at the end.

        Raises:
            OSError: not all of it was done.
        """
        prepared: list[tuple[Path, Path | None]] = []
        for name, version in links.items():
            path = self.folder / name
            if not version:
                prepared.append((path, None))
            elif not _leads(path, f"releases/{version}"):
                beside = self.folder / f".{name}.new"
                beside.unlink(missing_ok=True)
                beside.symlink_to(f"releases/{version}")
                prepared.append((path, beside))
        for path, ready in prepared:  # renaming takes no room: a full disk shows above, before anything is changed
            if ready is None:
                path.unlink(missing_ok=True)
            else:
                os.replace(ready, path)  # noqa: PTH105 - rename(2) is the point
        if prepared:
            sync_folder(self.folder)

    def incoming(self, version: str) -> Path:
        """An empty folder for what becomes the release. What an operation before left in it is gone.

        Raises:
            OSError: it cannot be made.
        """
        self.forget_incoming()
        self._below.mkdir(exist_ok=True)
        path = self._below / f"{INCOMING}{version}"
        path.mkdir(mode=0o755)
        return path

    def forget_incoming(self) -> None:
        """Remove what was never finished: releases that have no name yet, and links beside the real ones."""
        with suppress(OSError):
            for each in list(os.scandir(self._below)):
                if each.name.startswith(INCOMING):
                    shutil.rmtree(each.path, ignore_errors=True)
        for name in (CURRENT, PREVIOUS):
            with suppress(OSError):
                (self.folder / f".{name}.new").unlink(missing_ok=True)

    def install(self, incoming: Path, version: str, about: dict[str, Any]) -> Kept:
        """Give the folder `incoming`, whose image is whole and on the disk, the name of its release.

        Raises:
            OSError: it has not got it.
        """
        about = about | {"number": 1 + max((each.number for each in self.all()), default=0)}
        write_whole(incoming / ABOUT, about)
        incoming.chmod(0o755)
        sync_folder(incoming)
        os.rename(incoming, self._below / version)  # noqa: PTH104 - it fails where there is one with files in it
        sync_folder(self._below)
        return self._kept(version)

    def note_verdict(self, version: str, verdict: dict[str, Any]) -> None:
        """Keep what the gate said of a release beside it; a disk without room for that is no reason to stop."""
        with suppress(OSError):
            write_whole(self._below / version / JUDGED, verdict)

    def remove(self, version: str) -> None:
        """Remove a release: first its name, so that no half of it can be taken for one."""
        gone = self._below / f"{INCOMING}gone-{version}"
        with suppress(OSError):
            os.rename(self._below / version, gone)  # noqa: PTH104 - rename(2) is the point
        shutil.rmtree(gone, ignore_errors=True)

    def remove_old(self, keep: int, never: Collection[str]) -> list[str]:
        """Remove all but the newest `keep` releases, and none of `never`; the versions that went."""
        found = self.all()
        old = [each.version for each in found[: max(0, len(found) - keep)] if each.version not in never]
        for version in old:
            self.remove(version)
        return old

    def version_of(self, identity: Identity) -> str:
        """The release whose image is the file with that identity; "" for none."""
        for each in self.all():
            with suppress(OSError):
                if identity_of(each.file) == identity:
                    return each.version
        return ""


def identity_of(path: Path | str) -> Identity:
    """The identity of the file at `path`. OSError where there is none."""
    found = os.stat(path)  # noqa: PTH116 - a plain call
    return found.st_dev, found.st_ino


def digest_of(path: Path, size: int | None = None) -> str:
    """The SHA-256 of a regular file in hex; `size` is what it has to have, where that is known.

    Raises:
        OSError: it cannot be read. ApplyError: it is no regular file, or has another size.
    """
    with open(os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK), "rb") as file:  # noqa: PTH123 - a descriptor
        found = os.fstat(file.fileno())
        if not stat.S_ISREG(found.st_mode) or (size is not None and found.st_size != size):
            raise ApplyError(f"not the image that was installed: {path}", hint=HAND)
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_whole(path: Path, value: dict[str, Any]) -> None:
    """Write JSON to `path` so that a reader sees all of it or what was there before. OSError where that fails."""
    beside = path.with_name(f".{path.name}.new")
    try:
        with beside.open("wb") as file:
            file.write(json.dumps(value, indent=2, ensure_ascii=True).encode("ascii") + b"\n")
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except BaseException:
        with suppress(OSError):
            beside.unlink(missing_ok=True)
        raise


def _leads(path: Path, target: str) -> bool:
    try:
        return os.readlink(path) == target  # noqa: PTH115 - as it is written
    except OSError:
        return False


def _read(path: Path) -> dict[str, Any]:
    """The JSON object in a file of ours; empty for anything else."""
    try:
        with open(os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK), "rb") as file:  # noqa: PTH123
            found = json.loads(file.read(MAX_ABOUT))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
