"""The small pieces of the comparison, by hand-made cases."""

from __future__ import annotations

import numpy as np
import pytest

from probes.drift.addresses.variable_votes import Correspondence
from probes.drift.arch.amd64.blocks import bare
from probes.drift.arch.amd64.decoder import FOLLOWS, Amd64Code
from probes.drift.arch.arm64.decoder import Arm64Code
from probes.drift.arch.code import CALL, string_length
from probes.drift.functions.numbered_names import common, family
from probes.drift.initialisers import init_drift


def _learn(*votes: tuple[int, int, int]) -> Correspondence:
    columns = np.array(votes, dtype=np.int64).T
    return Correspondence(columns[0], columns[1], columns[2])


def _same(correspondence: Correspondence, old: int, new: int) -> bool:
    return bool(correspondence.same(np.array([old]), np.array([new]))[0])


class TestLearned:
    def test_the_majority_of_functions_decides(self) -> None:
        correspondence = _learn((100, 200, 1), (100, 200, 2), (100, 208, 3))
        assert _same(correspondence, 100, 200)
        assert not _same(correspondence, 100, 208)

    def test_many_votes_of_one_function_count_once(self) -> None:
        correspondence = _learn((100, 208, 3), (100, 208, 3), (100, 208, 3), (100, 200, 1), (100, 200, 2))
        assert _same(correspondence, 100, 200)

    def test_two_of_old_cannot_be_one_of_new(self) -> None:
        correspondence = _learn((100, 200, 1), (100, 200, 2), (108, 200, 3), (108, 208, 4), (108, 208, 5))
        assert _same(correspondence, 108, 208)
        assert not _same(correspondence, 108, 200)

    def test_a_tie_goes_to_the_one_that_moved_like_its_neighbours(self) -> None:
        correspondence = _learn((92, 192, 1), (108, 208, 2), (100, 200, 3), (100, 264, 4))
        assert _same(correspondence, 100, 200)

    def test_a_reference_is_contradicted_by_either_end(self) -> None:
        correspondence = _learn((100, 200, 1), (108, 208, 2))
        for old, new, expected in ((100, 208, True), (100, 999, True), (999, 208, True), (999, 998, False)):
            assert bool(correspondence.contradicts(np.array([old]), np.array([new]))[0]) is expected

    def test_nothing_is_learned_from_nothing(self) -> None:
        none = np.zeros(0, dtype=np.int64)
        assert not _same(Correspondence(none, none, none), 1, 1)


class TestSiblings:
    @pytest.mark.parametrize(
        ("name", "expected"),
        [
            ("main.f.func1", "main.f.func#"),
            ("main.f.func2.1", "main.f.func#.#"),
            ("main.init.0", "main.init.#"),
            ("main.f.gowrap3", "main.f.gowrap#"),
            ("main.f-range1", "main.f-range#"),
            ("main.f.func1-range2", "main.f.func#-range#"),
            ("crypto/sha256.blockAVX2", None),
            ("main.main", None),
            ("example.com/v2.F", None),
        ],
    )
    def test_families(self, name: str, expected: str | None) -> None:
        assert family(name) == expected

    def test_an_insertion_before_shifts_the_others(self) -> None:
        old = [(b"A", "f.func1"), (b"B", "f.func2")]
        new = [(b"X", "f.func1"), (b"A", "f.func2"), (b"B", "f.func3")]
        assert common(old, new) == [(0, 1), (1, 2)]

    def test_equal_bodies_keep_their_names(self) -> None:
        old = [(b"A", "f.func1"), (b"A", "f.func2")]
        assert common(old, list(old)) == [(0, 0), (1, 1)]

    def test_very_long_lists_fall_back_to_names(self) -> None:
        long = [(b"%d" % (i % 7), f"f.func{i}") for i in range(600)]
        assert common(long, long) == [(i, i) for i in range(600)]


class TestInit:
    def test_one_that_moved_is_named_alone(self) -> None:
        drift = init_drift(("a", "b", "c", "d"), ("a", "c", "d", "b"))
        assert drift.reordered == ("b",)
        assert (drift.added, drift.removed) == ((), ())

    def test_added_and_removed(self) -> None:
        drift = init_drift(("a", "b"), ("b", "c"))
        assert (drift.added, drift.removed, drift.reordered) == (("c",), ("a",), ())
        assert (drift.old, drift.new) == (2, 2)

    def test_the_same(self) -> None:
        drift = init_drift(("a", "b"), ("a", "b"))
        assert (drift.added, drift.removed, drift.reordered) == ((), (), ())


class TestDecoding:
    # LEA rax, [rip+0x10]; MOV ebx, 5; CALL +0; ADD eax, 25 (05 19 00 00 00); RET
    CODE = bytes.fromhex("488d0510000000 bb05000000 e800000000 0519000000 c3")

    def test_operands(self) -> None:
        code = Amd64Code(self.CODE, 0x1000)
        assert [(i, hex(t)) for i, _, t in code.targets()] == [(0, "0x1017"), (2, "0x1011")]
        assert code.insn(2).kind == CALL
        assert code.insn(3).constants == (25,)
        assert string_length(code, 0, FOLLOWS) == 5

    def test_asking_for_a_late_instruction_first(self) -> None:
        code = Amd64Code(self.CODE, 0x1000)
        assert code.index_at(18) == 3
        assert code.insn(3).offset == 17
        assert code.insn(0).offset == 0
        assert len(code) == 5

    def test_an_add_of_a_constant_is_not_taken_for_an_operand(self) -> None:
        zeroed = bare([self.CODE])[0]
        assert zeroed[3:7] == bytes(4)
        assert zeroed[13:17] == bytes(4)
        assert zeroed[18] == 0x19

    def test_what_is_no_instruction_is_not_valid(self) -> None:
        assert Amd64Code(self.CODE, 0).valid
        assert not Amd64Code(b"\x06\x06\x06", 0).valid

    def test_arm64_pairs(self) -> None:
        # ADRP x0, +1 page; ADD x0, x0, #0x4d0; MOV x1, #3 (as ORR); RET
        code = Arm64Code(bytes.fromhex("000000b0 00401391 e10740b2 c0035fd6"), 0x400000)
        assert len(code) == 3
        assert code.insn(0).target == 0x4014D0
        assert code.insn(1).move == (1, 3)
        assert string_length(code, 0, {0: 1}) == 3
