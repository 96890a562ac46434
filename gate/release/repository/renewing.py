"""Signing anew before what is signed expires, and the warnings that come before that."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tuf.api import exceptions
from tuf.api.metadata import Metadata

from gate.release.errors import ReleaseError
from gate.release.roles import ROLES, is_ending, left, set_expiry, span

if TYPE_CHECKING:
    from collections.abc import Collection

    from gate.release.repository.keys import KeyRing
    from gate.release.repository.store import Repository
    from gate.release.roles import Role


def renew(repository: Repository, ring: KeyRing, wanted: Collection[Role] = ()) -> tuple[Role, ...]:
    """Sign anew what ends soon, and what `wanted` names; the roles that were signed.

    The timestamp always is: readers are to see that nobody holds the repository back. The snapshot and the targets are when they end soon,
    or when a rotation was broken off before they were signed with the new keys. The root only is where it is `wanted`: its keys are away.

    Raises:
        ReleaseError: keys are away, or the disk refuses; the repository is the one before.
    """
    due: set[Role] = {"timestamp", *wanted}
    due |= {role for role in ("snapshot", "targets") if _is_due(repository, role)}
    if "targets" in due:
        due.add("snapshot")
    signers = {role: repository.signers(role, ring) for role in ROLES if role in due}
    root = None
    if "root" in due:
        root = Metadata.from_bytes(repository.root.to_bytes())
        root.signed.version += 1
        set_expiry(root, "root")
        root.signatures.clear()
        for signer in signers["root"]:
            root.sign(signer, append=True)
    try:
        repository.publish(signers, targets="targets" in due, snapshot="snapshot" in due, root=root)
    except OSError as exc:
        what = f"cannot be written ({exc.strerror or exc})"
        raise ReleaseError("space", what, subject=str(repository.folder), hint="is the disk full?") from exc
    return tuple(role for role in ROLES if role in due)


def warnings(repository: Repository) -> list[str]:
    """What ends soon, or has ended, a line each."""
    out = []
    for role in ROLES:
        metadata = getattr(repository, role)
        if not is_ending(metadata, role):
            continue
        seconds = left(metadata)
        how = f"`hotgate release renew --role {role}`" if role in ("root", "targets") else "`hotgate release renew`"
        when = f"ends in {span(seconds)}" if seconds > 0 else f"ended {span(-seconds)} ago: no host takes a release"
        out.append(f"the {role} metadata {when}; {how} signs it anew")
    return out


def _is_due(repository: Repository, role: Role) -> bool:
    metadata = getattr(repository, role)
    try:
        repository.root.signed.verify_delegate(role, metadata.signed_bytes, metadata.signatures)
    except exceptions.UnsignedMetadataError:
        return True
    return is_ending(metadata, role)
