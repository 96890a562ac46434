"""Names from hostile files cannot steer a terminal."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gate.report.text.clean import clean


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("main.(*T).M[go.shape.int]", "main.(*T).M[go.shape.int]"),
        ("main.größe·1 → 2", "main.größe·1 → 2"),
        ("\x1b[2J\x1b[31mPASS", r"\x1b[2J\x1b[31mPASS"),
        ("a\nPASS  nothing\r\t", r"a\x0aPASS  nothing\x0d\x09"),
        ("\x9b31m\x7f", r"\x9b31m\x7f"),
        ("safe\u202eelif\u2066", r"safe\u202eelif\u2066"),
        ("zero\u200bwidth\ufeff", r"zero\u200bwidth\ufeff"),
        ("line\u2028para\u2029", r"line\u2028para\u2029"),
        ("tag\U000e0041", r"tag\U000e0041"),
        ("undecodable\udcff", r"undecodable\xff"),
        ("lone\ud800", r"lone\ud800"),
        ("[bold]markup[/bold] :smile:", "[bold]markup[/bold] :smile:"),
        ("", ""),
    ],
)
def test_examples(raw, shown):
    assert clean(raw) == shown


@given(st.text(st.characters(), max_size=60))
def test_what_remains_is_one_visible_line_and_stays(raw):
    shown = clean(raw)
    assert not any(unicodedata.category(char) in {"Cc", "Cf", "Cs", "Zl", "Zp"} for char in shown)
    assert clean(shown) == shown
    assert len(shown) >= len(raw)
