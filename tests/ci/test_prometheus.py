"""The examples for Prometheus: by promtool, and in a real Prometheus that scrapes a sidecar, and that a watch asks."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
import yaml

from scripts.truth.hazards import free_port
from tests.ci.test_examples import EXAMPLES, document
from tests.conftest import missing

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.sidecar.conftest import Running

PROMETHEUS_HINT = "no Prometheus: apt-get install prometheus"


def promtool(*arguments: str | Path, cwd: Path = EXAMPLES) -> subprocess.CompletedProcess[str]:
    if shutil.which("promtool") is None:
        missing(PROMETHEUS_HINT)
    return subprocess.run(["promtool", *map(str, arguments)], cwd=cwd, capture_output=True, text=True, check=False)


def test_promtool_accepts_rules_and_configuration() -> None:
    done = promtool("check", "config", "prometheus.yml")
    assert done.returncode == 0, done.stderr
    done = promtool("check", "rules", "prometheus-alerts.yml")
    assert done.returncode == 0, done.stderr
    assert "7 rules found" in done.stdout


def test_the_alerts_fire_when_they_should_and_not_before(tmp_path: Path) -> None:
    shutil.copy(EXAMPLES / "prometheus-alerts.yml", tmp_path)
    series = {
        'hotgate_service_up{service="a"}': "1 1 0x10",
        'hotgate_service_verdict{service="a",verdict="pass"}': "0x40",
        'hotgate_service_health{service="a"}': "60x10",
        'hotgate_service_health{service="b"}': "60x10",
        'hotgate_service_stale{service="a"}': "0x10",
        'hotgate_service_stale{service="b"}': "1x10",
        "hotgate_store_up": "1 1 1 0x10",
        'hotgate_release_unfinished{service="a"}': "1x20",
        'hotgate_release_problems{service="a"}': "0x20",
        'hotgate_release_unfinished{service="b"}': "0x20",
        'hotgate_release_problems{service="b"}': "2x20",
        'up{job="hotgate",instance="h"}': "1 1 0x10",
        # In a sidecar that has run for long, 10% of the polls are late for 20 minutes, and then none.
        'hotgate_poll_late_seconds_bucket{le="1.0",instance="h"}': "1000000+90x20 1001900+100x30",
        'hotgate_poll_late_seconds_bucket{le="2.5",instance="h"}': "1000000+100x50",
        'hotgate_poll_late_seconds_bucket{le="+Inf",instance="h"}': "1000000+100x50",
    }
    expected = {
        "HotgateServiceUnreachable": ("3m", "5m", ["a"]),
        "HotgateCannotBeUpdated": ("29m", "31m", ["a"]),
        "HotgateHealthLow": ("4m", "6m", ["a"]),
        "HotgateReleaseUnfinished": ("9m", "11m", ["a", "b"]),
        "HotgateStoreFails": ("3m", "5m", [None]),
        "HotgateSidecarDown": ("3m", "5m", [None]),
        "HotgateLate": ("9m", "13m", [None]),
    }
    extras = {
        "HotgateSidecarDown": {"instance": "h", "job": "hotgate"},
        "HotgateCannotBeUpdated": {"verdict": "pass"},
        "HotgateLate": {"instance": "h"},
    }
    severities = {
        rule["alert"]: rule["labels"]["severity"] for rule in document("prometheus-alerts.yml")["groups"][0]["rules"]
    }
    assert expected.keys() == severities.keys()
    checks: list[dict[str, Any]] = [{"eval_time": "35m", "alertname": "HotgateLate", "exp_alerts": []}]
    for alert, (early, late, services) in expected.items():
        common = {"severity": severities[alert], **extras.get(alert, {})}
        labels = [common | ({"service": name} if name else {}) for name in services]
        checks.append({"eval_time": early, "alertname": alert, "exp_alerts": []})
        checks.append({"eval_time": late, "alertname": alert, "exp_alerts": [{"exp_labels": each} for each in labels]})
    rules = document("prometheus-alerts.yml")
    for rule in rules["groups"][0]["rules"]:  # what people read is not what is tested here
        rule.pop("annotations")
    (tmp_path / "prometheus-alerts.yml").write_text(yaml.safe_dump(rules), "utf-8")
    test = {
        "rule_files": ["prometheus-alerts.yml"],
        "evaluation_interval": "1m",
        "tests": [
            {
                "interval": "1m",
                "input_series": [{"series": name, "values": values} for name, values in series.items()],
                "alert_rule_test": checks,
            }
        ],
    }
    (tmp_path / "test.yml").write_text(yaml.safe_dump(test), "utf-8")
    done = promtool("test", "rules", "test.yml", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def prometheus(served: Running, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Prometheus that scrapes the sidecar every second, and evaluates the rules every other; its URL."""
    if shutil.which("prometheus") is None:
        missing(PROMETHEUS_HINT)
    folder = tmp_path_factory.mktemp("prometheus")
    shape = document("prometheus.yml")
    job = shape["scrape_configs"][0]
    shape["global"] = {"evaluation_interval": "2s"}
    job |= {"scrape_interval": "1s", "static_configs": [{"targets": [served.url().removeprefix("http://")]}]}
    shutil.copy(EXAMPLES / "prometheus-alerts.yml", folder)
    (folder / "prometheus.yml").write_text(yaml.safe_dump(shape), "utf-8")
    port = free_port()
    argv = ["prometheus", f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data"]
    argv += [f"--web.listen-address=127.0.0.1:{port}", "--log.level=warn"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(argv, stdout=log, stderr=log, cwd=folder)
    url = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + 120
        while not _ready(url):
            assert process.poll() is None, (folder / "log").read_text("utf-8")
            assert time.monotonic() < deadline
            time.sleep(0.2)
        yield url
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(120)


def _ready(url: str) -> bool:
    try:
        return bool(_query(url, "hotgate_service_up"))
    except OSError:
        return False


def _query(url: str, expression: str) -> list[Any]:
    with urllib.request.urlopen(f"{url}/api/v1/query?query={quote(expression)}", timeout=300) as answer:  # noqa: S310
        found: list[Any] = json.load(answer)["data"]["result"]
        return found


def test_a_real_prometheus_scrapes_the_sidecar(prometheus: str) -> None:
    up = {row["metric"]["service"]: row["value"][1] for row in _query(prometheus, "hotgate_service_up")}
    assert up["good-0"] == "1"
    assert up["dead-1"] == "0"
    assert _query(prometheus, 'up{job="hotgate"}')[0]["value"][1] == "1"
    deadline = time.monotonic() + 120
    while "unknown" in (found := _health(prometheus)):  # not evaluated yet
        assert time.monotonic() < deadline, found
        time.sleep(0.2)
    assert found == ["ok"] * 7


def _health(url: str) -> list[str]:
    """What Prometheus says of the evaluation of each of its rules."""
    with urllib.request.urlopen(f"{url}/api/v1/rules", timeout=300) as answer:  # noqa: S310 - our own
        (group,) = json.load(answer)["data"]["groups"]
        return [rule["health"] for rule in group["rules"]]


@pytest.mark.long
def test_a_watch_asks_a_real_prometheus(prometheus: str, tmp_path: Path) -> None:
    """Counters of the sidecar itself stand for a service's: dead-1 fails every poll, and good-0 none."""

    def rule(bad: str) -> str:
        bad, total = (f"sum({metric})" for metric in (bad, 'hotgate_polls_total{service="good-0"}'))
        return (
            f"[[sidecar.service.watch.rule]]\nname = 'r'\nkind = 'ratio'\ntimes = 1.5\nmin_count = 1\n"
            f"bad = '{bad}'\ntotal = '{total}'\n"
        )

    deadline = time.monotonic() + 120
    while (
        float(
            next(iter(_query(prometheus, 'hotgate_polls_total{service="good-0",state="ok"}')), {"value": [0, 0]})[
                "value"
            ][1]
        )
        < 4
    ):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    for bad, codes in (('hotgate_polls_total{service="good-0",state="garbage"}', {0}), ("nothing_at_all", {11})):
        text = "[[sidecar.service]]\nname = 'a'\nurl = 'http://127.0.0.1:9'\n[sidecar.service.watch]\nwithin = '5s'\n"
        text += f"prometheus = '{prometheus}'\n{rule(bad)}"
        (tmp_path / "hotgate.toml").write_text(text, "utf-8")
        argv = [sys.executable, "-m", "gate", "watch", "a", "--store", str(tmp_path / "a.db")]
        done = subprocess.run(argv, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode in codes, done.stdout + done.stderr
        shape = json.loads(done.stdout)
        assert shape["state"] == ("clear" if 0 in codes else "inconclusive")
