"""Which version runs where: asked of sidecars, good and hostile ones, or of Prometheus; in text, JSON and on the page."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest
from jsonschema import Draft202012Validator

from gate.fleet.status.config import load_fleet
from gate.policy.errors import PolicyError
from gate.sidecar.web.openapi import document
from tests.fleet.plans import TOGETHER, hotgate, write
from tests.sidecar.conftest import Running

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NAMES = ("database", "cache", "api", "gateway")


def overview(runs: str, **more: Any) -> dict[str, Any]:
    return {"releases": {"runs": runs, "current": runs, "problems": [], "busy": "", "unfinished": "", **more}}


@contextmanager
def sidecars(answers: dict[str, Any]) -> Iterator[tuple[int, list[str]]]:
    """Sidecars that are told by the address they are asked at; an answer of a host maps components to bodies. (port, tokens seen)."""
    tokens: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            tokens.append(self.headers.get("Authorization", ""))
            host = self.connection.getsockname()[0]
            path = urlsplit(self.path)
            if path.path == "/api/v1/query":
                assert parse_qs(path.query) == {"query": ['hotgate_release{role="runs"}']}
                body, status = answers["prometheus"], 200
            else:
                name = path.path.split("/")[3]
                body = answers.get(host, {}).get(name, {"error": {"message": f"no such service: {name}"}})
                status = 404 if isinstance(body, dict) and "error" in body else 200
            data = body if isinstance(body, bytes) else json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("0.0.0.0", 0), Handler)  # noqa: S104 - all of 127.0.0.0/8
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.server_port, tokens
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def inventory(folder: Path, port: int, hosts: int) -> str:
    lines = [f"h{n} ansible_host=127.0.2.{n} hotgate_sidecar=http://127.0.2.{n}:{port}" for n in range(1, hosts + 1)]
    return write(folder, "[shop]\n" + "\n".join(lines) + "\n", "hosts.ini")


def test_a_fleet_that_is_as_planned(tmp_path: Path) -> None:
    with sidecars({f"127.0.2.{n}": {name: overview("v2") for name in NAMES} for n in (1, 2, 3)}) as (port, tokens):
        (tmp_path / "token").write_text("a-secret\n", "utf-8")
        words = ("fleet", "status", write(tmp_path, TOGETHER), "-i", inventory(tmp_path, port, 3))
        done = hotgate(*words, "--token-file", str(tmp_path / "token"))
        assert done.exit_code == 0, done.stdout + done.stderr
        assert "shop: as planned" in done.stdout
        assert "api       planned v2: v2 on 3" in done.stdout
        assert "stage 1, batch 1, 2 hosts: done" in done.stdout
        assert set(tokens) == {"Bearer a-secret"}
        assert "a-secret" not in done.stdout


def test_what_differs_and_what_is_not_known_is_told(tmp_path: Path) -> None:
    answers = {
        "127.0.2.1": {name: overview("v2") for name in NAMES},
        "127.0.2.2": {name: overview("v2" if name in ("database", "cache") else "v1") for name in NAMES},
        "127.0.2.3": {
            "database": b"<html>",
            "cache": overview("v2", problems=["`current` names v1"]),
            "api": overview("v2; rm"),
            "gateway": b"[" * 100_000,
        },
    }
    with sidecars(answers) as (port, _):
        words = ("fleet", "status", write(tmp_path, TOGETHER), "-i", inventory(tmp_path, port, 4))
        done = hotgate(*words, "--format", "json")
        text = hotgate(*words).stdout
    found = json.loads(done.stdout)
    assert (done.exit_code, found["state"]) == (10, "drift")
    by_name = {each["name"]: each for each in found["components"]}
    assert by_name["api"]["versions"] == {"v1": 1, "v2": 1}
    assert [each["host"] for each in by_name["api"]["unknown"]] == ["h3", "h4"]
    assert by_name["cache"]["differ"] == [{"host": "h3", "version": "v2", "problem": "`current` names v1"}]
    assert "the sidecar answers 404: no such service: api" in by_name["api"]["unknown"][1]["problem"]
    assert [(each["number"], each["done"], each["count"]) for each in found["batches"]] == [
        (1, 1, 2),
        (2, 0, 1),
        (3, 0, 1),
    ]
    assert "h2: api v1" in text
    assert "rm" not in text


def test_a_host_that_is_down_is_not_as_planned(tmp_path: Path) -> None:
    hosts = write(tmp_path, "[shop]\nh1 hotgate_sidecar=http://127.0.0.1:1\n", "hosts.ini")
    done = hotgate("fleet", "status", write(tmp_path, TOGETHER), "-i", hosts)
    assert done.exit_code == 11
    assert "h1: api not known: no answer (ConnectError)" in done.stdout
    hosts = write(tmp_path, "[shop]\nh1 hotgate_sidecar='{{ x }}'\n", "hosts.ini")
    assert hotgate("fleet", "status", write(tmp_path, TOGETHER), "-i", hosts).exit_code == 2
    assert hotgate("fleet", "status", write(tmp_path, TOGETHER)).exit_code == 2


def test_prometheus_is_asked_once_for_all(tmp_path: Path) -> None:
    answers: dict[str, Any] = {}
    with sidecars(answers) as (port, tokens):
        rows = [
            {
                "metric": {"instance": f"127.0.2.{n}:{port}", "service": name, "version": "v2" if n == 1 else "v1"},
                "value": [0, "1"],
            }
            for n in (1, 2)
            for name in NAMES
        ]
        answers["prometheus"] = {"status": "success", "data": {"resultType": "vector", "result": rows}}
        words = (
            "fleet",
            "status",
            write(tmp_path, TOGETHER),
            "-i",
            inventory(tmp_path, port, 3),
            "--prometheus",
            f"http://127.0.0.1:{port}",
        )
        done = hotgate(*words)
        assert done.exit_code == 10
        assert "api       planned v2: v1 on 1, v2 on 1, not known on 1" in done.stdout
        assert len(tokens) == 1
        answers["prometheus"] = {"status": "error"}
        done = hotgate(*words)
        assert done.exit_code == 2
        assert "something else than a vector" in done.stderr


CONTROL = """[sidecar]
listen = "127.0.0.1:0"

[fleet]
release = "release.yaml"
inventory = "hosts.ini"
interval = "5s"
"""


def test_the_page_of_a_control_host_shows_versions_drift_and_batches(tmp_path: Path) -> None:
    answers = {f"127.0.2.{n}": {name: overview("v2") for name in NAMES} for n in (1, 2, 3)}
    answers["127.0.2.2"]["api"] = overview("v1", problems=["<script>alert(1)</script>"])
    write(tmp_path, TOGETHER)
    with sidecars(answers) as (port, _):
        inventory(tmp_path, port, 3)
        with Running(tmp_path, CONTROL) as sidecar:
            sidecar.eventually(lambda: sidecar.ask("/v1/fleet")[0] == 200)
            found = sidecar.get("/v1/fleet")
            schemas = document()["components"]["schemas"]
            Draft202012Validator(schemas["Fleet"]).validate(found)
            assert found["state"] == "drift"
            status, _, page = sidecar.ask("/fleet")
            assert status == 200
            for words in (
                "<h1>shop</h1>",
                "<code>v1</code> on 1 host",
                "&lt;script&gt;",
                'aria-label="1 of 2 hosts"',
                "nothing is changed from here",
            ):
                assert words in page, words
            assert "<script>" not in page
            assert 'href="/fleet"' in sidecar.ask("/")[2]
            (tmp_path / "release.yaml").write_text("components: []\n", "utf-8")
            sidecar.eventually(lambda: "components is empty" in sidecar.ask("/fleet")[2])
            assert "<h1>shop</h1>" in sidecar.ask("/fleet")[2], "what was seen last stays"


def test_without_the_table_there_is_no_such_page(tmp_path: Path) -> None:
    with Running(tmp_path, '[sidecar]\nlisten = "127.0.0.1:0"\n') as sidecar:
        status, _, body = sidecar.ask("/v1/fleet")
        assert (status, json.loads(body)["error"]["code"]) == (404, "no_fleet")
        assert sidecar.ask("/fleet")[0] == 404
        assert 'href="/fleet"' not in sidecar.ask("/")[2]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[fleet]\nrelease = "r"\ninventori = "h"\n', r":3: unknown key fleet.inventori"),
        ('[fleet]\nrelease = "r"\n', r"fleet.inventory is missing"),
        ('[fleet]\nrelease = "r"\ninventory = "h"\ninterval = "1s"\n', r":4: fleet.interval: 1s is not between 5 s"),
    ],
)
def test_a_table_that_means_nothing_is_one_line(text: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match=said):
        load_fleet(write(tmp_path, text, "hotgate.toml"))
