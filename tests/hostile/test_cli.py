"""What is no Go program, through the command line: exit code 2, `error:` and `hint:`, and nothing else."""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from gate.cli import cli
from probes.elf.source import read_source
from probes.errors import UnreadableFile
from tests import matrix

GOOD = "go1.27-amd64-exe"


def check(*arguments: str):
    return CliRunner(catch_exceptions=False).invoke(cli, ["check", *arguments], env={"HOTGATE_DEBUG": "0"})


def refused(path: Path | str, words: str, *, hint: str = "") -> None:
    """`path` is refused in the same way as OLD and as NEW."""
    for arguments in ((str(path), str(matrix.unpack(GOOD))), (str(matrix.unpack(GOOD)), str(path))):
        result = check(*arguments)
        lines = result.stderr.splitlines()
        assert result.exit_code == 2, result.stderr
        assert result.stdout == ""
        assert [line.split(":")[0] for line in lines] == ["error", "hint"], result.stderr
        assert words in lines[0]
        assert str(path) in lines[0]
        assert hint in lines[1]


def written(folder: Path, content: bytes) -> Path:
    path = folder / "program"
    path.write_bytes(content)
    return path


def test_no_such_file(tmp_path: Path) -> None:
    refused(tmp_path / "gone", "no such file or directory", hint="check the path")


def test_a_directory(tmp_path: Path) -> None:
    refused(tmp_path, "is a directory")


def test_a_shell_script(tmp_path: Path) -> None:
    refused(written(tmp_path, b"#!/bin/sh\nexec ./real\n"), "not an ELF file", hint="wrapper script")


def test_a_text_file(tmp_path: Path) -> None:
    refused(written(tmp_path, b"hello\n" * 100), "not an ELF file")


def test_an_elf_file_that_is_not_go() -> None:
    program = shutil.which("ls")
    assert program is not None
    refused(Path(program).resolve(), "not a Go binary")


@pytest.mark.parametrize(("offset", "byte", "words"), [(4, 1, "32-bit"), (5, 2, "big-endian")])
def test_another_class_or_order(tmp_path: Path, offset: int, byte: int, words: str) -> None:
    content = bytearray(matrix.unpack(GOOD).read_bytes())
    content[offset] = byte
    refused(written(tmp_path, content), words)


def test_a_big_endian_header_as_linkers_write_it(tmp_path: Path) -> None:
    ident = b"\x7fELF" + bytes([2, 2, 1, 0]) + bytes(8)
    header = ident + struct.pack(">HHIQQQIHHHHHH", 2, 22, 1, 0, 64, 0, 0, 64, 56, 0, 64, 0, 0)  # s390x
    refused(written(tmp_path, header), "big-endian")


def test_an_empty_file(tmp_path: Path) -> None:
    refused(written(tmp_path, b""), "empty file")


@pytest.mark.parametrize("size", [1, 4, 5, 16, 20, 63])
def test_a_few_bytes(tmp_path: Path, size: int) -> None:
    refused(written(tmp_path, matrix.unpack(GOOD).read_bytes()[:size]), "ELF")


def test_headers_that_claim_four_gigabytes(tmp_path: Path) -> None:
    content = bytearray(matrix.unpack(GOOD).read_bytes()[:4096])
    for index in range(struct.unpack_from("<H", content, 56)[0]):
        struct.pack_into("<QQ", content, 64 + 56 * index + 32, 4 << 30, 4 << 30)
    refused(written(tmp_path, content), "end")


def test_truncated_at_a_section(tmp_path: Path) -> None:
    content = matrix.unpack(GOOD).read_bytes()
    refused(written(tmp_path, content[: len(content) // 2]), "the file ends too early", hint="copy it again")


def test_a_pipe(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    refused(tmp_path / "pipe", "not a regular file")


def test_a_device() -> None:
    refused("/dev/null", "not a regular file")


def test_a_loop_of_links(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    refused(tmp_path / "a", "too many levels of symbolic links")


def test_no_permission(tmp_path: Path) -> None:
    path = written(tmp_path, b"\x7fELF" * 100)
    path.chmod(0)
    mine = os.geteuid()
    if mine == 0:  # root may read every file: be somebody else for a moment
        os.seteuid(65534)
    try:
        with pytest.raises(UnreadableFile, match="permission denied"):
            read_source(str(path))
    finally:
        os.seteuid(mine)


def test_a_name_that_would_write_to_the_terminal(tmp_path: Path) -> None:
    path = tmp_path / "a\x1b[31mred\nerror: forged"
    path.write_bytes(b"x")
    result = check(str(path), str(matrix.unpack(GOOD)))
    assert result.exit_code == 2
    assert "\x1b" not in result.stderr
    assert len(result.stderr.splitlines()) == 2


def test_the_program_itself_prints_no_traceback(tmp_path: Path) -> None:
    """Once as a process of its own: nothing but those two lines, from nobody."""
    path = written(tmp_path, matrix.unpack(GOOD).read_bytes()[:20_000])
    done = subprocess.run(
        [sys.executable, "-m", "gate", "check", str(path), str(path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stdout == ""
    assert [line.split(":")[0] for line in done.stderr.splitlines()] == ["error", "hint"]
