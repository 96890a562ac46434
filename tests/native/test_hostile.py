"""Tables of the loader that lie: a typed error or unreadable evidence, never a traceback, a hang or gigabytes."""

from __future__ import annotations

import random
import struct
from dataclasses import replace

import pytest

from probes.drift import compare
from probes.elf import dynamic_symbols
from probes.elf.dynamic_symbols import read_dynamic_symbols
from probes.elf.exports import read_shared
from probes.elf.image import Image
from probes.elf.relocations import dynamic_tags
from probes.elf.symbol_versions import MAX_VERSIONS, defined_versions
from probes.elf.symbols import MAX_NAME, SYM, SymbolTable
from probes.errors import ProbeError
from probes.go import load
from probes.go.buildinfo.plugin import MAX_PACKAGES, PKGHASHES, read_plugin
from tests import made_elf, matrix
from tests.made_elf import DATA
from tests.native.conftest import run_check
from tests.native.libraries import VERSIONS, Built, build

VERDEF, VERDEFNUM, GNU_HASH, HASH = 0x6FFFFFFC, 0x6FFFFFFD, 0x6FFFFEF5, 4


@pytest.fixture
def image(tmp_path):
    def make(data: bytes, *dynamic: tuple[int, int]) -> Image:
        from probes.elf.headers import open_elf  # noqa: PLC0415
        from probes.elf.source import read_source  # noqa: PLC0415

        path = tmp_path / "made"
        path.write_bytes(made_elf.elf_file(data, dynamic=dynamic))
        source = read_source(str(path))
        return Image(open_elf(source), source.buffer, source.data)

    return make


def test_defined_versions_without_end(image) -> None:
    loop = b"".join(struct.pack("<HHHHIII", 1, 1, 1, 1, 0, 20, 20) for _ in range(MAX_VERSIONS + 10))
    made = image(loop, (VERDEF, DATA), (VERDEFNUM, 1 << 60))
    with pytest.raises(ProbeError, match="does not end"):
        defined_versions(made, dynamic_tags(made))


def test_a_defined_version_outside_of_the_image(image) -> None:
    made = image(struct.pack("<HHHHIII", 1, 0, 2, 1, 0, 1 << 30, 0), (VERDEF, DATA), (VERDEFNUM, 1))
    with pytest.raises(ProbeError, match="outside of the image"):
        defined_versions(made, dynamic_tags(made))


@pytest.mark.parametrize(
    ("data", "tag", "words"),
    [
        (struct.pack("<II", 1, 1 << 31), HASH, "more than hotgate reads"),
        (struct.pack("<II", 1, 1 << 19), HASH, "outside of the image"),
        (struct.pack("<IIII", 1 << 30, 1, 1, 0), GNU_HASH, "outside of the image"),
        (struct.pack("<IIIIQI", 1, 1, 1, 0, 0, 1 << 30), GNU_HASH, "outside of the image"),
        (struct.pack("<IIIIQI", 1, 1, 1, 0, 0, 1) + bytes(36), GNU_HASH, "does not end"),
    ],
)
def test_hash_tables_that_lie(data, tag, words, image) -> None:
    made = image(data, (5, DATA), (6, DATA), (10, 16), (tag, DATA))
    if words == "does not end":  # the dynamic section behind the table has odd words: leave none
        made.data[DATA + len(data) :] &= 0xFE
        tags = {5: DATA, 6: DATA, 10: 16, tag: DATA}
    else:
        tags = dynamic_tags(made)
    with pytest.raises(ProbeError, match=words):
        read_dynamic_symbols(made, tags)


def test_a_name_without_end() -> None:
    import numpy as np  # noqa: PLC0415

    raw = np.zeros(2, dtype=SYM)
    raw["name"] = (0, MAX_NAME)
    table = SymbolTable(raw, b"x" * (2 * MAX_NAME - 1) + b"\0")
    assert (table.name(0), len(table.name(1))) == ("", MAX_NAME - 1)


def test_more_symbols_than_anybody_has(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(dynamic_symbols, "MAX_SYMBOLS", 3)
    facts = load(str(build(tmp_path, Built())), foreign=True)
    drift = compare(facts, facts)
    assert drift.native is None
    assert "more than hotgate reads" in drift.problems["native"]


def test_a_damaged_table_is_unreadable_evidence_and_never_passes(tmp_path) -> None:
    old = build(tmp_path / "old", Built(flags=("-Wl,--build-id=none",)))
    facts = load(str(old), foreign=True)
    new = tmp_path / "new.so"
    data = bytearray(old.read_bytes())
    data[facts.image.offset(dynamic_tags(facts.image)[GNU_HASH], 4)] = 0xFF
    data[facts.image.offset(dynamic_tags(facts.image)[GNU_HASH], 4) + 3] = 0xFF
    new.write_bytes(data)
    code, report = run_check(old, new, "--mode", "plugin")
    state = next(each for each in report["evidence"] if each["name"] == "native")
    assert (code, report["verdict"], state["status"]) == (11, "inconclusive", "unreadable")


@pytest.mark.parametrize(
    ("offset", "value"), [(PKGHASHES + 8, MAX_PACKAGES + 1), (PKGHASHES, 1), (PKGHASHES + 8, 9999)]
)
def test_packages_of_a_plugin_that_lie(offset, value, tmp_path) -> None:
    name = "go1.27-amd64-plugin"
    module = made_elf.facts(name).module
    at = made_elf.place(name, module.address + module.layout.inittasks + offset, 8)
    facts = load(str(made_elf.damaged(tmp_path, name, (at, struct.pack("<Q", value)))))
    image = facts.image
    position = image.offset(module.address + module.layout.inittasks + offset, 8)
    image.data[position : position + 8] = list(struct.pack("<Q", value))  # where a relocation wrote over it
    with pytest.raises(ProbeError):
        read_plugin(image, module)


def test_random_damage_of_a_library(tmp_path) -> None:
    """Each mutant is refused, compared, or without native evidence: a few bytes of the loader's tables are changed."""
    path = build(tmp_path, replace(Built(), script=VERSIONS))
    good = load(str(path), foreign=True)
    first = min(s.vaddr for s in good.image.elf.segments if s.kind == "PT_LOAD")
    tags = dynamic_tags(good.image)
    places = [good.image.offset(value, 1) for value in tags.values() if value > first and good.image.span(value)]
    dynamic = next(s for s in good.image.elf.segments if s.kind == "PT_DYNAMIC")
    places += [dynamic.offset] * len(places) + [0] * 4
    data = path.read_bytes()
    chance = random.Random(7)
    seen = {"refused": 0, "compared": 0, "unreadable": 0}
    for _ in range(600):
        mutant = bytearray(data)
        for _ in range(chance.randint(1, 3)):
            at = chance.choice(places) + chance.randrange(400)
            width = chance.choice((1, 2, 4, 8))
            value = chance.choice(
                (0, 1, 0x7F, 0xFF, 1 << 15, (1 << 31) - 1, (1 << 32) - 1, (1 << 64) - 1, chance.randrange(1 << 64))
            )
            mutant[at : at + width] = (value & (1 << 8 * width) - 1).to_bytes(width, "little")
        other = tmp_path / "mutant.so"
        other.write_bytes(mutant[: len(data)])
        try:
            facts = load(str(other), foreign=True)
        except ProbeError:
            seen["refused"] += 1
            continue
        drift = compare(good, facts)
        assert drift.native is not None or "native" in drift.problems
        seen["unreadable" if drift.native is None else "compared"] += 1
    assert min(seen.values()) > 10, seen


def test_a_fixture_without_any_symbols_is_read() -> None:
    facts = load(str(matrix.unpack("go1.27-amd64-exe-stripped")))
    assert read_shared(facts.image, None, None).exports == {}
