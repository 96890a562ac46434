"""Whose certificates are trusted: the authorities of this host, or those that SSL_CERT_FILE and SSL_CERT_DIR name."""

from __future__ import annotations

import os
import ssl
from functools import lru_cache


def trusted() -> ssl.SSLContext:
    """A context for clients. The authorities are loaded anew only when their file is another one: it takes 20 ms and a megabyte."""
    paths = ssl.get_default_verify_paths()
    return _loaded(paths.cafile, paths.capath, _identity(paths.cafile))


def _identity(path: str | None) -> tuple[int, ...]:
    try:
        found = os.stat(path or "")  # noqa: PTH116 - a path that is no more than that
    except OSError:
        return ()
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


@lru_cache(maxsize=1)
def _loaded(cafile: str | None, capath: str | None, identity: tuple[int, ...]) -> ssl.SSLContext:
    del cafile, capath, identity  # the key; OpenSSL finds them by itself
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    return context
