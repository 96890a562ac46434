"""The heartbeat's strip: all that can happen is in it at its place, in the terminal, on the pages and in words."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from html import unescape

import numpy as np
import pytest

from scripts.pages import browser
from tests.conftest import missing
from tests.gate.test_profile_cli import BASE, report, run, windows
from tests.profile.made import MS10, Maker

EPOCHS = {1: ("a" * 32, 1), 14: ("b" * 32, 2), 24: ("c" * 32, 1), 27: ("d" * 32, 2)}
ABSENT, RESTARTED = {5, 6, 23}, 24
ODD = {
    9: ("yielded", "the CPU profiler was in use", 0.0),
    11: ("failed", "<b>disk full</b>", 0.0),
    13: ("short", "an update closed it", 2.0),
}
KINDS = "window*4 gap window*2 yielded window failed window short lost window*3 clock window*3 rate window*3 restart"
KINDS += " window*3 hand-over window*4"
TERMINAL = r"[▁-█]{4}\u00d7\u00d7[▁-█]{2}y[▁-█]!" + r"[▁-█]-⇥[▁-█]{3}±[▁-█]{3}~[▁-█]{3}↻[▁-█]{3}→[▁-█]{4}"


def eventful(folder, shape):
    """Thirty minutes of a heartbeat as goprobe keeps it, in which everything happens once."""
    folder.mkdir()
    rng = np.random.default_rng(3)
    seq = 0
    for minute in range(1, 31):
        seq += 1
        if minute in EPOCHS:
            epoch, generation = EPOCHS[minute]
        if minute in ABSENT:
            continue
        seq = 1 if minute == RESTARTED else seq
        state, reason, seconds = ODD.get(minute, ("ok", "", 6.0))
        shift = -30.0 if minute >= 17 else 0.0
        rate = 200 if minute >= 20 else 100
        wall, mono = 1_770_000_000 + 60 * minute + shift, 60 * minute * 10**9
        maker = Maker()
        total = 0
        for stack, mean in shape.items():
            value = int(rng.poisson(mean * seconds / 6))
            total += value
            maker.sample(stack.split(";"), value, value * MS10)
        maker.message.time_nanos, maker.message.duration_nanos = int(wall * 1e9), int(seconds * 1e9)
        name = f"window-{int(wall * 1e9):020d}-{epoch}-{seq}"
        if seconds:
            (folder / f"{name}.pb.gz").write_bytes(maker.data())
        times = [datetime.fromtimestamp(at, UTC).isoformat() for at in (wall, wall + seconds)]
        said = {
            "seq": seq, "epoch": epoch, "generation": generation, "started_at": times[0], "ended_at": times[1],
            "start_monotonic_ns": mono, "end_monotonic_ns": mono + int(seconds * 1e9), "duration_ns": int(seconds * 1e9),
            "rate_hz": rate, "samples": total, "cpu_seconds": total / 100, "bytes": 100 if seconds else 0,
            "state": state, "reason": reason,
        }  # fmt: skip
        (folder / f"{name}.json").write_text(json.dumps(said))
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return eventful(tmp_path_factory.mktemp("strip") / "new", BASE)


@pytest.fixture(scope="module")
def page(folder, tmp_path_factory):
    out = tmp_path_factory.mktemp("page") / "page.html"
    base = windows(out.parent / "base", BASE)
    assert run("profile", "diff", base, folder, "--page", out).exit_code in {0, 10}
    return out


def test_everything_is_at_its_place(folder):
    strip = report(run("profile", "score", folder, "--format", "json"))["profile"]["continuity"]["strip"]
    found: list[list] = []
    for each in strip:
        if found and found[-1][0] == each["kind"] == "window":
            found[-1][1] += 1
        else:
            found.append([each["kind"], 1])
    assert " ".join(kind if number == 1 else f"{kind}*{number}" for kind, number in found) == KINDS
    by_kind = {each["kind"]: each for each in strip}
    assert by_kind["gap"]["missing"] == 2
    assert by_kind["gap"]["window"] == 4
    assert "about" in by_kind["lost"]["detail"]
    assert "samples lost" in by_kind["lost"]["detail"]
    assert by_kind["lost"]["missing"] == 0  # a part of one only
    assert "lost" not in by_kind["hand-over"]["detail"]
    assert "-30.0 s" in by_kind["clock"]["detail"]
    assert "100 Hz became 200 Hz" in by_kind["rate"]["detail"]
    assert by_kind["yielded"]["detail"] == "window 9 gave way: the CPU profiler was in use"


def test_every_deduction_of_the_score_is_in_the_strip(folder):
    continuity = report(run("profile", "score", folder, "--format", "json"))["profile"]["continuity"]
    drawn = [each["detail"] for each in continuity["strip"]]
    assert len(continuity["deductions"]) == 5
    assert all(each["detail"] in drawn for each in continuity["deductions"])
    assert len([each for each in continuity["strip"] if each["kind"] in ("hand-over", "lost")]) == len(
        continuity["hand_overs"]
    )


def test_the_terminal_draws_it_with_its_signs(folder, tmp_path):
    saved = tmp_path / "report.json"
    text = run("profile", "score", folder, "--output", f"json={saved}").stdout
    assert re.search(rf"^  {TERMINAL}$", text, re.MULTILINE)
    words = " ".join(text.split())
    for sign in (
        "\u00d7 gap",
        "↻ unannounced restart",
        "y gave way",
        "⇥ planned hand-over, samples lost",
        "± clock was set",
    ):
        assert sign in words
    assert run("render", saved, "--format", "terminal").stdout == text


def test_a_whole_heartbeat_has_nothing_to_explain(tmp_path):
    folder = windows(tmp_path / "base", BASE)
    text = run("profile", "score", folder).stdout
    assert re.search(r"^  [▁-█]{20}$", text, re.MULTILINE)
    assert "gap" not in text
    html = run("profile", "score", folder, "--format", "html").stdout
    assert 'class="strip"' in html
    assert "strip-key" not in html.partition("</style>")[2]


@pytest.mark.parametrize("source", ["page", "report"])
def test_the_pages_say_it_in_words_and_shapes(source, page, folder):
    html = page.read_text("utf-8") if source == "page" else run("profile", "score", folder, "--format", "html").stdout
    assert "<b>disk" not in html
    events = re.findall(r"<li>(\d{4}-\d\d-\d\d [^<]*)</li>", html)
    titles = [unescape(each) for each in re.findall(r"<title>(2026[^<]*)</title>", html)]
    assert len(events) == 9
    assert [unescape(each) for each in events] == [
        each for each in titles if not re.search(r": window \d+: \d+ samples$", each)
    ]
    assert "gap: nothing for 180 s after window 4 (2 windows missing)" in html
    legend = html[html.index('<ul class="strip-key"') :].partition("</ul>")[0]
    assert len(re.findall("<li>", legend)) == 9
    assert len(set(re.findall(r"<b>(.)</b>", legend))) == 9
    ids = re.findall(r'<pattern id="([^"]+)"', html)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r"url\(#([^)]+)\)", html)) <= set(ids)


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_strip_fits_and_can_be_reached_by_keyboard(page, width, scheme):
    if browser.program() is None:
        missing(browser.HINT)
    with browser.chromium() as seen:
        seen.look(width=width, scheme=scheme)
        seen.open(page.as_uri())
        assert seen.complaints() == []
        assert seen.evaluate("document.documentElement.scrollWidth") <= width
        strips = "[...document.querySelectorAll('.strip')]"
        assert seen.evaluate(f"{strips}.map((each) => each.tabIndex).join()") == "0,0"
        assert seen.evaluate(f"{strips}[1].querySelectorAll('text').length") == 9
        # Shapes, as drawn: bars have the height of their samples, a missing window the full height and a pattern.
        drawn = "document.querySelectorAll('.strip')[1].querySelector('[fill=\"url(#new-gap)\"]').getBBox()"
        assert seen.evaluate(f"[{drawn}.height > 40, {drawn}.width > 18].join()") == "true,true"
        text = "getComputedStyle(document.querySelector('.strip text')).fill"
        assert seen.evaluate(f"{text} === getComputedStyle(document.body).color")
        assert seen.evaluate("document.querySelector('.strip-events').open")


def test_times_that_are_none_are_left_out():
    from gate.report.text.strip import moment  # noqa: PLC0415 - only here

    assert [moment(wall) for wall in (0.0, 1e300, -1e300, 1_770_000_000.0)] == ["", "", "", "2026-02-02 02:40:00 UTC"]
