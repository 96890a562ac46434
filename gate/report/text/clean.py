"""Text from untrusted files, made safe to show.

Names in a binary can hold anything: escape sequences that move the cursor or retitle the window, new lines that forge
a verdict, bidirectional overrides that show a name backwards.
"""

from __future__ import annotations

import re
import unicodedata

# Cc: C0, DEL, C1. Cf: bidirectional controls, zero-width characters, tags. Cs: lone surrogates (undecodable bytes).
# Zl, Zp: line and paragraph separators. Co, Cn: no agreed look.
_HIDDEN = {"Cc", "Cf", "Cs", "Zl", "Zp", "Co", "Cn"}
_PLAIN = re.compile(r"[ -~]*")


def clean(text: str) -> str:
    r"""`text` with every character that does not show as itself written as `\x1b`, `\u202e` or `\U000e0041`.

    What remains is one line. A backslash stays as it is.
    """
    if _PLAIN.fullmatch(text):
        return text
    return "".join(_escape(char) if unicodedata.category(char) in _HIDDEN else char for char in text)


def _escape(char: str) -> str:
    point = ord(char)
    if 0xDC80 <= point <= 0xDCFF:  # os.fsdecode keeps an undecodable byte as this surrogate
        return f"\\x{point - 0xDC00:02x}"
    if point <= 0xFF:
        return f"\\x{point:02x}"
    return f"\\u{point:04x}" if point <= 0xFFFF else f"\\U{point:08x}"
