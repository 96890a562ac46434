"""A repository with releases, its keys, and hosts that read it, for attacks, tests and the other parts."""

from __future__ import annotations

import hashlib
import shutil
from typing import TYPE_CHECKING

from gate.release.client import Releases
from gate.release.delta.making import Limits
from gate.release.description import CheckVerdict
from gate.release.repository.adding import Added, add_release
from gate.release.repository.keys import KeyRing
from gate.release.repository.making import make_repository
from gate.release.repository.store import Repository
from tests import matrix

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from gate.release.description import Description
    from gate.release.roles import Quorum, Role

PASSPHRASE = b"correct horse"
SERVICE = "orders"
LIMITS = Limits(seconds=300, methods=("go",))


class Known:
    """Passphrases that are given."""

    def __init__(self, *known: bytes) -> None:
        self._known = known or (PASSPHRASE,)

    def known(self) -> Iterator[bytes]:
        """Those."""
        yield from self._known

    def ask(self, file: str) -> bytes | None:
        """Nobody."""
        del file


def images(count: int = 3) -> list[Path]:
    """Small Go programs of different versions."""
    found = matrix.select(goarch="amd64", buildmode="exe", stripped=True, cgo=False)
    return [entry.path for entry in sorted(found, key=lambda entry: -entry.minor)[:count]]


class Scene:
    """A folder with `repo` and `keys`; `versions` are added as 1.0, 1.1 and so on."""

    def __init__(
        self,
        folder: Path,
        versions: int = 2,
        *,
        quorums: Mapping[Role, Quorum] | None = None,
        periods: Mapping[Role, int] | None = None,
    ) -> None:
        self.folder = folder
        self.repo, self.keys = folder / "repo", folder / "keys"
        make_repository(self.repo, self.keys, PASSPHRASE, quorums or {}, periods or {})
        self.root = folder / "root.json"
        shutil.copy(self.repo / "metadata" / "1.root.json", self.root)
        self.images = images()
        for index in range(versions):
            self.add(f"1.{index}", self.images[index])

    def ring(self) -> KeyRing:
        """Its keys."""
        return KeyRing([self.keys], Known())

    def add(self, version: str, image: Path, *, deltas: int = 1) -> Added:
        """Add a release; its check is said to have passed."""

        def judge(old: Path, new: Path, before: Description) -> CheckVerdict:
            del old, new
            return CheckVerdict("pass", before.sha256, before.version, hashlib.sha256(b"").hexdigest())

        with Repository.changing(self.repo) as repository:
            return add_release(
                repository,
                self.ring(),
                image,
                name=SERVICE,
                version=version,
                judge=judge,
                deltas=deltas,
                limits=LIMITS,
            )

    def host(
        self, name: str = "host", *, url: str | None = None, grace: float = 20.0, speed: int = 32 << 10
    ) -> Releases:
        """A host's view of the repository, which remembers what it saw under `name`."""
        return Releases(
            url or str(self.repo), trusted_root=self.root, state=self.folder / name, grace=grace, speed=speed
        )


def tree(folder: Path) -> dict[str, str]:
    """The files below a folder, with their digests."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
