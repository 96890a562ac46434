"""Services behind TLS: a certificate that nobody vouches for is not trusted."""

from __future__ import annotations

import asyncio
import shutil
import ssl
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING

import pytest

from probes.live.client import Client, Unreachable
from tests.conftest import missing

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"good")

    def log_message(self, *_args: object) -> None:
        """Nothing."""


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for 127.0.0.1 that is its own authority, and its key, in one file."""
    if shutil.which("openssl") is None:
        missing("no openssl: apt-get install openssl")
    folder = tmp_path_factory.mktemp("tls")
    argv = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    argv += ["-subj", "/CN=test", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", "key", "-out", "cert"]
    subprocess.run(argv, cwd=folder, check=True, capture_output=True)
    both = folder / "both"
    both.write_bytes((folder / "key").read_bytes() + (folder / "cert").read_bytes())
    return both


@pytest.fixture
def server(certificate: Path) -> Iterator[str]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with HTTPServer(("127.0.0.1", 0), _Handler) as http:
        http.handle_error = lambda *_args: None  # type: ignore[method-assign]
        http.socket = context.wrap_socket(http.socket, server_side=True)
        thread = threading.Thread(target=http.serve_forever)
        thread.start()
        yield f"https://127.0.0.1:{http.server_address[1]}"
        http.shutdown()
        thread.join()


def _get(url: str) -> str:
    async def run() -> str:
        async with Client(url, seconds=3.0) as client:
            return (await client.get("/x")).text()

    return asyncio.run(run())


def test_a_certificate_that_nobody_vouches_for(server: str) -> None:
    with pytest.raises(Unreachable, match="certificate not trusted: self-signed certificate") as caught:
        _get(server)
    assert "SSL_CERT_FILE" in caught.value.hint


def test_an_authority_that_the_environment_names(
    server: str, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    assert _get(server) == "good"
    with pytest.raises(Unreachable, match="certificate not trusted: Hostname mismatch"):
        _get(server.replace("127.0.0.1", "localhost"))


def test_plain_http_where_tls_is_expected() -> None:
    with HTTPServer(("127.0.0.1", 0), _Handler) as http:
        thread = threading.Thread(target=http.serve_forever)
        thread.start()
        try:
            with pytest.raises(Unreachable, match="TLS: "):
                _get(f"https://127.0.0.1:{http.server_address[1]}")
        finally:
            http.shutdown()
            thread.join()
