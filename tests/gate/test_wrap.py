"""Where the terminal report breaks its lines."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.text import Text

from gate.report.terminal.console import make_console, text_of
from gate.report.text.wrap import breaks, paragraph


def lines(text: str, width: int, first: int | None = None) -> list[str]:
    edges = [0, *breaks(text, width, first), len(text)]
    return [text[start:end] for start, end in pairwise(edges)]


@pytest.mark.parametrize(
    ("text", "width", "expected"),
    [
        ("", 20, [""]),
        ("two words", 20, ["two words"]),
        ("two words", 7, ["two ", "words"]),
        ("two words", 3, ["two ", "wor", "ds"]),
        ("example.com/pay/ledger.(*Book).Post", 20, ["example.com/pay/", "ledger.(*Book).Post"]),
        ("a=1,b=2,c=3,d=4", 8, ["a=1,b=2,", "c=3,d=4"]),
        ("x" * 25, 10, ["x" * 10, "x" * 10, "x" * 5]),
        ("a/" + "x" * 20, 12, ["a/" + "x" * 10, "x" * 10]),
        ("価格/計算.合計", 10, ["価格/計算.", "合計"]),
    ],
)
def test_lines_break_between_words_and_after_joints(text, width, expected):
    assert lines(text, width) == expected


@given(st.text(st.sampled_from("ab /.,\u4fa1\u0301"), max_size=120), st.integers(4, 40), st.integers(4, 40))
def test_nothing_is_lost_and_nothing_is_too_wide(text, width, first):
    broken = lines(text, width, first)
    assert "".join(broken) == text
    for number, line in enumerate(broken):
        assert cell_len(line.rstrip(" ")) <= (width if number else first)


def test_a_paragraph_hangs_and_keeps_its_styles():
    console = make_console(40, color=True)
    paragraph(console, Text.assemble("  ", ("HG201", "bold"), "  one two three four five six seven"), hang=0)
    assert text_of(console) == "  \x1b[1mHG201\x1b[0m  one two three four five six\n         seven\n"
