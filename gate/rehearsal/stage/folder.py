"""The rehearsal's own folder: everything that it writes is below it, and it goes with it."""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import shutil
import tempfile
from pathlib import Path

PREFIX = "hotgate-rehearsal-"
LOCK = ".lock"


def new_folder() -> Path:
    """Where a folder is to be; there is none yet, so that its keeper can be there first, whatever happens to us then."""
    return Path(tempfile.gettempdir()).resolve() / f"{PREFIX}{secrets.token_hex(6)}"


def make_folder(folder: Path) -> int:
    """Make it; the descriptor of its lock, which is held as long as somebody has it open.

    Folders of rehearsals that were killed together with everything that looked after them are removed first.

    Raises:
        OSError: there is no room for one.
    """
    sweep(folder.parent)
    folder.mkdir(0o700)
    try:
        lock = os.open(folder / LOCK, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        fcntl.flock(lock, fcntl.LOCK_EX)
        for name in ("bin", "images", "files", "work"):
            (folder / name).mkdir()
    except OSError:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return lock


def sweep(place: Path) -> None:
    """Remove this user's folders below `place` whose lock nobody holds."""
    with contextlib.suppress(OSError):
        for folder in place.glob(PREFIX + "*"):
            with contextlib.suppress(OSError):
                if folder.is_symlink() or folder.stat().st_uid != os.geteuid() or not _is_orphan(folder / LOCK):
                    continue
                remove(folder)


def _is_orphan(lock: Path) -> bool:
    """Whether nobody holds `lock`; a folder without one is being made, or was kept for a look."""
    try:
        handle = os.open(lock, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    finally:
        os.close(handle)
    return True


def remove(folder: Path) -> None:
    """Remove `folder` and all in it, also what a service took its own permissions from."""
    for path, names, _ in os.walk(folder):
        for name in names:
            inner = os.path.join(path, name)  # noqa: PTH118 - os.walk gives text
            if not os.path.islink(inner):  # noqa: PTH114
                with contextlib.suppress(OSError):
                    os.chmod(inner, 0o700)  # noqa: PTH101
    shutil.rmtree(folder, ignore_errors=True)


def keep(folder: Path) -> None:
    """Leave `folder` for a look: no later rehearsal removes it."""
    (folder / LOCK).unlink(missing_ok=True)
