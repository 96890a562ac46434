"""What a repository says of a release. Signed with everything else, but hostile until it was read: all of it is bounded."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from gate.exits import VerdictName  # noqa: TC001 - msgspec asks for it

MAX_IMAGE = 1 << 30
"""Bytes of an image that is taken; deltas are applied in memory."""

MAX_RELEASES = 10_000
MAX_DELTAS = 64
MAX_CATALOG = 16 << 20
"""Bytes of a catalog: a release has about 1 kB."""

SERVICES = "services.json"
"""The target that names the services."""

Name = Annotated[str, Meta(pattern=r"\A[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?\Z")]
Version = Annotated[str, Meta(pattern=r"\A[0-9A-Za-z][0-9A-Za-z._+~-]{0,63}\Z")]
Sha256 = Annotated[str, Meta(pattern=r"\A[0-9a-f]{64}\Z")]
Size = Annotated[int, Meta(ge=1, le=MAX_IMAGE)]
Word = Annotated[str, Meta(max_length=200)]
Time = Annotated[str, Meta(pattern=r"\A[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z\Z")]
Audited = Annotated[str, Meta(pattern=r"\A[0-9]{1,18}:[0-9a-f]{64}\Z")]

Method = Literal["go", "bsdiff", "zstd"]


class CheckVerdict(Struct, frozen=True, forbid_unknown_fields=True):
    """The verdict of `hotgate check` on this release against the one before.

    `against` is that one's SHA-256, `version` its version; `report_sha256` the digest of the JSON report; `audit` the entry of the
    audit log, `SEQ:HASH`, None where the log was not kept.
    """

    verdict: VerdictName
    against: Sha256
    version: Version
    report_sha256: Sha256
    audit: Audited | None = None


class DeltaOffer(Struct, frozen=True, forbid_unknown_fields=True):
    """A delta to this release. `base` is the SHA-256 of the file that it is applied to, `size` the delta's own bytes."""

    base: Sha256
    version: Version
    size: Size
    method: Method


class Description(Struct, frozen=True, forbid_unknown_fields=True):
    """One release.

    Attributes:
        name: the service, such as `orders`.
        version: such as `1.4.1`.
        sha256: of the image.
        size: bytes of the image.
        compressed: bytes of the image as it is sent whole.
        build_id: as reports have it: the GNU build ID, else Go's.
        go_version: such as `go1.27.3`.
        target: operating system and architecture, such as `linux/amd64`.
        made: when it was added, UTC, such as `2026-11-28T11:00:00Z`.
        check: the verdict against the release before; None for the first one.
        deltas: what is offered beside the whole image, in no order that means anything.
    """

    name: Name
    version: Version
    sha256: Sha256
    size: Size
    compressed: Size
    build_id: Word | None
    go_version: Word | None
    target: Word
    made: Time
    check: CheckVerdict | None = None
    deltas: Annotated[tuple[DeltaOffer, ...], Meta(max_length=MAX_DELTAS)] = ()

    @property
    def image_target(self) -> str:
        """The path of the compressed image in the repository."""
        return f"{self.name}/{self.version}/image.zst"

    def delta_target(self, offer: DeltaOffer) -> str:
        """The path of a delta in the repository."""
        return f"{self.name}/{self.version}/from-{offer.base}.delta"


class Services(Struct, frozen=True, forbid_unknown_fields=True):
    """The target `services.json`: the names of all services, sorted."""

    schema_version: Literal["1"]
    names: Annotated[tuple[Name, ...], Meta(max_length=MAX_RELEASES)]


class Catalog(Struct, frozen=True, forbid_unknown_fields=True):
    """The target `NAME/releases.json`: all releases of a service, the oldest first."""

    schema_version: Literal["1"]
    releases: Annotated[tuple[Description, ...], Meta(max_length=MAX_RELEASES)]


def catalog_target(name: str) -> str:
    """The path of a service's catalog in the repository."""
    return f"{name}/releases.json"
