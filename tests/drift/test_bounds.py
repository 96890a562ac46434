"""How long a table is, by the code that checks the index: its last byte counts, and the byte behind it does not."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest

from probes.drift import compare
from probes.drift.addresses.index_bounds import table_bytes
from probes.drift.arch.amd64.decoder import Amd64Code
from probes.go import load
from scripts.programs.gobuild import GoBuild
from tests.conftest import first

if TYPE_CHECKING:
    from pathlib import Path

TABLES = {
    # name: (bytes of an element, elements, the type of an element, the function's body with its result's type)
    "checked": (1, 23, "uint8", "(i uint) uint8 { if i < 23 { return TABLE[i] }; return 0 }"),
    "panics": (4, 19, "uint32", "(i uint) uint32 { return TABLE[i] }"),
    "masked": (2, 32, "uint16", "(i uint) uint16 { return TABLE[i&31] }"),
    "nibble": (8, 16, "uint64", "(i uint8) uint64 { return TABLE[i>>4] }"),
    "byte": (2, 256, "uint16", "(i uint8) uint16 { return TABLE[i] }"),
    "shifted": (1, 21, "uint8", "(i int) uint8 { if i < 7 || i > 27 { return 0 }; return TABLE[i-7] }"),
    "looped": (
        8,
        27,
        "uint64",
        "(i uint) (n uint64) { t := TABLE; for j := range t { n += t[j] * uint64(i) }; return n }",
    ),
    # Comparisons that bound nothing on the way to the load, or on one of two ways only.
    "other_way": (2, 256, "uint16", "(i uint8) uint16 { if i < 7 { return 1 }; return TABLE[i] }"),
    "joined": (4, 17, "uint32", "(i uint) uint32 { i &= 15; if i >= 8 { i++ }; return TABLE[i] }"),
    "chosen": (4, 40, "uint32", "(i uint) uint32 { if i < 5 { i += 35 } else { i &= 31 }; return TABLE[i] }"),
    "narrowed": (2, 300, "uint16", "(i uint) uint16 { if i >= 300 { return 0 }; return TABLE[i] + uint16(uint8(i)) }"),
    "wide": (24, 9, "[3]uint64", "(i uint) uint64 { return TABLE[i][2] }"),
}


def _bytes(name: str) -> bytes:
    size, count, _, _ = TABLES[name]
    blocks = (hashlib.sha256(f"{name}{part}".encode()).digest() for part in range(size * count // 32 + 1))
    return b"".join(blocks)[: size * count]


def _literal(name: str) -> str:
    size, count, kind, _ = TABLES[name]
    content, unit = _bytes(name), 8 if kind.startswith("[") else size
    numbers = [int.from_bytes(content[at : at + unit], "little") for at in range(0, len(content), unit)]
    if unit == size:
        return f"[{count}]{kind}{{{', '.join(map(str, numbers))}}}"
    rows = (f"{{{', '.join(map(str, numbers[at : at + 3]))}}}" for at in range(0, len(numbers), 3))
    return f"[{count}]{kind}{{{', '.join(rows)}}}"


@pytest.mark.parametrize("arch", first(1, ["amd64", "arm64"]))
def test_a_table_ends_where_its_index_must(go_toolchain: Path, tmp_path: Path, arch: str) -> None:
    source = 'package main\n\nimport "os"\n\n'
    for name, (_, _, _, code) in TABLES.items():
        source += f"//go:noinline\nfunc {name}{code.replace('TABLE', _literal(name))}\n\n"
    first = {name: "uint8(len(os.Args))" if "i uint8" in TABLES[name][3] else "len(os.Args)" for name in TABLES}
    calls = (f"println({n}({'uint(' + a + ')' if 'i uint)' in TABLES[n][3] else a}))" for n, a in first.items())
    source += "func main() {\n\t" + "\n\t".join(calls) + "\n}\n"
    (tmp_path / "go.mod").write_text("module example.org/tables\n\ngo 1.21\n", "utf-8")
    (tmp_path / "main.go").write_text(source, "utf-8")
    GoBuild(go_toolchain, tmp_path, goarch=arch, flags=("-trimpath", "-ldflags=-s -w")).run(tmp_path / "out")
    original = (tmp_path / "out").read_bytes()
    old = load(str(tmp_path / "out"))
    for name in TABLES:
        content = _bytes(name)
        assert original.count(content) == 1, name
        for at in (0, len(content) - 1, len(content)):
            damaged = bytearray(original)
            damaged[original.index(content) + at] ^= 0x11
            (tmp_path / "patched").write_bytes(damaged)
            drift = compare(old, load(str(tmp_path / "patched"))).functions
            assert drift is not None
            changed = {each.name for each in drift.changed}
            if at < len(content):
                assert changed == {f"main.{name}"}, (name, at)
            else:
                assert f"main.{name}" not in changed | {each.name for each in drift.doubtful}, name


@pytest.mark.parametrize("arch", ["amd64", "arm64"])
def test_a_loop_bounds_what_it_reads(go_toolchain: Path, tmp_path: Path, arch: str) -> None:
    """Large map literals are filled from two tables in a loop, which keeps its counter on the stack during the call."""
    keys, values = (b"".join(hashlib.sha256(f"{what}{at}".encode()).digest()[:size] for at in range(33))
                    for what, size in (("key", 4), ("value", 8)))  # fmt: skip
    pairs = (
        f"\t{int.from_bytes(keys[4 * at : 4 * at + 4], 'little')}: {int.from_bytes(values[8 * at : 8 * at + 8], 'little')},\n"
        for at in range(33)
    )
    source = 'package main\n\nimport "os"\n\nvar m = map[uint32]uint64{\n' + "".join(pairs) + "}\n\n"
    (tmp_path / "go.mod").write_text("module example.org/loops\n\ngo 1.21\n", "utf-8")
    (tmp_path / "main.go").write_text(source + "func main() { println(m[uint32(len(os.Args))], len(m)) }\n", "utf-8")
    GoBuild(go_toolchain, tmp_path, goarch=arch, flags=("-trimpath", "-ldflags=-s -w")).run(tmp_path / "out")
    original = (tmp_path / "out").read_bytes()
    old = load(str(tmp_path / "out"))
    for content in (keys, values):
        assert original.count(content) == 1
        for at in (len(content) - 1, len(content)):
            damaged = bytearray(original)
            damaged[original.index(content) + at] ^= 0x11
            (tmp_path / "patched").write_bytes(damaged)
            drift = compare(old, load(str(tmp_path / "patched"))).functions
            assert drift is not None
            found = {each.name for each in drift.changed}, {each.name for each in drift.doubtful}
            if at < len(content):
                assert found == ({"main.map.init.0"}, set())
            else:
                assert "main.map.init.0" not in found[0] | found[1]


COMPARE, INCREMENT, TABLE, READ, RETURN = "4883f807", "48ffc0", "488d0d00000000", "0fb60401", "c3"
"""CMPQ AX, $7; INCQ AX; LEAQ table, CX; MOVBLZX (CX)(AX*1), AX; RET."""


@pytest.mark.parametrize(
    ("code", "place", "size"),
    [
        (COMPARE + "730b" + TABLE + READ + RETURN, 3, 7),  # JAE away: below 7
        (COMPARE + "770b" + TABLE + READ + RETURN, 3, 8),  # JA away
        (COMPARE + "7d0b" + TABLE + READ + RETURN, 3, 7),  # JGE away
        (COMPARE + "720b" + TABLE + READ + RETURN, 3, -1),  # JB away: 7 and above
        (COMPARE + "740b" + TABLE + READ + RETURN, 3, -1),  # JE away
        (COMPARE + "7201" + RETURN + TABLE + READ + RETURN, 4, 7),  # JB over a return: only so the load is reached
        (COMPARE + "7701" + RETURN + TABLE + READ + RETURN, 4, -1),  # JA over a return: above 7
        (COMPARE + "7303" + INCREMENT + TABLE + READ + RETURN, 4, -1),  # two ways meet, one unbounded
        (COMPARE + "730e" + INCREMENT + TABLE + READ + RETURN, 4, 8),  # JAE away, then one more
        (COMPARE + "730b" + TABLE + READ + RETURN + "ebf2", 3, -1),  # a jump from elsewhere leads behind the check
    ],
)
def test_a_comparison_counts_on_its_way_only(code: str, place: int, size: int) -> None:
    decoded = Amd64Code(bytes.fromhex(code), 0x401000)
    assert decoded.valid
    load = decoded.load(place)
    assert load is not None
    assert (load.base, load.index) == (1, 0)
    assert table_bytes(decoded, place, load) == size
