"""Whether a repository is what it says: read as a host reads it, every file held against its digest, every delta applied."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from gate.release.client import Releases
from gate.release.delta.container import apply_delta
from gate.release.description import MAX_IMAGE, SERVICES, catalog_target
from gate.release.errors import ReleaseError
from gate.release.repository.adding import stored_image
from gate.release.repository.store import Repository

if TYPE_CHECKING:
    from collections.abc import Callable

    from gate.release.description import DeltaOffer, Description


class Verified(Struct, frozen=True):
    """What was looked at, and every problem that was found, a line each."""

    services: int
    releases: int
    targets: int
    deltas: int
    problems: tuple[str, ...]


def verify(folder: Path, root: Path | None, stage: Callable[[str], None] = lambda _: None) -> Verified:
    """Read the repository in `folder` as a host does that has the root of trust `root`, else the repository's first one.

    Raises:
        ReleaseError: there is no repository.
    """
    problems: list[str] = []
    stage("reading the metadata")
    with tempfile.TemporaryDirectory(prefix="hotgate-release-") as scratch:
        reader = Releases(
            str(folder), trusted_root=root or folder / "metadata" / "1.root.json", state=Path(scratch, "state")
        )
        try:
            reader.refresh()
            reader.names()
        except ReleaseError as exc:
            problems.append(str(exc))
    try:
        repository = Repository(folder)
    except ReleaseError as exc:
        if exc.kind == "missing":
            raise
        return Verified(0, 0, 0, 0, tuple(dict.fromkeys([*problems, str(exc)])))
    for path in sorted(repository.targets.signed.targets):
        try:
            repository.read(path, MAX_IMAGE)
        except ReleaseError as exc:
            problems.append(f"{path}: {exc.what}")
    services, releases, deltas, named = 0, 0, 0, {SERVICES}
    try:
        for name in repository.names():
            services += 1
            named.add(catalog_target(name))
            found = repository.releases(name)
            releases += len(found)
            stage(f"applying the deltas of {name}")
            deltas += _verify_releases(repository, found, named, problems)
    except ReleaseError as exc:
        problems.append(str(exc))
    else:
        extra = sorted(set(repository.targets.signed.targets) - named)
        problems.extend(f"{path}: signed, but no release names it" for path in extra)
    return Verified(services, releases, len(repository.targets.signed.targets), deltas, tuple(problems))


def _verify_releases(
    repository: Repository, found: tuple[Description, ...], named: set[str], problems: list[str]
) -> int:
    """How many deltas of `found` were applied; what is wrong goes to `problems`, paths that are named to `named`."""
    by_digest = {each.sha256: each for each in found}
    applied = 0
    for each in found:
        named.add(each.image_target)
        named.update(each.delta_target(offer) for offer in each.deltas)
        try:
            stored_image(repository, each)
        except ReleaseError as exc:
            problems.append(f"{each.name} {each.version}: {exc}")
        for offer in each.deltas:
            try:
                _apply(repository, each, offer, by_digest)
                applied += 1
            except ReleaseError as exc:
                problems.append(f"{each.delta_target(offer)}: {exc.what}")
    return applied


def _apply(
    repository: Repository, description: Description, offer: DeltaOffer, by_digest: dict[str, Description]
) -> None:
    """Apply a delta to the image that it is from; what comes out has the digest that is signed, or this raises."""
    base = by_digest.get(offer.base)
    delta = repository.read(description.delta_target(offer), offer.size)
    if base is None or delta is None:
        raise ReleaseError(
            "mismatch", "from an image that is not in the repository" if delta else "named, but not signed"
        )
    old = stored_image(repository, base)
    apply_delta(old, delta, base=offer.base, sha256=description.sha256, size=description.size)
