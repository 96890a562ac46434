"""httpx without its command line, for which it would import pygments and most of rich wherever those are installed."""

from __future__ import annotations

import sys

_COMMAND_LINE = "httpx._main"

sys.modules.setdefault(_COMMAND_LINE, None)  # type: ignore[arg-type]  # an import of it fails, which httpx allows for
try:
    import httpx
finally:
    if sys.modules[_COMMAND_LINE] is None:
        del sys.modules[_COMMAND_LINE]

__all__ = ["httpx"]
