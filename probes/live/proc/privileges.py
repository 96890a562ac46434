"""What exec of a file makes of a process's privileges.

Source: capabilities(7), "Transformation of capabilities during execve()" and "Capabilities and execution of programs by
root"; linux/capability.h for the layout of the attribute. Securebits are not visible in `/proc`: they are taken as unset.
"""

from __future__ import annotations

import os
import stat
import struct

from msgspec import Struct

from probes.errors import UnreadableFile
from probes.live.proc.facts import Credentials
from probes.live.topics import PrivilegeFacts

ATTRIBUTE = "security.capability"
_VERSION_MASK = 0xFF000000
_VERSIONS = {0x02000000: 20, 0x03000000: 24}
"""Revision -> bytes; revision 3 ends with the root user's id of a namespace."""
_EFFECTIVE = 1


class FilePrivileges(Struct, frozen=True):
    """What a file gives to the process that executes it. Masks: bit n stands for capability n."""

    setuid: int | None
    setgid: int | None
    permitted: int = 0
    inheritable: int = 0
    effective: bool = False

    @property
    def has_capabilities(self) -> bool:
        """Whether it has any of its own."""
        return bool(self.permitted or self.inheritable)


def read_file_privileges(path: str) -> FilePrivileges:
    """The set-id bits and capabilities of the file at `path`.

    Raises:
        UnreadableFile: it is not there.
    """
    try:
        info = os.stat(path)  # noqa: PTH116 - a plain call
    except OSError as exc:
        raise UnreadableFile(f"cannot read its mode ({exc.strerror})", subject=path) from exc
    uid = info.st_uid if info.st_mode & stat.S_ISUID else None
    # Without the group's x bit, set-group-id means mandatory locking, not a change of group.
    gid = info.st_gid if info.st_mode & stat.S_ISGID and info.st_mode & stat.S_IXGRP else None
    try:
        raw = os.getxattr(path, ATTRIBUTE)
    except OSError:
        return FilePrivileges(uid, gid)
    return _decode(raw, uid, gid)


def _decode(raw: bytes, uid: int | None, gid: int | None) -> FilePrivileges:
    magic = int.from_bytes(raw[:4], "little")
    if len(raw) != _VERSIONS.get(magic & _VERSION_MASK):
        return FilePrivileges(uid, gid)
    low_p, low_i, high_p, high_i = struct.unpack_from("<4I", raw, 4)
    return FilePrivileges(uid, gid, low_p | high_p << 32, low_i | high_i << 32, bool(magic & _EFFECTIVE))


def after_exec(now: Credentials, file: FilePrivileges, *, source: str) -> PrivilegeFacts:
    """The privileges before and after exec of `file`."""
    gains = not now.no_new_privs  # which ignores set-id bits and file capabilities
    setuid = file.setuid if file.setuid is not None and _is_mapped(now, file.setuid) else None
    uid = setuid if gains and setuid is not None else now.uid[1]
    gid = file.setgid if gains and file.setgid is not None else now.gid[1]
    caps = now.capabilities
    permitted_by_file = file.permitted if gains else 0
    inheritable_by_file = file.inheritable if gains else 0
    effective_by_file = file.effective and gains
    privileged = gains and (file.has_capabilities or file.setuid is not None or file.setgid is not None)
    reason = _reason(file, gains=gains)
    root = now.root in (uid, now.uid[0])
    if root and not (file.has_capabilities and now.uid[0] != now.root and setuid == now.root):
        everything = (1 << 64) - 1
        permitted_by_file, inheritable_by_file = everything, everything
        effective_by_file = uid == now.root
        reason = reason or "it runs as root"
    ambient = 0 if privileged else caps.ambient
    permitted = caps.inheritable & inheritable_by_file | permitted_by_file & caps.bounding | ambient
    if now.no_new_privs and root:
        permitted &= caps.permitted
    effective = permitted if effective_by_file else ambient
    return PrivilegeFacts(
        source=source,
        permitted=(caps.permitted, permitted),
        effective=(caps.effective, effective),
        uid=(now.uid[1], uid),
        gid=(now.gid[1], gid),
        no_new_privs=now.no_new_privs,
        reason=reason or "NEW's file has neither capabilities nor set-id bits",
    )


def _is_mapped(now: Credentials, uid: int) -> bool:
    """Whether the process's user namespace has that user; the kernel ignores set-id bits of others."""
    return any(outside <= uid < outside + number for _, outside, number in now.mapped_uids)


def _reason(file: FilePrivileges, *, gains: bool) -> str:
    parts = []
    if file.has_capabilities:
        parts.append("file capabilities")
    if file.setuid is not None:
        parts.append(f"set-user-id {file.setuid}")
    if file.setgid is not None:
        parts.append(f"set-group-id {file.setgid}")
    if not parts:
        return ""
    return f"NEW's file has {' and '.join(parts)}" + ("" if gains else ", which no_new_privs ignores")
