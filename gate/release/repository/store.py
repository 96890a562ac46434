"""The files of a repository: `metadata/` and `targets/`, as any web server, mirror or USB stick carries them.

Every file but `timestamp.json` has its version or its digest in its name and is never changed, so that a reader who is in the middle of one
state is not disturbed by the next. `timestamp.json` is renamed into its place last: until then the repository is the one before.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import msgspec
from tuf.api import exceptions
from tuf.api.metadata import Metadata, MetaFile, Root, Snapshot, TargetFile, Targets, Timestamp

from gate.release import files
from gate.release.description import MAX_CATALOG, SERVICES, Catalog, Description, Services, catalog_target
from gate.release.errors import ReleaseError
from gate.release.roles import Role, set_expiry
from gate.release.trust import said_clearly

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from securesystemslib.signer import CryptoSigner

    from gate.release.repository.keys import KeyRing

T = TypeVar("T", Services, Catalog)

MAX_METADATA = 64 << 20
KEPT_VERSIONS = 10
"""Of targets and snapshot: readers in the middle of an older state finish with it."""

_VERSIONED = re.compile(r"(\d{1,9})\.(root|targets|snapshot)\.json")


class Repository:
    """A repository as its owner has it: what is signed now, verified by its own root.

    `root`, `targets`, `snapshot`, `timestamp` are the metadata of now; a change goes into them and becomes the repository with `publish`.
    """

    def __init__(self, folder: Path) -> None:
        """Open the repository in `folder`.

        Raises:
            ReleaseError: there is none, or what is there is not signed by the keys of its root.
        """
        self.folder = folder
        self.metadata = folder / "metadata"
        self.target_files = folder / "targets"
        versions = self.versions("root")
        if not versions:
            hint = f"hotgate release init {folder}"
            raise ReleaseError("missing", "no repository there", subject=str(folder), hint=hint)
        with said_clearly(str(folder)):
            self.root: Metadata[Root] = self._load("root", versions[-1])
            before = self._load("root", versions[-2]) if len(versions) > 1 else None
            self._hold_root(before)
            self.timestamp: Metadata[Timestamp] = self._load("timestamp", None)
            self.snapshot: Metadata[Snapshot] = self._load("snapshot", self.timestamp.signed.snapshot_meta.version)
            self.targets: Metadata[Targets] = self._load("targets", self.snapshot.signed.meta["targets.json"].version)
            for role in ("timestamp", "snapshot", "targets"):
                self._hold(role, getattr(self, role), before)

    @classmethod
    @contextmanager
    def changing(cls, folder: Path) -> Iterator[Repository]:
        """The repository in `folder`, which nobody else changes meanwhile.

        Raises:
            ReleaseError: as for the constructor; or somebody else is changing it.
        """
        with locked(folder):
            yield cls(folder)

    def versions(self, role: Role) -> list[int]:
        """The versions of a role's metadata that are there, in order."""
        try:
            names = os.listdir(self.metadata)  # noqa: PTH208 - names are wanted
        except OSError:
            return []
        found = (_VERSIONED.fullmatch(name) for name in names)
        return sorted(int(each[1]) for each in found if each is not None and each[2] == role)

    def load_root(self, version: int) -> Metadata[Root]:
        """A version of the root."""
        with said_clearly(str(self.folder)):
            return self._load("root", version)

    def names(self) -> tuple[str, ...]:
        """The services, sorted."""
        data = self.read(SERVICES, MAX_CATALOG)
        return () if data is None else _decoded(data, Services, SERVICES).names

    def releases(self, name: str) -> tuple[Description, ...]:
        """The releases of a service, the oldest first."""
        data = self.read(catalog_target(name), MAX_CATALOG)
        return () if data is None else _decoded(data, Catalog, catalog_target(name)).releases

    def read(self, path: str, limit: int) -> bytes | None:
        """The target at `path`, held against its signed digest; None when there is none.

        Raises:
            ReleaseError: its file is gone or was changed.
        """
        target = self.targets.signed.targets.get(path)
        if target is None:
            return None
        place = self.place(target)
        data = files.read_bounded(place, min(limit, target.length))
        with said_clearly(str(place)):
            target.verify_length_and_hashes(data)
        return data

    def place(self, target: TargetFile) -> Path:
        """The file of a target."""
        return self.target_files / target.get_prefixed_paths()[0]

    def put(self, path: str, data: bytes) -> None:
        """Have `data` be the target at `path`; its file is written at once, and means nothing until it is published.

        Raises:
            OSError: the disk refuses.
        """
        target = TargetFile.from_data(path, data, ["sha256"])
        place = self.place(target)
        place.parent.mkdir(parents=True, exist_ok=True)
        files.write(place, data)
        self.targets.signed.targets[path] = target

    def put_releases(self, name: str, releases: Sequence[Description]) -> None:
        """Have `releases` be those of the service `name`."""
        names = tuple(sorted({*self.names(), name}))
        self.put(SERVICES, msgspec.json.encode(Services("1", names)))
        self.put(catalog_target(name), msgspec.json.encode(Catalog("1", tuple(releases))))

    def signers(self, role: Role, ring: KeyRing) -> list[CryptoSigner]:
        """The keys in `ring` that sign for `role`, enough of them.

        Raises:
            ReleaseError: there are not enough.
        """
        found = self.root.signed.roles[role]
        return ring.enough(role, found.keyids, found.threshold)

    def publish(
        self,
        signers: Mapping[Role, Sequence[CryptoSigner]],
        *,
        targets: bool,
        snapshot: bool = True,
        root: Metadata[Root] | None = None,
        root_last: bool = False,
    ) -> None:
        """Sign what changed and write it, the timestamp last.

        Args:
            signers: by role.
            targets: whether the targets changed; the snapshot then does, too.
            snapshot: whether the snapshot is renewed anyway.
            root: a new root, which is signed already, and written before the timestamp.
            root_last: write it after the timestamp, which the keys of the root before have signed as well.

        Raises:
            OSError: the disk refuses; the repository is the one before.
        """
        if targets:
            self.targets.signed.version += 1
            set_expiry(self.targets, "targets")
            data = _signed(self.targets, signers["targets"])
            files.write(self.metadata / f"{self.targets.signed.version}.targets.json", data)
            meta = MetaFile.from_data(self.targets.signed.version, data, ["sha256"])
            self.snapshot.signed.meta["targets.json"] = meta
        if targets or snapshot:
            self.snapshot.signed.version += 1
            set_expiry(self.snapshot, "snapshot")
            data = _signed(self.snapshot, signers["snapshot"])
            files.write(self.metadata / f"{self.snapshot.signed.version}.snapshot.json", data)
            self.timestamp.signed.snapshot_meta = MetaFile.from_data(self.snapshot.signed.version, data, ["sha256"])
        self.timestamp.signed.version += 1
        set_expiry(self.timestamp, "timestamp")
        last = [(self.metadata / "timestamp.json", _signed(self.timestamp, signers["timestamp"]))]
        if root is not None:
            last.insert(int(root_last), (self.metadata / f"{root.signed.version}.root.json", root.to_bytes()))
        for path, data in last:
            files.write(path, data)
        self._prune()

    def _prune(self) -> None:
        """Remove what no state refers to that a reader may still be in the middle of."""
        wanted: set[str] = set()
        for version in self.versions("targets")[-KEPT_VERSIONS:]:
            data = files.read_bounded(self.metadata / f"{version}.targets.json", MAX_METADATA)
            wanted |= {
                each.get_prefixed_paths()[0] for each in Metadata[Targets].from_bytes(data).signed.targets.values()
            }
        for folder, _, names in os.walk(self.target_files):
            for name in names:
                path = Path(folder, name)
                if str(path.relative_to(self.target_files)) not in wanted:
                    path.unlink(missing_ok=True)
        for role in ("targets", "snapshot"):
            current = getattr(self, role).signed.version
            for version in self.versions(role):
                if version <= current - KEPT_VERSIONS:
                    (self.metadata / f"{version}.{role}.json").unlink(missing_ok=True)
        for path in self.metadata.glob(f"{files.PART}*"):
            path.unlink(missing_ok=True)

    def _load(self, role: Role, version: int | None) -> Metadata:  # type: ignore[type-arg] # of any role
        name = f"{role}.json" if version is None else f"{version}.{role}.json"
        return Metadata.from_bytes(files.read_bounded(self.metadata / name, MAX_METADATA))

    def _hold_root(self, before: Metadata[Root] | None) -> None:
        """Hold the root against itself and the one before, as its readers do."""
        self.root.signed.verify_delegate("root", self.root.signed_bytes, self.root.signatures)
        if before is not None:
            before.signed.verify_delegate("root", self.root.signed_bytes, self.root.signatures)

    def _hold(self, role: Role, metadata: Metadata, before: Metadata[Root] | None) -> None:  # type: ignore[type-arg]
        """Hold a role against the root; one that a rotation left half done is held against the root before."""
        try:
            self.root.signed.verify_delegate(role, metadata.signed_bytes, metadata.signatures)
        except exceptions.UnsignedMetadataError:
            if before is None:
                raise
            before.signed.verify_delegate(role, metadata.signed_bytes, metadata.signatures)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Nobody else changes the repository in `folder` meanwhile.

    Raises:
        ReleaseError: somebody else is at it, or it cannot be written.
    """
    try:
        fd = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except FileNotFoundError as exc:
        hint = f"hotgate release init {folder}"
        raise ReleaseError("missing", "no repository there", subject=str(folder), hint=hint) from exc
    except OSError as exc:
        raise ReleaseError("space", f"cannot be changed ({exc.strerror})", subject=str(folder)) from exc
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as exc:
            holder = os.pread(fd, 32, 0).decode("ascii", "replace").strip() or "?"
            what = f"process {holder} is changing the repository"
            raise ReleaseError("busy", what, subject=str(folder), hint="wait for it to end, and try again") from exc
        os.ftruncate(fd, 0)
        os.pwrite(fd, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(fd)


def _signed(metadata: Metadata, signers: Sequence[CryptoSigner]) -> bytes:  # type: ignore[type-arg]
    metadata.signatures.clear()
    for signer in signers:
        metadata.sign(signer, append=True)
    return metadata.to_bytes()


def _decoded(data: bytes, kind: type[T], path: str) -> T:
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.DecodeError, RecursionError) as exc:
        raise ReleaseError("malformed", f"cannot be read ({str(exc)[:200]})", subject=path) from exc


def digest(data: bytes) -> str:
    """SHA-256 in hex."""
    return hashlib.sha256(data).hexdigest()
