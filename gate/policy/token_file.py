"""Bearer tokens, which are in files: a command line or an environment would show them to others."""

from __future__ import annotations

import os

from gate.policy.errors import PolicyError

MAX_BYTES = 4096
HINT = "name a file with the token that is asked for, and that only you can read"


def read_token(path: str, *, wait: bool = True) -> str:
    """The token in the file at `path`.

    Args:
        path: what the person named, such as `<(pass show hotgate)`.
        wait: for the writer of a pipe; who serves others must not be held up by one.

    Raises:
        PolicyError: there is none.
    """
    try:
        flags = os.O_RDONLY | os.O_CLOEXEC | (0 if wait else os.O_NONBLOCK)
        with os.fdopen(os.open(path, flags), "rb") as file:
            raw = file.read(MAX_BYTES + 1) or b""
    except (OSError, ValueError) as exc:
        raise PolicyError(f"cannot read the token file ({getattr(exc, 'strerror', exc)}): {path}", hint=HINT) from exc
    text = raw.decode("ascii", "replace").strip()
    if not text or len(raw) > MAX_BYTES or not all(" " < char <= "~" for char in text):
        raise PolicyError(f"the token file must hold one line of visible ASCII characters: {path}", hint=HINT)
    return text
