"""The page with the flame graph in a real browser: it draws, searches, zooms and answers to the keyboard."""

from __future__ import annotations

import re
import subprocess

import pytest

from scripts.pages import browser
from tests.conftest import missing
from tests.gate.test_profile_cli import BASE, SLOWER, run, windows

CHROMIUM = browser.program()

PROBE = """
<script>
addEventListener("load", () => {
  const out = [];
  const graph = document.getElementById("graph");
  const boxes = () => [...graph.querySelectorAll("button")];
  const key = (name) => (document.activeElement || graph).dispatchEvent(new KeyboardEvent("keydown", {key: name, bubbles: true}));
  out.push("drawn " + boxes().map((box) => box.textContent.trim()).filter(Boolean).join("|"));
  boxes()[0].focus();
  key("ArrowDown"); key("ArrowDown"); key("ArrowRight");
  out.push("focus " + document.activeElement.getAttribute("aria-label"));
  document.activeElement.click();
  out.push("zoomed " + boxes().length);
  key("Escape"); key("Escape"); key("Escape");
  out.push("back " + boxes().length);
  const search = document.getElementById("search");
  key("/");
  out.push("search " + (document.activeElement === search));
  search.value = "score";
  search.dispatchEvent(new Event("input"));
  out.push("hits " + graph.querySelectorAll(".hit").length + " " + document.getElementById("found").textContent);
  const answer = document.createElement("pre");
  answer.id = "answer";
  answer.textContent = out.join("\\n");
  document.body.append(answer);
});
</script>
"""


def test_the_graph_works_without_a_mouse(tmp_path):
    if CHROMIUM is None:
        missing(browser.HINT)
    page = tmp_path / "page.html"
    folders = windows(tmp_path / "base", BASE), windows(tmp_path / "new", SLOWER, seed=2)
    run("profile", "diff", *folders, "--page", page)
    # The page's own policy forbids a script that it does not know, so the probe comes without the policy.
    text = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", page.read_text("utf-8"))
    page.write_text(text.replace("</body>", PROBE + "</body>"), "utf-8")
    command = [str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", "--window-size=1000,800", "--dump-dom"]
    command += [f"--user-data-dir={tmp_path / 'profile'}", page.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    found = re.search(r'<pre id="answer">(.*?)</pre>', done.stdout, re.DOTALL)
    assert found, done.stderr[-2000:]
    answer = dict(line.split(" ", 1) for line in found[1].splitlines())
    assert "+ score" in answer["drawn"]
    assert "encode" in answer["drawn"]
    assert re.match(r"(price|encode): [\d.]+% of BASE, [\d.]+% of NEW", answer["focus"])
    assert int(answer["zoomed"]) <= int(answer["back"])
    assert answer["search"] == "true"
    assert re.match(r"1 [\d.]+% of BASE, [\d.]+% of NEW", answer["hits"])


@pytest.mark.parametrize("forbidden", ["eval(", "innerHTML", "document.write", "http:", "https:"])
def test_the_script_has_no_way_for_a_name_to_become_code(forbidden):
    from importlib import resources  # noqa: PLC0415 - only here

    assert forbidden not in resources.files("gate.report.pages").joinpath("flame.js").read_text("utf-8")
