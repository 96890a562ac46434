"""The page in a real browser: desktop and phone, light and dark, without scripts, and with names that mean harm."""

from __future__ import annotations

import re
import tempfile
import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from gate.sidecar.web import charts
from scripts.pages import browser
from tests.conftest import missing
from tests.live.servers import serve
from tests.sidecar.conftest import Running, configuration

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator

WIDTHS = (1280, 390)
PAGES = ("/", "/services/good-0", "/services/dead-1", "/services/nobody")

# WCAG 2.2's contrast of every text with the ground that it stands on; 4.5 for ordinary text, 3 for large.
CONTRAST = """(() => {
  const channel = v => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
  const colour = s => s.match(/[\\d.]+/g).map(Number);
  const light = c => 0.2126 * channel(c[0]) + 0.7152 * channel(c[1]) + 0.0722 * channel(c[2]);
  const ground = e => { for (; e; e = e.parentElement) { const c = colour(getComputedStyle(e).backgroundColor);
    if (c.length < 4 || c[3] > 0) return c; } return [255, 255, 255]; };
  const bad = [];
  for (const e of document.querySelectorAll('body *')) {
    if (e.closest('svg') || ![...e.childNodes].some(n => n.nodeType === 3 && n.data.trim())) continue;
    const style = getComputedStyle(e), a = light(colour(style.color)), b = light(ground(e));
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    const size = parseFloat(style.fontSize), large = size >= 24 || (size >= 18.66 && style.fontWeight >= 700);
    if (ratio < (large ? 3 : 4.5)) bad.push(e.textContent.trim().slice(0, 40) + ' ' + ratio.toFixed(2));
  }
  return bad;
})()"""


@pytest.fixture(scope="module")
def page() -> Iterator[browser.Page]:
    if browser.program() is None:
        missing(browser.HINT)
    with browser.chromium() as found:
        yield found


@pytest.fixture(scope="module")
def served(ports: dict[str, list[int]], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with Running(tmp_path_factory.mktemp("page"), configuration(ports)) as running:
        running.polled()
        running.eventually(lambda: running.get("/v1/services/good-0")["service"]["standing_verdict"])
        running.sampled("good-0", 4)
        yield running


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", PAGES)
def test_it_fits_is_readable_and_asks_for_nothing_else(page, served, width, scheme, path) -> None:
    page.look(width=width, scheme=scheme, scripts=False)
    assert page.open(served.url() + path) == (404 if path.endswith("nobody") else 200)
    page.look(width=width, scheme=scheme)
    assert page.requests() == [served.url() + path]
    assert [said for said in page.complaints() if "404" not in said] == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.evaluate("document.scripts.length") == 0
    assert page.evaluate(CONTRAST) == []
    assert page.evaluate("document.querySelectorAll('h1').length") == 1
    assert page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches") == (scheme == "dark")


def test_the_overview_shows_every_service_with_verdict_health_strip_and_update(page, served) -> None:
    page.look(width=1280)
    page.open(served.url())
    rows = page.evaluate("[...document.querySelectorAll('tbody tr')].map(r => r.innerText)")
    assert len(rows) == 7
    good = next(row for row in rows if row.startswith("good-0"))
    assert "block" in good
    assert "of 100" in good
    assert page.evaluate("document.querySelectorAll('svg.strip').length") == 7
    assert page.evaluate("[...document.querySelectorAll('svg.strip')].every(s => s.getBBox().height > 0)")
    dead = next(row for row in rows if row.startswith("dead-1"))
    assert "unreachable: cannot connect" in dead


def test_a_service_shows_heartbeat_health_and_findings(page, served) -> None:
    page.look(width=1280)
    page.open(served.url() + "/services/good-0")
    text = page.evaluate("document.body.innerText")
    for word in ("Heartbeat", "cpu throttling", "heartbeat continuity", "HG503", "Goroutines"):
        assert word in text
    assert page.evaluate("document.querySelectorAll('svg.wide rect').length") >= 1
    assert page.evaluate("document.querySelectorAll('polyline.plot').length") >= 3
    assert page.evaluate("[...document.querySelectorAll('meter')].map(m => m.value)")
    assert page.evaluate("[...document.querySelectorAll('svg.flame title')].map(t => t.textContent)") == [
        "main.main: 100.0%"
    ]
    assert page.evaluate("document.querySelector('svg.flame rect').getBoundingClientRect().width > 800")


def test_opened_is_the_page_that_was_asked_for_and_not_the_one_before(page) -> None:
    """On a busy machine, that a page has loaded is often told when the next one has been asked for."""
    began = threading.Event()

    def slowly(_: str, connection: socket.socket) -> bytes:
        body = b"<!doctype html><p>it has begun" + b" " * 4096
        rest = b"<title>the second</title>"
        head = f"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {len(body) + len(rest)}\r\n\r\n".encode()
        connection.sendall(head + body)
        began.set()
        time.sleep(0.2)
        return rest

    with serve(slowly) as url:
        for number in range(5):
            page.call("Page.navigate", url=f"data:text/html,<title>the first</title><p>{number}")
            assert page.open(f"{url}/{number}") == 200
            assert page.evaluate("document.title") == "the second"
    assert began.is_set()
    with pytest.raises(ConnectionError, match="ERR_CONNECTION_REFUSED"):
        page.open(url)


def test_the_browser_leaves_no_file(monkeypatch) -> None:
    if browser.program() is None:
        missing(browser.HINT)
    with tempfile.TemporaryDirectory() as short:  # a socket's path has at most 107 bytes
        monkeypatch.setattr(tempfile, "tempdir", short)
        monkeypatch.setenv("TMPDIR", short)
        with browser.chromium() as seen:
            assert seen.evaluate("1 + 1") == 2
            assert list(Path(short).iterdir())
        assert not list(Path(short).iterdir())


HOSTILE = "<script>document.title='owned'</script>\u202e\x1b[2J\"'><img src=x onerror=document.title='owned'>"


def test_texts_of_a_hostile_service_stay_text(page, tmp_path) -> None:
    """A service whose error is a page of its own, and whose health parts have names that are markup."""
    import json  # noqa: PLC0415

    from scripts.measure.simulated import examples  # noqa: PLC0415
    from tests.live.servers import goroutine_profile, http  # noqa: PLC0415

    answers = examples()
    answers["status"]["image"]["epoch"] = HOSTILE
    answers["healthz"]["parts"][0] |= {"name": HOSTILE, "unit": HOSTILE, "reason": HOSTILE}
    answers["status"]["resources"]["rows"][0]["name"] = HOSTILE
    answers["heartbeat"]["windows"] = [
        window | {"reason": HOSTILE, "started_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}
        for window in answers["heartbeat"]["windows"]
    ]
    stack = http(goroutine_profile((HOSTILE, "main.main")))
    windows = {f"/debug/hotgate/heartbeat/{window['seq']}": stack for window in answers["heartbeat"]["windows"]}
    paths = windows | {f"/debug/hotgate/{name}": http(json.dumps(body).encode()) for name, body in answers.items()}
    with serve(paths) as url:
        port = int(url.rpartition(":")[2])
        with Running(tmp_path, configuration({"good": [port]})) as running:
            running.eventually(lambda: running.get("/v1/services/good-0")["service"]["standing_verdict"])
            running.sampled("good-0", 4)
            page.look(width=390)
            for path in ("/", "/services/good-0"):
                assert page.open(running.url() + path) == 200
                assert page.evaluate("document.title").startswith("hotgate")
                assert page.evaluate("document.querySelectorAll('img, script').length") == 0
                assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
                html = page.evaluate("document.documentElement.outerHTML")
                assert not re.search("[\u202e\x1b]", html)
            assert "onerror" in html, "it is shown, as text"
            assert "onerror" in page.evaluate("document.querySelector('svg.flame').textContent")


def test_strips_and_lines_keep_in_their_box() -> None:
    bars = charts.strip(["ok", "garbage", "updated", "nonsense"], 60)
    assert all(0 <= bar.x < 240 and bar.y >= 0 and bar.y + bar.height == 20 for bar in bars)
    assert bars[-1].x == 236
    assert len({bar.height for bar in charts.strip(["ok", "partial", "garbage", "unreachable"], 60)}) == 4
    assert charts.line([(0, None)], 0, 10, 5) is None
    assert charts.line([(1, float("nan")), (2, float("inf"))], 0, 10, 5) is None
    line = charts.line([(0, 1.0), (1, -3.0), (9, 2.0)], 0, 10, 5)
    assert line is not None
    assert (len(line.pieces), line.low, line.high, line.last) == (2, -3.0, 2.0, 2.0)


def test_a_timeline_has_windows_where_they_were() -> None:
    def window(seq: int, wall: int, state: str = "ok") -> SimpleNamespace:
        fields = {"generation": 1, "start_ns": 0, "end_ns": 6 * 10**9, "samples": 3, "cpu_seconds": 0.1}
        return SimpleNamespace(seq=seq, wall_ms=wall, state=state, reason="<b>", **fields)

    bars = charts.timeline([window(1, 0), window(2, 300_000, "failed"), window(3, 900_000)], 0, 600_000)
    assert [(bar.x, bar.kind) for bar in bars] == [(0, "ok"), (360, "failed")]
    assert charts.marks([0, 300_000, 700_000], 0, 600_000) == [0, 360]
    assert charts.health_parts("no json") == charts.health_parts("{}") == []
