"""The hash chain: every single-record edit, deletion, swap and truncation of 1,000 records shows."""

from __future__ import annotations

import random

import pytest
from msgspec.structs import replace

from gate.store.chain import EMPTY, GENESIS, Head, Record, canonical, digest, link, parse_head, verify
from tests.conftest import first

AT = "2026-03-01T10:00:00.000000Z"
NUMBER = 1000


def chain(number: int, salt: str = "") -> list[Record]:
    out, head = [], EMPTY
    for index in range(number):
        out.append(link(head, AT, canonical({"verdict": "block" if index % 3 else "pass", "n": index, "salt": salt})))
        head = Head(out[-1].seq, out[-1].hash)
    return out


RECORDS = chain(NUMBER)
HEAD = Head(RECORDS[-1].seq, RECORDS[-1].hash)
STEPS = first(1, [16, 1])
"""Of how many records each one is tried: `make test` tries some, `make test-all` every one."""


def problems(records: list[Record], *exported: Head, stored: Head | None = HEAD) -> list[str]:
    return [each.what for each in verify(records, stored, exported)]


def shows(records: list[Record], *exported: Head, stored: Head | None = HEAD) -> bool:
    return next(verify(records, stored, exported), None) is not None


def rehashed(records: list[Record]) -> tuple[list[Record], Head]:
    """The log as somebody who can write everything would leave it: the whole chain computed anew."""
    out, head = [], EMPTY
    for record in records:
        out.append(link(head, record.at, record.body))
        head = Head(out[-1].seq, out[-1].hash)
    return out, head


def test_a_log_as_written_is_whole() -> None:
    assert problems(RECORDS, HEAD, Head(1, RECORDS[0].hash), EMPTY) == []
    assert problems([], stored=EMPTY) == []


def test_the_format_is_the_documented_one() -> None:
    """Another program must be able to verify the log: the hash is of these lines."""
    import hashlib  # noqa: PLC0415

    first = RECORDS[0]
    lines = f"hotgate audit 1\n1\n{AT}\n{GENESIS}\n{first.body}".encode()
    assert first.hash == hashlib.sha256(lines).hexdigest() == digest(1, AT, first.body, GENESIS)


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("field", ["seq", "at", "body", "prev", "hash"])
def test_every_edit_of_every_record_shows(field: str, step: int) -> None:
    edited = {
        "seq": lambda r: r.seq + NUMBER,
        "at": lambda _: "2026-03-01T10:00:00.000001Z",
        "body": lambda r: r.body.replace("block", "pass ") if "block" in r.body else r.body.replace("pass", "block"),
        "prev": lambda r: r.prev[:-1] + ("0" if r.prev[-1] != "0" else "1"),
        "hash": lambda r: r.hash[:-1] + ("0" if r.hash[-1] != "0" else "1"),
    }[field]
    for index in range(0, NUMBER, step):
        record = RECORDS[index]
        changed = replace(record, **{field: edited(record)})
        assert changed != record
        # As the store gives them: by number.
        tampered = sorted([*RECORDS[:index], changed, *RECORDS[index + 1 :]], key=lambda each: each.seq)
        assert shows(tampered), (index, field)


@pytest.mark.parametrize("step", STEPS)
def test_every_edit_with_its_own_hash_put_right_shows(step: int) -> None:
    for index in range(0, NUMBER, step):
        record = RECORDS[index]
        body = canonical({"verdict": "pass", "n": -1})
        changed = replace(record, body=body, hash=digest(record.seq, record.at, body, record.prev))
        tampered = [*RECORDS[:index], changed, *RECORDS[index + 1 :]]
        assert shows(tampered), index
        assert shows(tampered, HEAD, stored=Head(tampered[-1].seq, tampered[-1].hash)), index


@pytest.mark.parametrize("step", STEPS)
def test_every_deletion_shows_also_with_the_rest_renumbered(step: int) -> None:
    for index in range(0, NUMBER, step):
        rest = [*RECORDS[:index], *RECORDS[index + 1 :]]
        assert shows(rest), index
        moved = [each if n < index else replace(each, seq=each.seq - 1) for n, each in enumerate(rest)]
        assert shows(moved), index


@pytest.mark.parametrize("step", STEPS)
def test_every_swap_of_neighbours_and_many_of_others_show(step: int) -> None:
    pairs = [(n, n + 1) for n in range(0, NUMBER - 1, step)]
    chance = random.Random(1)
    pairs += [tuple(sorted(chance.sample(range(NUMBER), 2))) for _ in range(2000 // step)]
    for one, other in pairs:
        swapped = RECORDS.copy()
        swapped[one], swapped[other] = (
            replace(RECORDS[other], seq=RECORDS[one].seq),
            replace(RECORDS[one], seq=RECORDS[other].seq),
        )
        assert shows(swapped), (one, other)
        order = RECORDS.copy()
        order[one], order[other] = order[other], order[one]
        assert shows(order), (one, other)


@pytest.mark.parametrize("step", STEPS)
def test_every_truncation_shows_by_the_stores_head_and_by_an_exported_one(step: int) -> None:
    for left in range(0, NUMBER, step):
        short = RECORDS[:left]
        assert shows(short), left
        cut = Head(short[-1].seq, short[-1].hash) if short else EMPTY
        assert not shows(short, stored=cut), "who can write the store's head hides it from the store alone"
        assert shows(short, HEAD, stored=cut), left
        assert shows(RECORDS[NUMBER - left :], HEAD) if left < NUMBER else True


def test_a_log_that_was_written_anew_shows_only_by_an_exported_head() -> None:
    forged, head = rehashed([*RECORDS[:500], replace(RECORDS[500], body="{}"), *RECORDS[501:]])
    assert problems(forged, stored=head) == []
    assert problems(forged, HEAD, stored=head) == [f"record {NUMBER} is not the one whose head was exported"]
    assert problems(forged, Head(500, RECORDS[499].hash), stored=head) == [], "it is as it was up to there"


def test_inserted_and_doubled_records_show() -> None:
    for index in range(0, NUMBER, 7):
        assert problems([*RECORDS[: index + 1], *RECORDS[index:]]), index
    longer = [*RECORDS, link(HEAD, AT, "{}")]
    assert problems(longer), "the store's head is not the last"


def test_two_exported_heads_that_disagree_show() -> None:
    assert problems(RECORDS, HEAD, Head(NUMBER, "f" * 64))


def test_a_store_without_its_head_shows() -> None:
    assert problems(RECORDS, stored=None)


@pytest.mark.parametrize(
    "text", ["", ":", "1", "1:", "x:" + "0" * 64, "1:" + "0" * 63, "1:" + "G" * 64, "-1:" + "0" * 64, "٣:" + "0" * 64]
)
def test_what_is_no_head(text: str) -> None:
    assert parse_head(text) is None


def test_a_head_is_read_as_it_is_written() -> None:
    assert parse_head(f" {HEAD}\n") == HEAD


def test_the_canonical_text_never_changes() -> None:
    # A log that was written by another version is verified by this one: one byte more, and it would count as forged.
    value = {"b": [1, 1.5, None, True], "a": {"ü": "é\u2028", "A": ""}}
    assert canonical(value) == '{"a":{"A":"","\\u00fc":"\\u00e9\\u2028"},"b":[1,1.5,null,true]}'
    with pytest.raises(ValueError, match="JSON compliant"):
        canonical(float("nan"))


def test_a_head_has_at_most_18_digits() -> None:
    assert parse_head(f"{'9' * 18}:{GENESIS}") == Head(10**18 - 1, GENESIS)
    assert parse_head(f"{'9' * 19}:{GENESIS}") is None
    assert parse_head(f"1:{GENESIS}:{GENESIS}") is None
