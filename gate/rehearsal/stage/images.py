"""The images of a rehearsal: OLD, NEW, and those that are made to fail; and the path at which the service finds one."""

from __future__ import annotations

import os
import shutil
import struct
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from pathlib import Path

    from gate.rehearsal.stage.processes import Identity

Name = Literal["old", "new", "crash", "hang", "cut_off", "spin"]

_CODE: dict[str, dict[str, bytes]] = {
    "amd64": {
        "crash": bytes.fromhex("bf03000000 b83c000000 0f05"),  # exit(3)
        "hang": bytes.fromhex("b822000000 0f05 ebf7"),  # for (;;) pause()
        "spin": bytes.fromhex("b900000040 ffc9 75fc 31ff b83c000000 0f05"),  # count down from 2^30, then exit(0)
    },
    "arm64": {
        "crash": struct.pack("<3I", 0xD2800060, 0xD2800BA8, 0xD4000001),
        "hang": struct.pack(  # for (;;) ppoll(0, 0, 0, 0)
            "<7I", 0xD2800000, 0xD2800001, 0xD2800002, 0xD2800003, 0xD2800928, 0xD4000001, 0x17FFFFFA
        ),
        "spin": struct.pack("<6I", 0x52A80009, 0x71000529, 0x54FFFFE1, 0xD2800000, 0xD2800BA8, 0xD4000001),
    },
}
_MACHINES = {"amd64": 62, "arm64": 183}  # e_machine, elf.h
_BASE = 0x400000


def tiny_program(arch: str, kind: str) -> bytes | None:
    """A static ELF program of a few instructions that crashes, hangs or computes; None for another architecture.

    It needs no compiler and no library, and its end says nothing about either.
    """
    code = _CODE.get(arch, {}).get(kind)
    if code is None:
        return None
    size = 64 + 56 + len(code)
    header = struct.pack(  # Elf64_Ehdr
        "<16sHHIQQQIHHHHHH",
        b"\x7fELF\x02\x01\x01",
        2,  # ET_EXEC
        _MACHINES[arch],
        1,
        _BASE + 120,
        64,
        0,
        0,
        64,
        56,
        1,
        0,
        0,
        0,
    )
    segment = struct.pack("<IIQQQQQQ", 1, 5, 0, _BASE, _BASE, size, size, 0x1000)  # PT_LOAD, R+X
    return header + segment + code


class Images:
    """The folder of images, and the path that the service executes."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder = folder / "images"
        self.path = folder / "bin" / name
        self._placed: dict[Identity, Name] = {}

    def file(self, name: Name) -> Path:
        """Where an image is stored, below the folder."""
        return self._folder / name

    def make_faulty(self, arch: str) -> tuple[Name, ...]:
        """Make the images that fail, and return the names of those that could be made."""
        made: list[Name] = []
        kinds: tuple[Name, ...] = ("crash", "hang", "spin")
        for kind in kinds:
            program = tiny_program(arch, kind)
            if program is not None:
                self.file(kind).write_bytes(program)
                made.append(kind)
        whole = self.file("new")
        with whole.open("rb") as source:
            self.file("cut_off").write_bytes(source.read(whole.stat().st_size // 2))
        return (*made, "cut_off")

    def place(self, name: Name) -> Identity:
        """Put an image at the path of the program, by rename, as a deployment does; return its identity.

        Raises:
            OSError: there is no room for it.
        """
        beside = self.path.with_name(".next")
        beside.unlink(missing_ok=True)
        shutil.copyfile(self.file(name), beside)
        beside.chmod(0o755)
        status = beside.stat()
        identity = (status.st_dev, status.st_ino)
        os.replace(beside, self.path)  # noqa: PTH105 - rename(2) is the point
        self._placed[identity] = name
        return identity

    def name_of(self, identity: Identity | None) -> Name | None:
        """Which image has this identity: the one that was put there last, as an inode is used again."""
        return None if identity is None else self._placed.get(identity)
