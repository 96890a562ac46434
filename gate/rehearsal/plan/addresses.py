"""A rehearsal stays on loopback: which addresses a plan names, and placeholders in its texts."""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

PLACEHOLDER = re.compile(r"\{([a-z]+[0-9]*)\}")
PORT = re.compile(r"port([2-9])?")
WRITTEN = ("binary", "dir", "port", "port2")
_URL_HOST = re.compile(
    r"\b[a-z][a-z0-9+.-]*://(?:[^/@\s]*@)?(\[[^\]]*\]|[^/:?#\s,]*)(?::(?:\d+|\{port[2-9]?\}))?", re.IGNORECASE
)
_HOST_PORT = re.compile(r"(?:^|[=,\s])(\[[0-9a-fA-F:.%]*\]|[A-Za-z0-9_.*-]*):(?:\d{1,5}|\{port[2-9]?\})(?=$|[/,\s])")
_PLAIN_IP = re.compile(r"(?:^|[=,\s])(\d{1,3}(?:\.\d{1,3}){3})(?=$|[/,\s])")


def is_loopback(host: str) -> bool:
    """Whether `host`, a name or a literal address, is this machine alone."""
    bare = host.strip("[]").rstrip(".").lower()
    if bare == "localhost" or bare.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(bare).is_loopback
    except ValueError:
        return False


def elsewhere(text: str) -> str | None:
    """The first address in `text` that is not loopback, such as `0.0.0.0` or `:8080`; None when there is none."""
    for match in _URL_HOST.finditer(text):
        host = match[1]
        if host and not is_loopback(host):
            return host
        if not host and not match[0].lower().startswith(("file:", "unix:")):
            return match[0]
    rest = _URL_HOST.sub(" ", text)
    for match in _HOST_PORT.finditer(rest):
        if not is_loopback(match[1]):
            return match[0].strip("=, \t")
    plain = _PLAIN_IP.search(rest)
    return plain[1] if plain is not None and not is_loopback(plain[1]) else None


def unknown_placeholder(text: str) -> str | None:
    """The first `{name}` in `text` that stands for nothing; None when there is none."""
    for match in PLACEHOLDER.finditer(text):
        if match[1] not in ("binary", "dir", "pid") and not PORT.fullmatch(match[1]):
            return match[0]
    return None


def filled(text: str, values: Mapping[str, str]) -> str:
    """`text` with its placeholders replaced; one that `values` lacks stays."""
    return PLACEHOLDER.sub(lambda match: values.get(match[1], match[0]), text)


def ports_named(texts: tuple[str, ...]) -> tuple[str, ...]:
    """The names of the ports that `texts` ask for: `port`, `port2`."""
    found = {match[1] for text in texts for match in PLACEHOLDER.finditer(text) if PORT.fullmatch(match[1])}
    return tuple(sorted(found))
