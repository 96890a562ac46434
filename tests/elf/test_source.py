from __future__ import annotations

import hashlib
import os

import pytest

from probes.elf import source
from probes.elf.source import read_source
from probes.errors import UnreadableFile


def test_bytes_and_digest_belong_together(tmp_path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"abc" * 1000)
    found = read_source(str(path))
    assert bytes(found.buffer) == b"abc" * 1000
    assert found.size == 3000
    assert found.sha256 == hashlib.sha256(b"abc" * 1000).hexdigest()
    found.data[0] = 0
    assert found.buffer[0] == 0


def test_what_cannot_be_read(tmp_path, monkeypatch) -> None:
    (tmp_path / "empty").touch()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    (tmp_path / "big").write_bytes(bytes(100))
    monkeypatch.setattr(source, "MAX_FILE_SIZE", 99)
    for name, words in (
        ("gone", "no such file"),
        ("empty", "empty file"),
        ("pipe", "not a regular file"),
        ("loop", "too many levels"),
        (".", "is a directory"),
        ("big", "larger than"),
        ("a\0b", "not a path"),
        ("x" * 5000, "file name too long"),
    ):
        with pytest.raises(UnreadableFile, match=words):
            read_source(str(tmp_path / name))


def test_a_file_that_shrinks_is_told(tmp_path, monkeypatch) -> None:
    path = tmp_path / "file"
    path.write_bytes(bytes(1000))
    fill = source._fill

    def shrinking(file, buffer):
        os.truncate(path, 10)
        return fill(file, buffer)

    monkeypatch.setattr(source, "_fill", shrinking)
    with pytest.raises(UnreadableFile, match="shrank while it was read"):
        read_source(str(path))


def test_too_little_memory_is_no_bug(tmp_path, monkeypatch) -> None:
    path = tmp_path / "file"
    path.write_bytes(bytes(10))

    def full(*_):
        raise MemoryError

    monkeypatch.setattr(source, "_fill", full)
    with pytest.raises(UnreadableFile, match="memory"):
        read_source(str(path))
