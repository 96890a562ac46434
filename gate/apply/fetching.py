"""From a repository to a release on this host: the image is assembled, owned and labelled as the running one, and named last."""

from __future__ import annotations

import os
import shutil
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gate.apply.errors import ApplyError
from gate.apply.host.releases import digest_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from gate.apply.host.config import Host
    from gate.apply.host.releases import Kept, Releases
    from gate.release.client import Releases as Repository
    from gate.release.description import Description

SPARE = 16 << 20
"""Bytes that are left free for the journal, the store and others."""
LABEL = "security.selinux"
TUF = "tuf"
"""Below the state folder: what this host has seen of the repository."""


def repository(host: Host, url: str) -> Repository:
    """The repository at `url`, or the host's own, with its newest metadata.

    Raises:
        ApplyError: the host's table lacks something. ReleaseError: it is not to be had, or not to be trusted.
    """
    from gate.release.client import Releases as Repository

    url = url or host.repository
    if not url:
        raise ApplyError(
            f"no repository is named for {host.name}", hint="pass --repo URL, or set `repository` in its table"
        )
    if not host.root:
        hint = "set `root` to a copy of the repository's metadata/1.root.json that came by a way that you trust"
        raise ApplyError(f"host.{host.name} has no root of trust", hint=hint)
    found = Repository(url, trusted_root=Path(host.root), state=host.state / TUF)
    found.refresh()
    return found


def check_room(folder: Path, description: Description) -> None:
    """Raise ApplyError unless the disk has room for the image, twice, and some more."""
    wanted = description.size + max(description.size, description.compressed) + SPARE
    found = os.statvfs(folder)
    free = found.f_bavail * found.f_frsize
    if free < wanted:
        said = f"{folder} has {free >> 20:,} MB free, and {description.version} needs {wanted >> 20:,} MB while it is installed"
        raise ApplyError(said, hint="free some space, or lower `keep`; nothing has changed")


def install(  # noqa: PLR0913, PLR0917 - keywords, one a fact
    host: Host,
    releases: Releases,
    source: Repository,
    description: Description,
    like: Path | None,
    progress: Callable[[str, int, int], None],
) -> tuple[Kept, dict[str, Any]]:
    """Bring a release into its folder; gives it, and how that was done.

    Args:
        host: the service.
        releases: its folder.
        source: the repository.
        description: which release.
        like: the image whose SELinux label it gets; None for none.
        progress: told what is done, of how many bytes.

    Raises:
        ApplyError, ReleaseError: it is not there, and nothing else has changed.
    """
    have = {each.sha256: each.file for each in releases.all() if each.sha256}
    try:
        incoming = releases.incoming(description.version)
        image = incoming / host.file
        fetched = source.fetch(description, image, have=have, progress=progress)
        _own(host, image)
        _own(host, incoming, mode=0o755)
        image.chmod(host.mode)  # after chown, which takes set-id bits away
        _label(image, like)
        about = {
            "schema_version": "1",
            "name": description.name,
            "version": description.version,
            "sha256": description.sha256,
            "size": description.size,
            "build_id": description.build_id,
            "go_version": description.go_version,
            "target": description.target,
            "made": description.made,
            "installed_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        }
        _sync(image)
        kept = releases.install(incoming, description.version, about)
    except OSError as exc:
        said = f"the release cannot be installed ({exc.strerror}): {exc.filename or releases.folder}"
        raise ApplyError(said, hint="is the disk full, or the folder read-only? nothing has changed") from exc
    finally:
        releases.forget_incoming()
    return kept, {
        "way": fetched.way,
        "method": fetched.method,
        "received": fetched.received,
        "notes": list(fetched.notes),
    }


def warm(kept: Kept) -> None:
    """Read the image into the page cache, and hold it against the digest with which it was installed.

    Raises:
        ApplyError: it is not what was installed, or cannot be read.
    """
    try:
        with suppress(OSError):
            fd = os.open(kept.file, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
            try:
                os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_WILLNEED)
            finally:
                os.close(fd)
        found = digest_of(kept.file)
    except OSError as exc:
        raise ApplyError(f"cannot read the release ({exc.strerror}): {kept.file}") from exc
    if kept.sha256 and found != kept.sha256:
        hint = f"remove {kept.file.parent} and apply {kept.version} again, which fetches it"
        raise ApplyError(f"{kept.file} is not the image that was installed", hint=hint)


def _own(host: Host, path: Path, *, mode: int | None = None) -> None:
    if mode is not None:
        path.chmod(mode)
    if not host.owner:
        return
    user, _, group = host.owner.partition(":")
    try:
        shutil.chown(
            path, int(user) if user.isdecimal() else user, (int(group) if group.isdecimal() else group) or None
        )
    except LookupError as exc:
        raise ApplyError(f"host.{host.name}.owner: {exc}: {host.owner}") from exc
    except OSError as exc:
        hint = "run as root, or leave `owner` out"
        raise ApplyError(f"the release cannot be given to {host.owner} ({exc.strerror})", hint=hint) from exc


def _label(image: Path, like: Path | None) -> None:
    """Give the image the SELinux label of another one, where that has one."""
    if like is None:
        return
    try:
        label = os.getxattr(like, LABEL)
    except OSError:
        return  # ENODATA, ENOTSUP: there is none here
    try:
        if os.getxattr(image, LABEL) == label:
            return
    except OSError:
        pass
    try:
        os.setxattr(image, LABEL, label)
    except OSError as exc:
        hint = "run where the policy lets hotgate relabel files of this folder"
        raise ApplyError(f"the release cannot get the SELinux label of {like} ({exc.strerror})", hint=hint) from exc


def _sync(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
