"""`hotgate watch` over several services: the first that is to be rolled back ends it, and each has its own update."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from gate.cli import cli
from gate.watch.judge import Ruling

RULE = """
[sidecar.service.watch]
within = "5s"
[[sidecar.service.watch.rule]]
name = "errors"
kind = "ratio"
source = "expvar"
bad = "failures"
total = "requests"
times = 3.0
"""


@pytest.fixture
def config(tmp_path: Path) -> str:
    text = f'store = "sqlite:///{tmp_path}/store.db"\n'
    for name in ("cache", "api", "gateway"):
        text += f'[[sidecar.service]]\nname = "{name}"\nurl = "http://127.0.0.1:1"\n{RULE}'
    (tmp_path / "hotgate.toml").write_text(text, "utf-8")
    return str(tmp_path / "hotgate.toml")


def run(*words: str):
    return CliRunner(catch_exceptions=False).invoke(cli, ["watch", *words], env={"HOTGATE_DEBUG": "1"})


def rulings(monkeypatch: pytest.MonkeyPatch, fires: dict[str, bool | None]) -> list[tuple[str, float]]:
    """What the rules say from now on; which service was looked at, for an update that was begun when."""
    seen: list[tuple[str, float]] = []

    async def look(config, database, name, span):
        del config, database
        seen.append((name, span.begun))
        return [Ruling("errors", fires[name], "as told")]

    monkeypatch.setattr("gate.watch.looking.look", look)
    return seen


def test_the_first_that_is_to_be_rolled_back_ends_it(config: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rulings(monkeypatch, {"cache": False, "api": True, "gateway": False})
    path = Path(config)
    path.write_text(path.read_text("utf-8").replace('within = "5s"', 'within = "10m"'), "utf-8")
    now = time.time()
    done = run(
        "cache", "api", "gateway", "--config", config, "--since", f"{now:.0f}", "--since", f"cache={now - 3600:.0f}"
    )
    found = json.loads(done.stdout)
    assert (done.exit_code, found["state"], found["exit_code"]) == (10, "rollback", 10)
    assert [(each["service"], each["state"]) for each in found["services"]] == [
        ("cache", "clear"),  # its time is up
        ("api", "rollback"),
        ("gateway", "watching"),
    ]
    assert time.time() - now < 300, "nobody waits for the others"


def test_each_has_its_own_update_and_one_is_shown_as_ever(config: str, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = rulings(monkeypatch, {"cache": False, "api": None})
    done = run("cache", "api", "--config", config, "--since", "cache=1000", "--since", "api=2000")
    assert dict(seen) == {"cache": 1000.0, "api": 2000.0}
    found = json.loads(done.stdout)
    assert (done.exit_code, found["state"]) == (11, "inconclusive"), "what is not known does not pass"
    done = run("cache", "--config", config, "--since", "1000")
    assert json.loads(done.stdout)["service"] == "cache"
    assert done.exit_code == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["cache", "--since", "api=1000"], "--since of a service that is not watched: api"),
        (["cache", "--since", "cache=soon"], "--since is no time of an update: soon"),
        (["cache", "--since", "nan"], "--since is no time of an update: nan"),
        (["cache", "--since", "99999999999999"], "--since is no time of an update"),
        (["cache", "orders"], "no such service: orders"),
    ],
)
def test_what_means_nothing_is_one_line(words: list[str], said: str, config: str) -> None:
    done = run(*words, "--config", config)
    assert done.exit_code == 2
    assert said in done.stderr
