"""The JSON of a report is indented as the standard library does it, whatever is in it."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from gate.report.formats.json import render

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(1 << 62), 1 << 62)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(VALUES)
def test_it_is_indented_as_the_standard_library_does_it(value: object) -> None:
    assert render(value) == json.dumps(value, indent=2, ensure_ascii=True) + "\n"


def test_what_is_no_text_is_replaced() -> None:
    assert render({"\ud800": ["a\udcff"]}) == '{\n  "\\ufffd": [\n    "a\\ufffd"\n  ]\n}\n'
