"""The API: shapes by its own document, who is answered, and clients that mean harm."""

from __future__ import annotations

import base64
import json
import socket
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
from prometheus_client.parser import text_string_to_metric_families

from gate.report.models.schema import generate
from gate.sidecar.web import openapi
from gate.store.chain import parse_head
from tests.conftest import first
from tests.live.servers import PLAIN, http, serve
from tests.sidecar.conftest import Running, configuration

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

TOKEN = "0123456789abcdef" * 2
BEARER = {"Authorization": f"Bearer {TOKEN}"}
PATHS = [
    "/",
    "/services/good-0",
    "/metrics",
    "/openapi.json",
    "/v1/services",
    "/v1/services/good-0",
    "/v1/services/good-0/verdict",
    "/v1/services/good-0/watch",
    "/v1/verdict?service=good-0",
    "/nowhere",
]


@pytest.fixture(scope="module")
def guarded(ports: dict[str, list[int]], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A sidecar with a token."""
    folder = tmp_path_factory.mktemp("guarded")
    (folder / "token").write_text(TOKEN + "\n", "ascii")
    with Running(folder, configuration(ports, head=f'token_file = "{folder}/token"\n')) as running:
        running.url()
        yield running


@pytest.fixture(scope="module")
def open_one(ports: dict[str, list[int]], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with Running(tmp_path_factory.mktemp("open"), configuration(ports)) as running:
        running.polled()
        yield running


def valid(shape: Any, name: str) -> None:
    document = openapi.document()
    schema = {"$ref": f"#/components/schemas/{name}", "components": document["components"]}
    jsonschema.Draft202012Validator(schema).validate(shape)


def test_services(open_one: Running) -> None:
    rows = open_one.get("/v1/services")["services"]
    assert [row["name"] for row in rows] == sorted(row["name"] for row in rows)
    for row in rows:
        valid(row, "Service")
        valid(open_one.get(f"/v1/services/{row['name']}")["service"], "Service")


def test_a_verdict_is_told_apart_by_body_and_by_status_and_is_in_the_log(open_one: Running) -> None:
    """The examples of WIRE.md have a broken canary: good-0 blocks. Nobody answers at dead-1: HG601 blocks as well."""
    found = open_one.get("/v1/verdict?service=good-0")
    valid(found, "Verdict")
    assert (found["verdict"], found["pass"], found["exit_code"]) == ("block", False, 10)
    assert any(reason.startswith("HG503") for reason in found["reasons"])
    body = {"name": "canary", "namespace": "prod", "phase": "Progressing", "metadata": {"service": "good-0"}}
    status, _, text = open_one.ask("/v1/verdict", body)
    assert status == 409
    valid(json.loads(text), "Verdict")
    status, headers, text = open_one.ask("/v1/services/good-0/verdict")
    report = json.loads(text)
    jsonschema.Draft202012Validator(generate()).validate(report)
    head = parse_head(headers["x-hotgate-audit"])
    assert head is not None
    assert status == 200
    from gate.store import audit  # noqa: PLC0415
    from gate.store.database import Database  # noqa: PLC0415

    with Database.open(str(open_one.store)) as database, database.read() as connection:
        record = audit.find(connection, head.seq)
        assert record is not None
        assert record.hash == head.hash
        assert json.loads(record.body)["subject"] == "good-0"


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        ("/v1/verdict", None, 400, "no_service"),
        ("/v1/verdict?service=nobody", None, 404, "no_service"),
        ("/v1/services/nobody", None, 404, "no_service"),
        ("/v1/services/%2e%2e%2fetc", None, 404, "not_found"),
        ("/v1/services/good-0/../../x", None, 404, "not_found"),
        ("/v1/verdict?service=good-0&new=/etc/passwd", None, 403, "not_a_release"),
        ("/v1/verdict?service=good-0&new=relative", None, 403, "not_a_release"),
        ("/v1/verdict?service=good-0&new=/%00", None, 403, "not_a_release"),
        ("/v1/verdict", b"{", 400, "not_json"),
        ("/v1/verdict", b"[" * 60_000, 400, "not_json"),
        ("/v1/verdict", [1], 400, "not_json"),
        ("/v1/verdict", {"metadata": {"service": 3}}, 400, "bad_request"),
        ("/v1/verdict", {}, 400, "no_service"),
        ("/v1/verdict", b"x" * 70_000, 413, "too_large"),
        ("/v1/rollback", {"name": "nobody"}, 404, "no_service"),
        ("/v1/services", {}, 405, "method_not_allowed"),
        ("/v1/verdict?service=" + "x" * 9000, None, 414, "too_long"),
    ],
)
def test_what_is_refused(open_one: Running, path: str, body: object, status: int, code: str) -> None:
    got, _, text = open_one.ask(path, body)
    shape = json.loads(text)
    valid(shape, "Error")
    assert (got, shape["error"]["code"]) == (status, code)


def test_a_picture_in_a_page_of_another_site_makes_no_record(open_one: Running, guarded: Running) -> None:
    picture = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"}
    assert open_one.ask("/v1/verdict?service=good-0", headers=picture)[0] == 403
    assert guarded.ask("/v1/verdict?service=good-0", headers=picture | BEARER)[0] == 403
    for site, status in (("same-site", 403), ("cross-site", 403), ("same-origin", 200), ("none", 200)):
        # A watched service on another port of the same host is the same site.
        assert open_one.ask("/v1/services", headers={"Sec-Fetch-Site": site})[0] == status, site
    assert open_one.ask("/", headers=picture | {"Sec-Fetch-Mode": "navigate"})[0] == 200, "a link to the page"


def test_a_form_of_another_site_is_no_webhook(open_one: Running) -> None:
    sent = {"Content-Type": "application/x-www-form-urlencoded"}
    assert open_one.ask("/v1/verdict", b"service=good-0", sent)[0] == 415


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer wrong"},
        {"Authorization": f"Bearer {TOKEN[:-1]}"},
        {"Authorization": f"Bearer {TOKEN}x"},
        {"Authorization": f"Basic {TOKEN}"},
        {"Authorization": "Bearer "},
        {"Authorization": TOKEN},
        {"Cookie": f"token={TOKEN}"},
    ],
)
def test_nothing_is_read_without_the_token(guarded: Running, path: str, headers: dict[str, str]) -> None:
    status, got, body = guarded.ask(path, headers=headers)
    assert (status, json.loads(body)["error"]["code"]) == (401, "unauthorized")
    assert got["www-authenticate"].startswith("Basic")
    assert "good" not in body


def test_the_token_opens_it_as_bearer_and_as_the_password_of_a_browser(guarded: Running) -> None:
    assert guarded.ask("/v1/services", headers=BEARER)[0] == 200
    basic = base64.b64encode(f"anybody:{TOKEN}".encode()).decode()
    assert guarded.ask("/", headers={"Authorization": f"Basic {basic}"})[0] == 200
    assert guarded.ask("/v1/services", headers=BEARER | {"Host": "sidecar.example"})[0] == 200
    status, _, body = guarded.ask("/healthz")
    assert (status, json.loads(body)) == (200, {"schema_version": "1", "status": "ok"})


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200),
        ("127.0.0.1:80", 200),
        ("[::1]:80", 200),
        ("evil.example", 403),
        ("127.0.0.1.evil.example", 403),
        ("localhost.evil.example:80", 403),
        ("10.0.0.1", 403),
    ],
)
def test_without_a_token_the_name_has_to_be_local(open_one: Running, host: str, status: int) -> None:
    assert open_one.ask("/v1/services", headers={"Host": host})[0] == status


def test_who_asks_in_the_wrong_way_is_told_the_right_one(open_one: Running) -> None:
    status, headers, _ = open_one.ask("/v1/rollback")
    assert (status, headers["allow"]) == (405, "POST")
    status, headers, _ = open_one.ask("/v1/services", {})
    assert (status, headers["allow"]) == (405, "GET, HEAD")


def test_metrics_are_prometheus_text(open_one: Running) -> None:
    status, headers, text = open_one.ask("/metrics")
    assert (status, headers["content-type"]) == (200, "text/plain; version=0.0.4; charset=utf-8")
    families = {family.name: family for family in text_string_to_metric_families(text)}
    up = {sample.labels["service"]: sample.value for sample in families["hotgate_service_up"].samples}
    assert up["good-0"] == 1
    assert up["dead-1"] == 0
    assert families["hotgate_polls"].type == "counter"
    assert families["hotgate_poll_late_seconds"].type == "histogram"


def test_headers_forbid_what_the_page_does_not_need(open_one: Running) -> None:
    for path in ("/", "/v1/services", "/nowhere"):
        headers = open_one.ask(path)[1]
        assert headers["content-security-policy"].startswith("default-src 'none'")
        assert headers["x-content-type-options"] == "nosniff"
        assert "server" not in headers


def raw(sidecar: Running, data: bytes, *, wait: float = 90.0) -> bytes:
    """What comes back until the connection ends."""
    host, port = sidecar.url().removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=wait) as connection:
        connection.sendall(data)
        out = b""
        try:
            while piece := connection.recv(65536):
                out += piece
        except ConnectionError:
            pass
        return out


def test_huge_headers_are_refused(open_one: Running) -> None:
    answer = raw(open_one, b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"y" * 200_000 + b"\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 4") or answer == b""
    assert open_one.ask("/healthz")[0] == 200


def test_a_head_that_never_ends_is_cut_off(open_one: Running) -> None:
    begun = time.monotonic()
    assert b" 200 " not in raw(open_one, b"GET / HTTP/1.1\r\nHost: local", wait=90)
    assert time.monotonic() - begun > 8


def test_a_second_head_that_never_ends_is_cut_off_too(open_one: Running) -> None:
    host, port = open_one.url().removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=90) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert connection.recv(65536).startswith(b"HTTP/1.1 200")
        time.sleep(0.5)
        begun = time.monotonic()
        connection.sendall(b"GET /healthz HTTP/1.1\r\nX: ")
        while connection.recv(65536):
            pass
        assert time.monotonic() - begun > 4


def test_a_body_that_never_comes_is_given_up(open_one: Running) -> None:
    head = b"POST /v1/verdict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 50\r\n"
    answer = raw(open_one, head + b"Connection: close\r\n\r\n{")
    assert answer.startswith(b"HTTP/1.1 408")


@pytest.mark.parametrize(
    "data",
    first(
        3,
        [
            b"\x00" * 5000,
            b"GET  HTTP/1.1\r\n\r\n",
            b"GET / HTTP/9.9\r\n\r\n",
            b"GET /%ff%fe/../ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
            b"GET //evil/..;/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        ],
    ),
)
def test_no_bytes_make_it_fail(open_one: Running, data: bytes) -> None:
    answer = raw(open_one, data)
    assert not answer.startswith(b"HTTP/1.1 5")
    assert open_one.ask("/healthz")[0] == 200


def test_a_comparison_with_a_release(
    ports: dict[str, list[int]], tmp_path: Path, binary: Callable[[str], Path]
) -> None:
    old = binary("go1.27-amd64-exe")
    releases, elsewhere = tmp_path / "releases", tmp_path / "releases-not"
    for folder in (releases, elsewhere):
        folder.mkdir()
        (folder / "new").write_bytes(old.read_bytes())
    (releases / "text").write_text("no program", "utf-8")
    (releases / "link").symlink_to(elsewhere / "new")
    extra = f'[[sidecar.service]]\nname = "compared"\nurl = "http://127.0.0.1:{ports["good"][0]}"\nold = "{old}"\n'
    head = f'releases = ["{releases}"]\n'
    # Those of the sidecar's environment are for whoever runs `check` by hand: none of them exists.
    env = {f"HOTGATE_{name}": "/nowhere" for name in ("BASELINE", "TARGET", "TOKEN_FILE")}
    with Running(tmp_path, configuration({"good": ports["good"][:1]}, head=head, extra=extra), **env) as running:
        status, _, text = running.ask(f"/v1/services/compared/verdict?new={releases}/new")
        report = json.loads(text)
        assert status == 200
        assert report["old"]["sha256"] == report["new"]["sha256"]
        assert report["live"]["url"].endswith(str(ports["good"][0]))
        for path in (elsewhere / "new", releases / "link", releases, releases / "nowhere"):
            assert running.ask(f"/v1/verdict?service=compared&new={path}")[0] == 403
        status, _, text = running.ask(f"/v1/verdict?service=compared&new={releases}/text")
        assert (status, json.loads(text)["error"]["code"]) == (422, "unreadable")
        status, _, text = running.ask(f"/v1/verdict?service=good-0&new={releases}/new")
        assert (status, json.loads(text)["error"]["code"]) == (422, "no_old")
        before = running.config.read_text("utf-8")
        for edited in (f'fail_on = "info"\n{before}', f"nonsense = 1\n{before}"):
            running.config.write_text(edited, "utf-8")
            status, _, text = running.ask(f"/v1/verdict?service=compared&new={releases}/new")
            assert (status, json.loads(text)["error"]["code"]) == (503, "not_loaded"), (
                "the log would name another policy"
            )
        running.config.write_text(before, "utf-8")
        assert running.ask(f"/v1/verdict?service=compared&new={releases}/new")[0] == 200


@pytest.mark.parametrize("allowed", first(1, [False, True]))
def test_a_verdict_takes_a_cpu_profile_only_where_the_configuration_says_so(
    tmp_path: Path, binary: Callable[[str], Path], allowed: bool
) -> None:
    """Of a service without goprobe: asked as it is, and compared with a release."""
    old = binary("go1.27-amd64-exe")
    (tmp_path / "new").write_bytes(old.read_bytes())
    profiled: list[str] = []

    def answer(path: str, _: socket.socket) -> bytes:
        if path.startswith("/debug/pprof/profile"):
            profiled.append(path)
        return PLAIN.get(path.partition("?")[0], http(b"404", status="404 Not Found"))

    with serve(answer) as url:
        text = f'[sidecar]\nlisten = "127.0.0.1:0"\ninterval = "1h"\nreleases = ["{tmp_path}"]\n'
        text += f'[[sidecar.service]]\nname = "plain"\nurl = "{url}"\nold = "{old}"\nprofile = {str(allowed).lower()}\n'
        with Running(tmp_path, text) as running:
            for question in ("", f"?new={tmp_path}/new"):
                before = len(profiled)
                report = json.loads(running.ask(f"/v1/services/plain/verdict{question}")[2])
                assert (len(profiled) > before) is allowed
                (profiler,) = (each for each in report["evidence"] if each["name"] == "profiler")
                assert (profiler["status"] == "ok") is allowed, profiler
                if not allowed:
                    # PLAIN is another program than OLD, which blocks the comparison whatever else is known.
                    assert report["verdict"] == ("block" if question else "inconclusive")
                    assert "`profile = true`" in profiler["reason"]


@pytest.mark.long
@pytest.mark.patient
def test_schemathesis_finds_nothing(guarded: Running, open_one: Running) -> None:
    """Requests made from the OpenAPI document: no 5xx, no shape that the document does not have, no unauthorised read."""
    import subprocess  # noqa: PLC0415
    import sys  # noqa: PLC0415

    checks = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
    for running, header, more in (
        (guarded, ["-H", f"Authorization: Bearer {TOKEN}"], ",ignored_auth"),
        (open_one, [], ""),
    ):
        argv = [sys.executable, "-m", "schemathesis.cli", "run", f"{running.url()}/openapi.json", *header]
        argv = [str(Path(sys.executable).with_name("schemathesis")), *argv[3:]]
        argv += ["--checks", checks + more, "--max-examples", "15", "--generation-deterministic", "--no-color"]
        argv += ["--phases", "examples,coverage,fuzzing", "--request-timeout", "20", "--suppress-health-check", "all"]
        done = subprocess.run(argv, capture_output=True, text=True, check=False, cwd=running.folder, timeout=400)
        assert done.returncode == 0, (done.stdout + done.stderr)[-6000:]
        assert "generated," in done.stdout, "it did send requests"
        assert running.ask("/healthz")[0] == 200
