"""A release into a repository: image, deltas, description, verdict; then the metadata, the timestamp last."""

from __future__ import annotations

import hashlib
import io
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from gate.clock import moment
from gate.release import files, image
from gate.release.delta import making
from gate.release.description import MAX_DELTAS, MAX_IMAGE, CheckVerdict, DeltaOffer, Description
from gate.release.errors import ReleaseError

if TYPE_CHECKING:
    from collections.abc import Callable

    from gate.release.repository.keys import KeyRing
    from gate.release.repository.store import Repository
    from gate.release.roles import Role

    Judge = Callable[[Path, Path, Description], CheckVerdict]

SIGNING: tuple[Role, ...] = ("targets", "snapshot", "timestamp")


class Added(Struct, frozen=True):
    """What an addition came to. `description` is of the release; `fresh` is False when it was there already, the same image."""

    description: Description
    fresh: bool
    made: tuple[making.Made, ...] = ()


def add_release(  # noqa: PLR0913 - keywords, one a fact
    repository: Repository,
    ring: KeyRing,
    binary: Path,
    *,
    name: str,
    version: str,
    judge: Judge,
    deltas: int = 3,
    limits: making.Limits = making.ORDINARY,
    stage: Callable[[str], None] = lambda _: None,
) -> Added:
    """Add the image `binary` as release `version` of the service `name`.

    Args:
        repository: opened by `changing`.
        ring: keys for targets, snapshot and timestamp; those of the root may be away.
        binary: the Go program.
        name: of the service.
        version: of the release.
        judge: given the paths of the image before and of this one, and the description of that before, gives the verdict.
        deltas: from how many of the last releases a delta is made.
        limits: of the time and memory to make a delta.
        stage: called with what is done from then on.

    Raises:
        ReleaseError: keys are away, the version is taken, or the disk refuses; the repository is the one before.
        ProbeError: `binary` is no Go program.
    """
    signers = {role: repository.signers(role, ring) for role in SIGNING}
    data = files.read_bounded(binary, MAX_IMAGE)
    known = repository.releases(name)
    sha256 = hashlib.sha256(data).hexdigest()
    for each in known:
        if each.version == version:
            if each.sha256 == sha256:
                return Added(each, fresh=False)
            hint = f"it has another image (sha256 {each.sha256[:12]}); hosts may have it: take a new version"
            raise ReleaseError(
                "setting", f"release {version} of {name} is there already", subject=str(repository.folder), hint=hint
            )
    stage("reading the image")
    found = describe(binary, data, name, version)
    stage("compressing the image")
    packed = image.pack(data)
    found = replace(found, compressed=len(packed))
    made: list[making.Made] = []
    try:
        if known:
            stage(f"checking against {known[-1].version}")
            with tempfile.TemporaryDirectory(prefix="hotgate-release-") as folder:
                before = Path(folder, f"{name}-{known[-1].version}")
                before.write_bytes(stored_image(repository, known[-1]))
                found = replace(found, check=judge(before, binary, known[-1]))
        repository.put(found.image_target, packed)
        offers: list[DeltaOffer] = []
        for each in reversed(known[-min(deltas, MAX_DELTAS) :] if deltas else ()):
            if each.sha256 == sha256 or each.sha256 in {offer.base for offer in offers}:
                continue
            stage(f"making the delta from {each.version}")
            delta = making.make_delta(stored_image(repository, each), data, limits)
            if delta is None or len(delta.data) >= len(packed):
                continue
            offer = DeltaOffer(each.sha256, each.version, len(delta.data), delta.method)
            repository.put(found.delta_target(offer), delta.data)
            offers.append(offer)
            made.append(delta)
        found = replace(found, deltas=tuple(offers))
        stage("signing")
        repository.put_releases(name, (*known, found))
        repository.publish(signers, targets=True)
    except OSError as exc:
        hint = "is the disk full, or the folder read-only? the repository is the one before"
        raise ReleaseError(
            "space", f"cannot be written ({exc.strerror or exc})", subject=str(repository.folder), hint=hint
        ) from exc
    return Added(found, fresh=True, made=tuple(made))


def describe(binary: Path, data: bytes, name: str, version: str) -> Description:
    """What can be said of an image by itself; `compressed` is not known yet, and stands as its size.

    Raises:
        ReleaseError: the name or the version is none.
        ProbeError: `binary` is no Go program.
    """
    from gate.engine.binaries import load_binary

    facts = load_binary(str(binary), examine=False)
    sha256 = hashlib.sha256(data).hexdigest()
    if facts.sha256 != sha256:
        raise ReleaseError("mismatch", "the file changed while it was read", subject=str(binary))
    found = Description(
        name=name,
        version=version,
        sha256=sha256,
        size=len(data),
        compressed=len(data),
        build_id=facts.gnu_build_id or facts.go_build_id,
        go_version=facts.go_version,
        target=f"{facts.os}/{facts.arch}",
        made=moment().strftime("%Y-%m-%dT%H:%M:%SZ"),
    )
    try:
        return msgspec.json.decode(msgspec.json.encode(found), type=Description)
    except msgspec.ValidationError as exc:
        hint = "a name such as orders: a-z, 0-9, . _ -; a version such as 1.4.1: letters, digits, . _ + ~ -"
        raise ReleaseError(
            "setting", f"cannot be released under this name ({exc})", subject=f"{name} {version}", hint=hint
        ) from exc


def stored_image(repository: Repository, description: Description) -> bytes:
    """The image of a release in `repository`, verified.

    Raises:
        ReleaseError: its file is gone or was changed.
    """
    packed = repository.read(description.image_target, description.compressed)
    if packed is None:
        raise ReleaseError("mismatch", "named, but not signed", subject=description.image_target)
    out = io.BytesIO()
    image.unpack(io.BytesIO(packed), out, description, lambda _: None)
    return out.getvalue()
