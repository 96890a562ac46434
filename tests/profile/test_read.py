"""Profiles as arrays, and what is no profile."""

from __future__ import annotations

import gzip
import random
import zlib

import numpy as np
import pytest

from probes.errors import UnreadableFile
from probes.profile.pprof import varints as varints_module
from probes.profile.pprof.profile_pb2 import Profile
from probes.profile.pprof.reading import NotProfile, read, read_file
from probes.profile.pprof.varints import Malformed, repeated_fields, varints
from scripts.programs.gobuild import ROOT
from tests.profile.made import Maker

FIXTURES = sorted((ROOT / "testdata" / "profiles").glob("*.pb.gz"))
KINDS = {
    "allocs": "allocs",
    "block": "block",
    "cpu": "cpu",
    "cpu-slower": "cpu",
    "goroutine": "goroutine",
    "heap": "heap",
    "mutex": "block",
}


@pytest.mark.parametrize("path", FIXTURES, ids=lambda path: path.name.partition(".")[0])
def test_arrays_hold_what_protobuf_reads_one_by_one(path):
    facts = read_file(str(path))
    message = Profile()
    message.ParseFromString(gzip.decompress(path.read_bytes()))
    assert facts.kind == KINDS[path.name.partition(".")[0]]
    assert len(facts) == len(message.sample) > 0
    names = {each.id: message.string_table[each.name] for each in message.function}
    frames = {each.id: [names[line.function_id] for line in each.line] for each in message.location}
    for row, sample in enumerate(message.sample):
        assert facts.values[row].tolist() == list(sample.value)
        stack = facts.stacks[facts.stack_offsets[row] : facts.stack_offsets[row + 1]].tolist()
        found = [
            [facts.functions[each] for each in facts.lines[facts.line_offsets[at] : facts.line_offsets[at + 1]]]
            for at in stack
        ]
        assert found == [frames[each] for each in sample.location_id]
    assert (facts.time_nanos, facts.duration_nanos) == (message.time_nanos, message.duration_nanos)
    assert facts.build_id == message.string_table[message.mapping[0].build_id] != ""


def test_ids_may_be_any_numbers_but_zero():
    maker = Maker()
    maker.sample(("a", "b"), 3, 30)
    location, far = maker.message.location[1], 1 << 63
    location.id = far
    maker.message.sample[0].location_id[1] = far
    facts = maker.facts()
    assert [facts.functions[row] for row in facts.lines[facts.stacks]] == ["a", "b"]


def test_unpacked_numbers_labels_and_unknown_fields_are_read_over():
    maker = Maker()
    maker.sample(("a",), 3, 30)
    maker.message.sample[0].label.add(key=1, num=5)
    raw = maker.data(zipped=False)
    sample = b"\x08\x01\x08\x01\x10\x07\x10\x46\x1a\x02\x08\x01\x4d\x00\x00\x00\x00\x51" + b"\0" * 8
    facts = read(raw + b"\x12" + bytes([len(sample)]) + sample, subject="x")
    assert facts.values.tolist() == [[3, 30], [7, 70]]
    assert facts.stack_offsets.tolist() == [0, 1, 3]


def test_varints_are_protobufs():
    rng = random.Random(4)
    numbers = [rng.getrandbits(rng.randrange(1, 65)) for _ in range(2000)] + [0, (1 << 64) - 1]
    message = Profile()
    message.sample.add(location_id=numbers)
    (offsets, found), _ = repeated_fields([message.sample[0].SerializeToString()], (1, 2))
    assert found.tolist() == numbers
    assert offsets.tolist() == [0, len(numbers)]
    for bad in (b"\x80", b"\x01\x80", b"\xff" * 10 + b"\x01"):
        with pytest.raises(Malformed):
            varints(np.frombuffer(bad, dtype=np.uint8))


def tampered(change) -> bytes:
    maker = Maker()
    maker.sample(("leaf+outer", "main"), 4, 40)
    maker.sample(("main",), 1, 10)
    change(maker.message)
    return maker.data()


def deep(message):
    message.sample[0].location_id.extend([1] * 5000)


def many_fields(message):
    for _ in range(9000):
        message.sample[0].label.add(key=1)


def setter(path, value):
    def change(message):
        *parts, last = path.split(".")
        for part in parts:
            message = message[int(part)] if part.isdigit() else getattr(message, part)
        if last.isdigit():
            message[int(last)] = value
        else:
            setattr(message, last, value)

    return change


HOSTILE = {
    "no sample types": (lambda m: m.ClearField("sample_type"), "no sample types"),
    "too many types": (lambda m: [m.sample_type.add() for _ in range(100)], "102 sample types"),
    "no strings": (lambda m: m.ClearField("string_table"), "string table"),
    "a first string": (setter("string_table.0", "x"), "string table"),
    "sample type": (setter("sample_type.0.type", 99), "outside of its string table"),
    "negative string": (setter("sample_type.0.unit", -1), "outside of its string table"),
    "function name": (setter("function.0.name", 1 << 40), "function's name is outside"),
    "line": (setter("location.0.line.0.function_id", 77), "a function that is not there"),
    "location": (setter("sample.0.location_id.0", 77), "a location that is not there"),
    "mapping": (setter("location.0.mapping_id", 3), "a mapping that is not there"),
    "id zero": (setter("location.0.id", 0), "no id"),
    "shared id": (setter("location.0.id", 2), "share an id"),
    "shared function": (setter("function.1.id", 1), "share an id"),
    "values": (lambda m: m.sample[0].value.append(1), "3 values for 2 types"),
    "overflow": (setter("sample.0.value.0", (1 << 63) - 1), "add up to more"),
    "build id": (lambda m: m.mapping.add(id=1, build_id=99), "a build id is outside"),
    "deep": (deep, "a stack of 5,002 frames"),
    "fields": (many_fields, "more than 8,192 fields"),
    "period type": (setter("period_type.type", 1000), "outside of its string table"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_profile_that_contradicts_itself_is_refused_by_name(name):
    change, said = HOSTILE[name]
    with pytest.raises(NotProfile, match=said) as caught:
        read(tampered(change), subject="bad.pb.gz")
    assert caught.value.subject == "bad.pb.gz"


def test_what_would_be_more_than_any_profile_is_counted_before_it_is_made(monkeypatch):
    maker = Maker()
    for _ in range(40):
        maker.sample(("a", "b", "c"), 3, 30)
    raw = maker.data(zipped=False)
    assert len(read(raw, subject="x", limit=1 << 16)) == 40
    with pytest.raises(NotProfile, match=r"it has 40 entries in `sample`"):
        read(raw, subject="x", limit=len(raw))
    monkeypatch.setattr(varints_module, "MAX_NUMBERS", 100)
    with pytest.raises(NotProfile, match="its samples have 120 numbers"):
        read(raw, subject="x")


def test_what_is_no_profile():
    good = tampered(lambda _: None)
    for data, said in (
        (b"", "empty"),
        (gzip.compress(b""), "no sample types"),
        (b"<!DOCTYPE html><p>sign in", "an HTML page"),
        (b"\n\n<html>", "an HTML page"),
        (b"not a profile at all", "not a pprof profile"),
        (good[:-9], "ends too early"),
        (good[: len(good) // 2], "ends too early"),
        (good[:20] + b"\x00" * 30 + good[50:], "damaged gzip data|ends too early|not a"),
        (gzip.compress(good), "not a pprof profile"),
        (zlib.compress(b"x"), "not a pprof profile"),
    ):
        with pytest.raises(NotProfile, match=said):
            read(data, subject="x")


def test_a_bomb_is_given_up_at_the_limit():
    bomb = gzip.compress(b"\0" * (64 << 20))
    with pytest.raises(NotProfile, match="more than 1 MB"):
        read(bomb, subject="bomb", limit=1 << 20)


def test_damaged_profiles_are_read_or_refused_and_nothing_else():
    rng = random.Random(11)
    raw = bytearray(gzip.decompress((ROOT / "testdata" / "profiles" / "cpu.pb.gz").read_bytes()))
    refused = 0
    for _ in range(400):
        bad = bytearray(raw)
        for _ in range(rng.randrange(1, 6)):
            bad[rng.randrange(len(bad))] = rng.randrange(256)
        try:
            read(bytes(bad[: rng.randrange(1, len(bad) + 1)]), subject="x")
        except NotProfile:
            refused += 1
    assert refused > 200


def test_files(tmp_path):
    with pytest.raises(UnreadableFile, match="No such file"):
        read_file(str(tmp_path / "nowhere"))
    with pytest.raises(UnreadableFile, match="cannot read"):
        read_file(str(tmp_path))
    large = tmp_path / "large"
    large.write_bytes(b"x" * 2048)
    with pytest.raises(UnreadableFile, match="larger"):
        read_file(str(large), limit=1024)
