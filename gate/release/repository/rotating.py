"""Other keys for a role: a new version of the root says which, signed by the keys of the root before and, where they change, by the new ones.

theupdateframework.github.io/specification, section 6.1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct
from tuf.api.metadata import Metadata, Root

from gate.policy.errors import nearest
from gate.release import files
from gate.release.errors import ReleaseError
from gate.release.repository import keys
from gate.release.roles import set_expiry

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from securesystemslib.signer import CryptoSigner

    from gate.release.repository.keys import KeyRing
    from gate.release.repository.store import Repository
    from gate.release.roles import Role

SIGNED_ANEW: dict[Role, tuple[Role, ...]] = {
    "root": (),
    "targets": ("targets", "snapshot", "timestamp"),
    "snapshot": ("snapshot", "timestamp"),
    "timestamp": ("timestamp",),
}


class Rotated(Struct, frozen=True):
    """What a rotation did: the version of the new root, key IDs, and how many of how many keys sign from then on."""

    version: int
    revoked: tuple[str, ...]
    added: tuple[str, ...]
    threshold: int
    keys: int


def rotate(  # noqa: PLR0913 - keywords, one a fact
    repository: Repository,
    ring: KeyRing,
    role: Role,
    *,
    revoke: Sequence[str] | None,
    add: int | None,
    threshold: int | None,
    key_folder: Path,
    passphrase: bytes,
) -> Rotated:
    """Give `role` other keys, and sign anew what it signs.

    Args:
        repository: opened by `changing`.
        ring: the keys of the root, and of the roles that are signed anew.
        role: whose keys change.
        revoke: the first digits of the key IDs that go; None: all that the role has.
        add: how many new keys it gets; None: as many as go.
        threshold: how many must sign from now on; None: as many as before.
        key_folder: where the new keys' files go.
        passphrase: of the new keys.

    Raises:
        ReleaseError: keys are away, the numbers make no sense, or the disk refuses; the repository is the one before.
    """
    before = repository.root
    now = before.signed.roles[role]
    gone = list(now.keyids) if revoke is None else [_named(now.keyids, each, role) for each in revoke]
    more = len(gone) if add is None else add
    needed = now.threshold if threshold is None else threshold
    if not 1 <= needed <= len(now.keyids) - len(gone) + more:
        what = f"{needed} of {len(now.keyids) - len(gone) + more} keys cannot sign for {role}"
        raise ReleaseError("setting", what, hint="--add N makes new keys, --threshold N says how many have to sign")
    old_root = ring.enough("root", before.signed.roles["root"].keyids, before.signed.roles["root"].threshold)
    others = {each: repository.signers(each, ring) for each in SIGNED_ANEW[role] if each != role}
    old = ring.signers(role, now.keyids)
    fresh = [keys.create(key_folder, role, passphrase) for _ in range(more)]
    root: Metadata[Root] = Metadata.from_bytes(before.to_bytes())
    for key_id in gone:
        root.signed.revoke_key(key_id, role)
    for signer in fresh:
        root.signed.add_key(signer.public_key, role)
    root.signed.roles[role].threshold = needed
    root.signed.version += 1
    set_expiry(root, "root")
    own = [*fresh, *(signer for signer in old if signer.public_key.keyid not in gone)]
    if len(own) < needed:
        what = f"{needed} of the {role} keys must sign from now on, and {len(own)} of them are here"
        raise ReleaseError("keys", what, hint="pass --keys FOLDER with those that stay, or add more")
    _sign(root, [*old_root, *(own if role == "root" else ())])
    repository.root = root
    try:
        if role == "root":
            files.write(repository.metadata / f"{root.signed.version}.root.json", root.to_bytes())
        else:
            # Signed by the old keys as well, where they are here: whoever has the root before reads it until the new one is seen.
            repository.publish(
                {**others, role: [*own, *(signer for signer in old if signer not in own)]},
                targets=role == "targets",
                snapshot=role in ("targets", "snapshot"),
                root=root,
                root_last=len(old) >= now.threshold,
            )
    except OSError as exc:
        what = f"cannot be written ({exc.strerror or exc})"
        raise ReleaseError("space", what, subject=str(repository.folder), hint="is the disk full?") from exc
    return Rotated(
        root.signed.version,
        tuple(gone),
        tuple(each.public_key.keyid for each in fresh),
        needed,
        len(now.keyids) - len(gone) + more,
    )


def _sign(root: Metadata[Root], signers: Sequence[CryptoSigner]) -> None:
    root.signatures.clear()
    for signer in signers:
        root.sign(signer, append=True)


def _named(key_ids: Sequence[str], begins: str, role: Role) -> str:
    found = [key_id for key_id in key_ids if begins and key_id.startswith(begins.lower())]
    if len(found) != 1:
        short = [key_id[: keys.SHOWN] for key_id in key_ids]
        what = f"{'no' if not found else 'more than one'} {role} key begins with {begins[:64]!r}"
        raise ReleaseError("setting", what, hint=f"{nearest(begins, short)}its keys are {', '.join(short)}")
    return found[0]
