from __future__ import annotations

import re
import shutil
import struct
import subprocess

import pytest

from gate.inspection import text as inspection_text
from gate.inspection.model import inspect_binary
from probes.elf.loader_needs import read_build_ids, read_native
from probes.elf.relocations import dynamic_entries
from probes.elf.symbol_versions import MAX_VERSIONS
from probes.errors import ProbeError
from probes.go import load
from tests import matrix
from tests.conftest import missing
from tests.made_elf import DATA, damaged, facts

READELF = shutil.which("readelf")


def test_the_same_as_readelf(entry) -> None:
    if READELF is None:
        missing("no readelf on PATH: apt-get install binutils")

    def readelf(*flags: str) -> str:
        return subprocess.run([READELF, "-W", *flags, entry.path], capture_output=True, text=True, check=True).stdout

    native = facts(entry.name).native
    dynamic = readelf("-d")
    assert list(native.needed) == re.findall(r"\(NEEDED\).*\[(.*)\]", dynamic)
    assert [native.soname] == (re.findall(r"\(SONAME\).*\[(.*)\]", dynamic) or [None])
    wanted, library = set(), ""
    for line in readelf("-V").partition("Version needs section")[2].splitlines():
        if file := re.search(r"File: (\S+)", line):
            library = file[1]
        if name := re.search(r"Name: (\S+) ", line):
            wanted.add((library, name[1]))
    assert {(v.library, v.version) for v in native.versions} == wanted
    headers = readelf("-l")
    assert [native.interpreter] == (re.findall(r"program interpreter: (.*)\]", headers) or [None])
    assert (native.tls is not None) == (re.search(r"^\s+TLS ", headers, re.MULTILINE) is not None)
    assert native.exec_stack == (re.search(r"GNU_STACK.* RWE ", headers) is not None)
    assert (native.relro == "none") == ("GNU_RELRO" not in headers)
    assert (native.relro == "full") == ("GNU_RELRO" in headers and "NOW" in dynamic)
    notes = readelf("-n")
    assert [facts(entry.name).gnu_build_id] == (re.findall(r"Build ID: (\w+)", notes) or [None])
    assert facts(entry.name).go_build_id.count("/") == 3


@pytest.mark.parametrize(
    "entry", [e for e in matrix.select(cgo=True, stripped=False) if e.package == "./cmd/native"], ids=str
)
def test_thread_local_variables_of_c(entry) -> None:
    native = facts(entry.name).native
    assert "hotgate_calls" in native.tls_symbols
    assert not [name for name in native.tls_symbols if name.startswith("$")]
    assert native.tls.file_size < native.tls.size
    assert native.tls.align == 8


@pytest.mark.parametrize(
    ("name", "linkage"),
    [
        ("go1.27-amd64-exe", "exe"),
        ("go1.27-amd64-exe-cgo", "exe-external"),
        ("go1.27-amd64-pie", "pie"),
        ("go1.27-amd64-pie-cgo-stripped", "pie-external"),
        ("go1.27-amd64-c-shared", "c-shared"),
        ("go1.27-amd64-plugin", "plugin"),
        ("go1.27-arm64-pie-cgo", "pie-external"),
    ],
)
def test_linkage(name: str, linkage: str) -> None:
    assert facts(name).linkage == linkage
    assert facts(name).cgo == ("cgo" in name or linkage in {"c-shared", "plugin"})
    assert facts(name).native.pie == linkage.startswith("pie")


def verneed(*, following: int = 0, count: int = 1, step: int = 0) -> bytes:
    return struct.pack("<HHIII", 1, count, 1, 16, following) + struct.pack("<IHHII", 0, 0, 2, 6, step)


def versioned(image, need: bytes, number: int = 1):
    strings = b"\0libx\0V_1\0".ljust(16, b"\0")
    tags = ((5, DATA), (0x6FFFFFFE, DATA + 16), (0x6FFFFFFF, number))
    return read_native(image(strings + need + bytes(64), dynamic=tags), None)


def test_a_version_made_by_hand(image) -> None:
    assert [(v.library, v.version) for v in versioned(image, verneed()).versions] == [("libx", "V_1")]


def test_libraries_without_end_are_refused(image) -> None:
    need = verneed(count=2, step=1 << 20)
    with pytest.raises(ProbeError, match="outside of the image"):
        versioned(image, need)
    loop = b"".join(struct.pack("<HHIII", 1, 0, 1, 16, 16) for _ in range(MAX_VERSIONS + 10))
    with pytest.raises(ProbeError, match="does not end"):
        versioned(image, loop, number=1 << 60)


def test_names_outside_of_the_image_are_refused(image) -> None:
    with pytest.raises(ProbeError):
        read_native(image(bytes(64), dynamic=((1, 1 << 63), (5, DATA))), None)


def test_flags(image) -> None:
    relro = ((0x6474E552, 4, DATA, DATA, 16, 16),)
    for tags, state in (
        (((24, 0),), "full"),
        (((30, 8),), "full"),
        (((0x6FFFFFFB, 1),), "full"),
        (((30, 1),), "partial"),
    ):
        assert read_native(image(bytes(64), dynamic=tags, extra=relro), None).relro == state
    assert read_native(image(bytes(64), dynamic=((24, 0),)), None).relro == "none"
    assert read_native(image(bytes(64), dynamic=((0x6FFFFFFB, 0x08000000),)), None).pie
    assert read_native(image(bytes(64), extra=((0x6474E551, 7, 0, 0, 0, 0),)), None).exec_stack


def note(name: bytes, kind: int, text: bytes) -> bytes:
    pad = lambda raw: raw + bytes(-len(raw) % 4)  # noqa: E731
    return struct.pack("<III", len(name), len(text), kind) + pad(name) + pad(text)


def test_notes(image) -> None:
    raw = note(b"X\0", 1, b"abc") + note(b"GNU\0", 3, b"\xab\xcd") + note(b"Go\0\0", 4, b"a/b/c/d")
    made = image(raw, extra=((4, 4, DATA, DATA, len(raw), len(raw)),))
    assert read_build_ids(made) == ("a/b/c/d", "abcd")


@pytest.mark.parametrize("raw", [b"\xff" * 64, note(b"GNU\0", 3, b"ab")[:14], struct.pack("<III", 1 << 31, 0, 3), b""])
def test_damaged_notes_are_none(image, raw: bytes) -> None:
    made = image(raw + bytes(16), extra=((4, 4, DATA, DATA, len(raw), len(raw)),))
    assert read_build_ids(made) == (None, None)


def test_a_string_table_that_leads_nowhere(tmp_path) -> None:
    name = "go1.27-amd64-pie-cgo"
    image = facts(name).image
    tags = [tag for tag, _ in dynamic_entries(image)]
    segment = next(s for s in image.elf.segments if s.kind == "PT_DYNAMIC")
    at = segment.offset + 16 * tags.index(5) + 8
    read = load(str(damaged(tmp_path, name, (at, b"\xff" * 8))))
    assert read.native is None
    assert "no string at address" in read.native_problem
    assert (read.linkage, len(read.functions)) == (facts(name).linkage, len(facts(name).functions))
    inspection = inspect_binary(read)
    assert (inspection.native, inspection.native_problem) == (None, read.native_problem)
    assert "Native needs\n  cannot be read: no string at address" in inspection_text.render(inspection)
