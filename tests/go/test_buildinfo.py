from __future__ import annotations

import struct

import pytest

from probes.errors import MalformedTable
from probes.go.buildinfo import info
from probes.go.buildinfo.info import find_build_info, parse_build
from probes.go.buildinfo.version import go_minor
from tests.made_elf import DATA, facts

START, END = b"0w\xaf\x0c\x92t\x08\x02A\xe1\xc1\x07\xe6\xd6\x18\xe6", b"\xf92C1\x86\x18 r\x00\x82B\x10A\x16\xd8\xf2"
TEXT = "path\texample.com/shop\nmod\texample.com/shop\t(devel)\t\n"


def framed(text: str = TEXT) -> bytes:
    return START + text.encode() + END


def varint(value: int) -> bytes:
    out = b""
    while value >= 0x80:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


def inline(version: str = "go1.22.1", modules: bytes | None = None) -> bytes:
    modules = framed() if modules is None else modules
    header = info.MAGIC + bytes([0, 2]) + bytes(16)
    return header + varint(len(version)) + version.encode() + varint(len(modules)) + modules


def pointers(*, size: int = 8, flags: int = 0, length: int | None = None) -> bytes:
    """Go 1.17 and older: two pointers to string headers, which lie behind them here."""
    version, modules = b"go1.17.8", framed()
    headers = DATA + 32
    texts = headers + 32
    head = info.MAGIC + bytes([size, flags]) + struct.pack("<QQ", headers, headers + 16)
    shown = len(modules) if length is None else length
    strings = struct.pack("<QQQQ", texts, len(version), texts + len(version), shown)
    return head + strings + version + modules


@pytest.mark.parametrize(("data", "version"), [(inline(), "go1.22.1"), (pointers(), "go1.17.8")])
def test_both_forms(image, data: bytes, version: str) -> None:
    assert find_build_info(image(data)) == (version, TEXT)


def test_only_an_aligned_magic_counts(image) -> None:
    assert find_build_info(image(bytes(8) + inline() + bytes(64))) is None
    assert find_build_info(image(info.MAGIC[:-1] + bytes(64))) is None
    assert find_build_info(image(bytes(32) + inline())) == ("go1.22.1", TEXT)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (inline()[:60], "cut off"),
        (inline()[:32] + b"\xff" * 12, "cut off"),
        (inline()[:32] + varint(1 << 62), "cut off"),
        (pointers(flags=1), "another architecture"),
        (pointers(size=4), "another architecture"),
        (pointers(length=1 << 50), "impossible length"),
        (pointers(length=1 << 20), "outside of the image"),
        (pointers()[:16] + struct.pack("<QQ", 1 << 63, 0) + bytes(64), "outside of the image"),
    ],
)
def test_what_is_damaged_is_a_typed_error(image, data: bytes, words: str) -> None:
    with pytest.raises(MalformedTable, match=words):
        find_build_info(image(data))


def test_modules_without_their_frame_are_none(image) -> None:
    assert find_build_info(image(inline(modules=b"path\tx"))) == ("go1.22.1", "")
    assert find_build_info(image(inline(modules=b""))) == ("go1.22.1", "")


def test_every_fixture_says_what_it_is(entry) -> None:
    build = facts(entry.name).build
    assert build.go_version == entry.go_version
    assert build.minor == entry.minor
    assert build.path == f"example.com/fixture/{entry.package.removeprefix('./')}"
    assert build.settings["GOARCH"] == entry.goarch
    assert build.settings["CGO_ENABLED"] == str(int(entry.cgo))
    assert build.settings.get("-trimpath") == "true"


def test_modules_replacements_and_settings() -> None:
    build = parse_build(
        "go1.26.3",
        "path\texample.com/shop/cmd/shop\n"
        "mod\texample.com/shop\tv1.2.3\t\n"
        "=>\t../shop\t(devel)\t\n"
        "dep\texample.com/a\tv1.0.0\th1:aaa=\n"
        "dep\texample.com/b\tv1.1.0\n"
        "=>\texample.com/fork\tv1.1.1\th1:bbb=\n"
        "build\t-compiler=gc\n"
        'build\t-ldflags="-X main.v=\\"1 2\\" -s"\n'
        "build\t`-tags`=`a,b`\n"
        'build\t"odd key"="a\\tb\\n\\u00e9\\x41"\n'
        "build\tvcs.modified=true\n"
        "build\t=nothing\n"
        "build\n"
        "unknown\tline\n",
    )
    assert build.path == "example.com/shop/cmd/shop"
    assert (build.main.path, build.main.version, build.main.replace.path) == ("example.com/shop", "v1.2.3", "../shop")
    assert [(d.path, d.version, d.sum) for d in build.deps] == [
        ("example.com/a", "v1.0.0", "h1:aaa="),
        ("example.com/b", "v1.1.0", ""),
    ]
    assert build.deps[0].replace is None
    assert (build.deps[1].replace.path, build.deps[1].replace.sum) == ("example.com/fork", "h1:bbb=")
    assert build.settings == {
        "-compiler": "gc",
        "-ldflags": '-X main.v="1 2" -s',
        "-tags": "a,b",
        "odd key": "a\tb\né" + "A",
        "vcs.modified": "true",
    }


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('"plain"', "plain"),
        ('"a\\\\b\\"c\\\'"', "a\\b\"c'"),
        ('"\\U0001F600"', "\U0001f600"),
        ('"\\ud800"', "\ufffd"),
        ('"\\U7fffffff"', "\ufffd"),
        ('"\\xff"', "\ufffd"),
        ('"cut off', '"cut off'),
        ('"a" "b"', '"a" "b"'),
        ('"\\d"', '"\\d"'),
        ('"', '"'),
        ("`", "`"),
        ("``", ""),
        ("", ""),
        ('"' + "(" * 5000 + '"', "(" * 5000),
    ],
)
def test_quoted_values(text: str, value: str) -> None:
    assert parse_build("go1.26", f"build\tx={text}").settings["x"] == value


def test_a_replacement_of_nothing_is_ignored() -> None:
    build = parse_build("go1.26", "=>\texample.com/x\tv1\t\n")
    assert build.main is None
    assert build.deps == ()


@pytest.mark.parametrize(
    ("version", "minor"),
    [
        ("go1.26.3", 26),
        ("go1.27rc1", 27),
        ("devel go1.28-abc Mon", 28),
        ("go1.26 X:foo", 26),
        ("go2", None),
        ("", None),
    ],
)
def test_go_minor(version: str, minor: int | None) -> None:
    assert go_minor(version) == minor
