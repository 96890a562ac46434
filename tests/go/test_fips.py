from __future__ import annotations

import pytest
from msgspec.structs import replace

from probes.go import load
from probes.go.buildinfo.fips import MAGIC, SECTIONS, read_fips
from tests import matrix
from tests.made_elf import damaged, facts

NAME = "go1.27-amd64-exe"


def with_mode(name: str, mode: str):
    build = facts(name).build
    return replace(build, godebug={**build.godebug, "fips140": mode})


def linkinfo(name: str) -> int:
    image = facts(name).image
    hits = [a for a in image.find_word(int.from_bytes(MAGIC[:8], "little")) if image.bytes(a, 16).tobytes() == MAGIC]
    return next(a for a in hits if image.u64(a + 48) == a)


def test_the_module_came_with_1_24(entry) -> None:
    state = facts(entry.name).fips
    assert state in ((None, "off") if entry.buildmode == "plugin" else ("off",) if entry.minor >= 24 else (None,))


def test_without_build_information_the_mode_is_off() -> None:
    assert read_fips(facts(NAME).image, None) == "off"


def test_a_changed_byte_breaks_the_sum(tmp_path) -> None:
    image = facts(NAME).image
    at = linkinfo(NAME)
    state = read_fips(image, with_mode(NAME, "on"))
    stored = image.bytes(at + 16, 32).tobytes()
    if stored == bytes(32):  # nothing was summed: a program that asks for it would not start
        assert state == "broken"
        return
    assert state == "on"
    start = int(image.u64(at + SECTIONS))
    where = image.offset(start, 1)
    other = load(str(damaged(tmp_path, NAME, (where, bytes([image.buffer[where] ^ 1])))))
    assert other.fips == "broken"


@pytest.mark.parametrize("word", [0, (1 << 63) - 1, (1 << 64) - 1])
def test_sections_that_lead_outside_are_broken(tmp_path, word: int) -> None:
    image = facts(NAME).image
    at = image.offset(linkinfo(NAME), 120)
    writes = [(at + 16, b"\1" * 32), (at + SECTIONS + 8, word.to_bytes(8, "little"))]
    assert load(str(damaged(tmp_path, NAME, *writes))).fips == "broken"


def test_the_fixtures_know_both() -> None:
    assert {facts(e.name).fips for e in matrix.select(buildmode="exe")} == {None, "off"}
