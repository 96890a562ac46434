"""Host facts: processor levels, the loader's cache, the JSON round trip."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probes.errors import MalformedTable, ProbeError, UnreadableFile
from probes.host import (
    AMD64_LEVELS,
    MalformedTarget,
    TargetFacts,
    amd64_level,
    arm64_version,
    dump_target,
    load_target,
    read_host,
)
from probes.host_libraries import ENTRY, HEADER, MAGIC, defined_versions, parse_cache

FLAGS = [" ".join(sorted(frozenset().union(*AMD64_LEVELS[:level]))) for level in range(5)]
FACTS = TargetFacts("amd64", "linux", 3, None, ("/lib64/ld-linux-x86-64.so.2",), {"libc.so.6": ("GLIBC_2.34",)})


@pytest.mark.parametrize("level", [1, 2, 3, 4])
def test_amd64_levels(level):
    assert amd64_level(f"processor\t: 0\nflags\t\t: {FLAGS[level]} ht\n") == level


def test_a_level_needs_every_flag_of_the_levels_below():
    assert amd64_level(f"flags\t: {FLAGS[4].replace('movbe', '')}\n") == 2
    assert amd64_level("flags\t: avx2\n") is None
    assert amd64_level("Features\t: fp asimd\n") is None
    assert amd64_level("") is None


def test_lzcnt_shows_as_abm():
    assert amd64_level(f"flags : {FLAGS[3]}") == 3
    assert amd64_level(f"flags : {FLAGS[3].replace('abm', 'lzcnt')}") == 2


def test_the_least_able_core_decides():
    assert amd64_level(f"flags : {FLAGS[4]}\nflags : {FLAGS[2]}\n") == 2


@pytest.mark.parametrize(
    ("features", "version"),
    [
        ("fp asimd", "v8.0"),
        ("fp asimd atomics", "v8.0,lse"),
        ("fp asimd atomics asimdrdm crc32", "v8.1"),
        ("fp asimd atomics asimdrdm crc32 dcpop fcma jscvt lrcpc", "v8.3"),
        ("evtstrm", None),
    ],
)
def test_arm64_versions(features, version):
    assert arm64_version(f"Features\t: {features}\n") == version


def cache(entries: list[tuple[int, str, str]], prefix: bytes = b"") -> bytes:
    strings, records = b"", b""
    start = HEADER.size + ENTRY.size * len(entries)
    for flags, name, path in entries:
        key = start + len(strings)
        strings += name.encode() + b"\0"
        value = start + len(strings)
        strings += path.encode() + b"\0"
        records += ENTRY.pack(flags, key, value, 0, 0)
    return prefix + HEADER.pack(MAGIC, len(entries), len(strings), 2, 0) + records + strings


ENTRIES = [
    (0x0303, "libc.so.6", "/lib/libc.so.6"),
    (0x0003, "libc.so.6", "/lib32/libc.so.6"),
    (0x0A03, "liba.so", "/a"),
]


def test_the_loader_cache_is_read_for_one_architecture():
    assert parse_cache(cache(ENTRIES), "amd64") == {"libc.so.6": "/lib/libc.so.6"}
    assert parse_cache(cache(ENTRIES), "arm64") == {"liba.so": "/a"}


def test_an_old_format_cache_may_come_first():
    prefix = b"ld.so-1.7.0\0" + struct.pack("<I", 1) + bytes(12) + bytes(4)
    assert parse_cache(cache(ENTRIES, prefix), "amd64") == {"libc.so.6": "/lib/libc.so.6"}


@pytest.mark.parametrize("cut", [0, 10, 47, 60, 100])
def test_a_cut_cache_is_refused(cut):
    with pytest.raises(MalformedTable):
        parse_cache(cache(ENTRIES)[:cut], "amd64")


@given(st.binary(max_size=200), st.integers(0, 160))
def test_a_damaged_cache_never_ends_in_another_error(noise, at):
    good = cache(ENTRIES)
    try:
        found = parse_cache(good[:at] + noise + good[at + len(noise) :], "amd64")
    except MalformedTable:
        return
    assert all(isinstance(name, str) for name in found)


def test_versions_of_this_host_if_it_has_a_libc():
    facts = read_host(libraries=True)
    assert facts.libraries is not None
    if "libc.so.6" in facts.libraries:
        assert "GLIBC_2.2.5" in facts.libraries["libc.so.6"] or "GLIBC_2.17" in facts.libraries["libc.so.6"]


def test_libraries_are_read_on_demand_only():
    assert read_host().libraries is None


def test_what_is_no_library_defines_nothing(tmp_path):
    path = tmp_path / "libx.so"
    path.write_bytes(b"INPUT(-lx)")
    assert defined_versions(str(path)) is None


def test_round_trip(tmp_path):
    path = tmp_path / "target.json"
    path.write_text(dump_target(FACTS), "utf-8")
    loaded = load_target(str(path))
    assert dump_target(loaded) == dump_target(FACTS)
    assert (loaded.goamd64_level, loaded.libraries, loaded.source) == (3, FACTS.libraries, str(path))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"goamd64_level": 5}, "goamd64_level must be 1 to 4 or null, not 5"),
        ({"goamd64_level": True}, "goamd64_level must be 1 to 4 or null, not True"),
        ({"arch": 7}, "arch must be a string, not 7"),
        ({"interpreters": "x"}, "interpreters must be a list of strings"),
        ({"libraries": {"a": [1]}}, "libraries.a must be a string, not 1"),
        ({"libraries": []}, "libraries must be an object or null"),
        ({"schema_version": "9"}, "schema_version is '9', not '1'"),
        ({"extra": 1}, "unknown key 'extra'"),
    ],
)
def test_a_wrong_target_is_refused_in_one_line(change, message, tmp_path):
    path = tmp_path / "target.json"
    path.write_text(json.dumps({**json.loads(dump_target(FACTS)), **change}), "utf-8")
    with pytest.raises(MalformedTarget) as caught:
        load_target(str(path))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "inspect --host" in caught.value.hint


@pytest.mark.parametrize("text", ["", "[]", "{}", "null", "[" * 100_000, '{"arch": 1'])
def test_what_is_no_target_is_refused(text, tmp_path):
    path = tmp_path / "target.json"
    path.write_text(text, "utf-8")
    with pytest.raises(ProbeError):
        load_target(str(path))


def test_a_missing_target_is_unreadable():
    with pytest.raises(UnreadableFile, match="No such file"):
        load_target(str(Path("no", "such.json")))
