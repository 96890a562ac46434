"""A new repository: keys, and metadata that says that nothing is released yet."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from tuf.api.metadata import Metadata, MetaFile, Root, Snapshot, TargetFile, Targets, Timestamp

from gate.release import files
from gate.release.description import SERVICES, Services
from gate.release.errors import ReleaseError
from gate.release.repository import keys
from gate.release.repository.store import locked
from gate.release.roles import ROLES, Quorum, Role, set_expiry

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from securesystemslib.signer import CryptoSigner


def make_repository(
    folder: Path, key_folder: Path, passphrase: bytes, quorums: Mapping[Role, Quorum], periods: Mapping[Role, int]
) -> dict[Role, list[CryptoSigner]]:
    """Make a repository in `folder`, and its keys in `key_folder`; the keys by role.

    Args:
        folder: where the repository is to be; made when it is not there.
        key_folder: where its keys are to be, which is not in the repository.
        passphrase: of all keys.
        quorums: how many keys roles have; one each unless given.
        periods: seconds for which roles hold; see `roles.HOLDS`.

    Raises:
        ReleaseError: there is a repository already, or a file cannot be written.
    """
    if key_folder.resolve().is_relative_to(folder.resolve()):
        hint = "a repository is copied to where others read it; keep the keys elsewhere: --keys FOLDER"
        raise ReleaseError("setting", "the keys would be part of the repository", subject=str(key_folder), hint=hint)
    try:
        for part in ("metadata", "targets"):
            (folder / part).mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise ReleaseError("space", f"cannot be made ({exc.strerror})", subject=str(folder)) from exc
    with locked(folder):
        if any((folder / "metadata").iterdir()):
            raise ReleaseError("setting", "there is a repository already", subject=str(folder))
        made = {
            role: [keys.create(key_folder, role, passphrase) for _ in range(quorums.get(role, Quorum()).keys)]
            for role in ROLES
        }
        try:
            _write(folder, made, quorums, periods)
        except OSError as exc:
            raise ReleaseError("space", f"cannot be written ({exc.strerror})", subject=str(folder)) from exc
    return made


def _write(
    folder: Path, made: Mapping[Role, list[CryptoSigner]], quorums: Mapping[Role, Quorum], periods: Mapping[Role, int]
) -> None:
    root = Metadata(Root(consistent_snapshot=True))
    for role in ROLES:
        for signer in made[role]:
            root.signed.add_key(signer.public_key, role)
        root.signed.roles[role].threshold = quorums.get(role, Quorum()).threshold
    data = msgspec.json.encode(Services("1", ()))
    target = TargetFile.from_data(SERVICES, data, ["sha256"])
    files.write(folder / "targets" / target.get_prefixed_paths()[0], data)
    targets, snapshot, timestamp = Metadata(Targets()), Metadata(Snapshot()), Metadata(Timestamp())
    targets.signed.targets[SERVICES] = target

    def signed(metadata: Metadata, role: Role) -> bytes:  # type: ignore[type-arg] # of any role
        set_expiry(metadata, role, periods.get(role))
        for signer in made[role]:
            metadata.sign(signer, append=True)
        return metadata.to_bytes()

    metadata = folder / "metadata"
    for role, content in (("root", root), ("targets", targets), ("snapshot", snapshot), ("timestamp", timestamp)):
        if role == "snapshot":
            snapshot.signed.meta["targets.json"] = MetaFile.from_data(1, data, ["sha256"])
        elif role == "timestamp":
            timestamp.signed.snapshot_meta = MetaFile.from_data(1, data, ["sha256"])
        data = signed(content, role)
        name = f"{role}.json" if role == "timestamp" else f"1.{role}.json"
        files.write(metadata / name, data)
