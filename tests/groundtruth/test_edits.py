"""The edits themselves, and the oracle that judges them."""

from __future__ import annotations

import pytest

from tests.groundtruth import listing
from tests.groundtruth.edits import EDITS, Edit, Replacement

LISTING = """\
# example.com/p
example.com/p.F<1> STEXT nosplit size=12 args=0x8 locals=0x0 funcid=0x0 align=0x0
\t0x0000 00000 (p.go:3)\tTEXT\texample.com/p.F(SB), NOSPLIT|ABIInternal, $0-8
\t0x0000 48 8d 05 00 00 00 00 bb 03 00 00 00              H...........
\trel 0+0 t=R_USEIFACE type:int<0>+0
\trel 3+4 t=R_PCREL example.com/p..stmp_{number}<0>+0
example.com/p..stmp_{number}<0> SRODATA static size=16
\t0x0000 00 00 00 00 00 00 00 00 03 00 00 00 00 00 00 00  ................
\trel 0+8 t=R_ADDR go:string."{text}"<0>+0
go:string."{text}"<0> SRODATA dupok size=3
\t0x0000 {content}                                         {text}
"""
KEY = ("example.com/p.F", 1)


def parsed(number: int, text: str) -> listing.Listing:
    content = text.encode().hex(" ")
    return listing.parse(LISTING.format(number=number, text=text, content=content).splitlines())


@pytest.mark.parametrize("edit", EDITS, ids=[edit.name for edit in EDITS])
def test_every_edit_fits_its_source(edit: Edit) -> None:
    files = edit.files()
    assert bool(files) == bool(edit.replacements or edit.added)
    for name, text in files.items():
        original = edit.source / name
        assert not original.is_file() or original.read_text(encoding="utf-8") != text


def test_names_of_edits_are_unique() -> None:
    assert len({edit.name for edit in EDITS}) == len(EDITS)


def test_an_edit_that_does_not_fit_is_refused() -> None:
    edit = Edit("wrong", "", (Replacement("main.go", "there is no such text", ""),))
    with pytest.raises(ValueError, match=r"0 places in main\.go"):
        edit.files()


def test_data_without_a_name_count_by_their_contents() -> None:
    one = parsed(1, "usd").equivalence(KEY, {})
    assert one == parsed(7, "usd").equivalence(KEY, {})
    assert one != parsed(1, "eur").equivalence(KEY, {})


def test_relocations_without_a_size_are_no_part_of_the_code() -> None:
    (symbol,) = parsed(1, "usd").texts[KEY]
    assert [relocation[0] for relocation in symbol.relocations] == [3]
    assert len(symbol.data) == 12


def test_truth_is_limited_to_what_was_linked() -> None:
    old, new = parsed(1, "usd"), parsed(1, "eur")
    linked = {"example.com/p.F", "runtime.main"}
    assert listing.truth(old, new, linked, linked, {}).items() == {("changed", "example.com/p.F"): 1}
    assert not listing.truth(old, new, {"runtime.main"}, {"runtime.main"}, {}).items()


def test_what_only_one_side_links_is_added_or_removed() -> None:
    same = parsed(1, "usd")
    items = listing.truth(same, same, {"p.A", "c_function"}, {"p.B", "other_c_function"}, {}).items()
    assert items == {("added", "p.B"): 1, ("removed", "p.A"): 1}


def test_a_renamed_function_is_neither_added_nor_removed() -> None:
    same = parsed(1, "usd")
    items = listing.truth(same, same, {"p.A", "p.A.func1"}, {"p.B", "p.B.func1"}, {"p.A": "p.B"}).items()
    assert items == {("renamed", "p.A -> p.B"): 1, ("renamed", "p.A.func1 -> p.B.func1"): 1}
