"""Deltas: exact, bounded, and of no use when they are damaged."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gate.release.delta import making, varint
from gate.release.delta.container import apply_delta, wrap
from gate.release.delta.golang import encode, fields, references
from gate.release.delta.golang.copies import combine, find_copies
from gate.release.delta.golang.lookup import table
from gate.release.delta.golang.prediction import Moves, write
from gate.release.delta.golang.reading import read_layout
from gate.release.delta.making import Limits, make_delta, maker
from gate.release.delta.streams import Reader, pack
from gate.release.errors import ReleaseError
from scripts.truth.release_proof.mutations import try_mutations
from tests import matrix
from tests.conftest import first


def entry(**wanted):
    return matrix.select(**wanted)[0]


PAIRS = {
    "amd64": (
        {"goarch": "amd64", "buildmode": "exe", "minor": 26},
        {"goarch": "amd64", "buildmode": "exe", "minor": 27},
    ),
    "amd64 stripped": (
        {"goarch": "amd64", "buildmode": "exe", "minor": 27, "stripped": False},
        {"goarch": "amd64", "buildmode": "exe", "minor": 27, "stripped": True},
    ),
    "pie": ({"goarch": "amd64", "buildmode": "pie", "minor": 25}, {"goarch": "amd64", "buildmode": "pie", "minor": 27}),
    "exe to pie": (
        {"goarch": "amd64", "buildmode": "exe", "minor": 27},
        {"goarch": "amd64", "buildmode": "pie", "minor": 27},
    ),
    "arm64": ({"goarch": "arm64", "minor": 26}, {"goarch": "arm64", "minor": 27}),
    "oldest layout": ({"goarch": "amd64", "minor": 19}, {"goarch": "amd64", "minor": 21}),
}


def made(method, old, new):
    return wrap(method, old, new, maker(method)(old, new))


def applied(old, delta, new):
    base, sha256 = (hashlib.sha256(data).hexdigest() for data in (old, new))
    return apply_delta(old, delta, base=base, sha256=sha256, size=len(new))


@pytest.mark.parametrize("name", first(1, PAIRS))
def test_a_delta_of_go_programs_is_exact(name):
    old, new = (entry(**wanted).path.read_bytes() for wanted in PAIRS[name])
    delta = made("go", old, new)
    assert applied(old, delta, new) == new
    assert len(delta) < len(new) / 2


def test_a_program_to_itself_is_next_to_nothing():
    data = entry(goarch="amd64", buildmode="exe", minor=27).path.read_bytes()
    delta = made("go", data, data)
    assert applied(data, delta, data) == data
    assert len(delta) < len(data) / 250


def test_the_lookup_table_is_the_linker_s():
    for wanted in ({"goarch": "amd64", "buildmode": "exe", "minor": 27}, {"goarch": "arm64", "minor": 26}):
        data = np.frombuffer(entry(**wanted).path.read_bytes(), np.uint8)
        layout = read_layout(data.tobytes())
        start, size = layout.lookup
        assert size > 100
        assert np.array_equal(table(data, layout), data[start : start + size])


@pytest.mark.parametrize(
    "wanted", [{"goarch": "amd64", "buildmode": "exe", "minor": 27}, {"goarch": "arm64", "minor": 27}]
)
def test_references_that_are_written_as_they_are_change_nothing(wanted):
    data = np.frombuffer(entry(**wanted).path.read_bytes(), np.uint8)
    layout = read_layout(data.tobytes())
    found = references.find(data, layout)
    assert set(found.form.tolist()) >= {fields.WORD, fields.OFFSET}
    assert found.place.size > 20_000
    assert (np.diff(found.place) >= fields.WIDTH[found.form][:-1]).all()
    out = data.copy()
    write(out, layout, found)
    assert np.array_equal(out, data)


@pytest.mark.parametrize("method", ["bsdiff", "zstd"])
@given(old=st.binary(max_size=300), new=st.binary(min_size=1, max_size=300))
def test_the_other_ways_are_exact_for_any_bytes(method, old, new):
    mixed = old[:100] + new + old[50:]
    assert applied(old, made(method, old, mixed), mixed) == mixed


def test_what_is_no_go_program_has_no_go_delta():
    with pytest.raises(ReleaseError, match="no delta of Go programs"):
        encode.make(b"\x7fELF", b"\x7fELF")
    amd64, arm64 = (entry(goarch=arch, minor=27).path.read_bytes() for arch in ("amd64", "arm64"))
    with pytest.raises(ReleaseError, match="different processors"):
        encode.make(amd64, arm64)


def test_the_smallest_way_is_taken_and_another_where_it_cannot_be_made():
    old, new = bytes(range(256)) * 40, bytes(range(255)) * 40
    found = make_delta(old, new, Limits(seconds=120))
    assert found is not None
    assert found.method in {"bsdiff", "zstd"}
    assert found.sizes["go"] is None
    assert applied(old, found.data, new) == new


def test_time_and_memory_are_bounded():
    old, new = (entry(goarch="amd64", buildmode="exe", minor=minor).path.read_bytes() for minor in (26, 27))
    assert make_delta(old, new, Limits(seconds=0.01)) is None
    assert make_delta(old, new, Limits(seconds=300, memory=1 << 20)) is None


def test_a_delta_that_does_not_apply_is_not_offered(monkeypatch):
    monkeypatch.setattr(making, "_payload", lambda *_: b"nothing")
    assert make_delta(b"old", b"new") is None


@pytest.mark.parametrize("number", first(1, [10, 60]))  # `make release-proof` tries 2,000
def test_damaged_deltas_are_refused(number):
    refused, same, _, grown = try_mutations(number)
    assert refused + same == number
    assert refused > number * 5 / 6
    assert grown < 600


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda delta: delta[:95], "cut off"),
        (lambda delta: b"hotgate\x02" + delta[8:], "not a delta that this hotgate knows"),
        (lambda delta: delta[:8] + b"xdelta\0\0" + delta[16:], "not a delta that this hotgate knows"),
        (lambda delta: delta[:16] + bytes(32) + delta[48:], "for another file"),
        (lambda delta: delta[:48] + bytes(32) + delta[80:], "makes another file"),
        (lambda delta: delta + b"x", "more than its parts"),
        (lambda delta: delta[:-1], "cut off"),
    ],
)
def test_heads_that_are_wrong(change, said):
    old, new = b"old" * 100, b"new" * 100
    with pytest.raises(ReleaseError, match=said):
        applied(old, change(made("bsdiff", old, new)), new)


def test_a_part_is_bounded_before_it_is_unpacked():
    with pytest.raises(ReleaseError, match="a part of 67108864 bytes where 100 can be"):
        Reader(pack(bytes(1 << 26))).part(100)
    lying = bytearray(pack(bytes(1 << 20)))
    lying[1:5] = (100).to_bytes(4, "little")
    with pytest.raises(ReleaseError, match="damaged"):
        Reader(bytes(lying)).part(100)


@given(st.lists(st.integers(0, (1 << 62) - 1)))
def test_numbers(values):
    array = np.array(values, np.int64)
    assert varint.decode(varint.encode(array), len(values)).tolist() == values


@given(st.lists(st.integers(-(1 << 61), (1 << 61) - 1)))
def test_signed_numbers(values):
    array = np.array(values, np.int64)
    assert varint.decode_signed(varint.encode_signed(array)).tolist() == values


@pytest.mark.parametrize("data", [b"\x80", b"\xff" * 10 + b"\x00", b"\x01\x80"])
def test_numbers_that_are_none(data):
    with pytest.raises(ReleaseError, match="not a delta"):
        varint.decode(data)


def test_copies_follow_what_moved():
    chance = np.random.default_rng(18)
    old = chance.integers(0, 256, 20_000, np.uint8)
    new = np.concatenate([old[:5000], chance.integers(0, 256, 40, np.uint8), old[5000:12_000], old[15_000:]])
    found = find_copies(old, new)
    assert [(source - at) for at, source, _ in found] == [0, -40, 2960]
    assert sum(length for *_, length in found) >= new.size - 50


def test_better_copies_take_the_place_of_others():
    assert combine([(0, 0, 100)], [(40, 500, 10)], [(40, 60)]) == [(0, 0, 40), (40, 500, 10), (60, 60, 40)]
    assert combine([(0, 0, 40)], [(40, 40, 10)], [(40, 60)]) == [(0, 0, 50)]


def test_addresses_move_by_the_step_before_them():
    moves = Moves(np.array([100, 200]), np.array([5, -3]))
    assert moves.of(np.array([0, 99, 100, 199, 200, 999])).tolist() == [0, 99, 105, 204, 197, 996]
