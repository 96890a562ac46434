"""The documents under docs/examples: against their published schemas, their own checkers, and the sidecar itself."""

from __future__ import annotations

import configparser
import json
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import jsonschema
import pytest
import yaml

from gate.policy_file import load_policy
from gate.sidecar.api import STATUS
from gate.sidecar.config import load_sidecar
from scripts import published_schemas
from scripts.gobuild import BuildFailed
from tests.conftest import missing
from tests.sidecar.conftest import Running, configuration, ports  # noqa: F401 - a fixture

if TYPE_CHECKING:
    from collections.abc import Iterator

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
PROMETHEUS_HINT = "no Prometheus: apt-get install prometheus"


def document(name: str) -> Any:
    return yaml.safe_load((EXAMPLES / name).read_text("utf-8"))


@pytest.mark.parametrize(
    ("name", "published"),
    [("argo-rollouts.yaml", published_schemas.ARGO), ("flagger.yaml", published_schemas.FLAGGER)],
)
def test_a_document_obeys_the_schema_that_is_published(name: str, published: published_schemas.Published) -> None:
    shape = document(name)
    try:
        schema = published_schemas.schema(published, shape["kind"])
    except BuildFailed as exc:
        missing(str(exc))
    validator = jsonschema.Draft7Validator(schema)
    assert [error.message for error in validator.iter_errors(shape)] == []
    shape["spec"]["nonsense"] = 1
    assert list(validator.iter_errors(shape)), "the schema is strict"


def test_the_configuration_is_one() -> None:
    path = str(EXAMPLES / "hotgate.toml")
    assert load_policy(path).audit
    found = load_sidecar(path)
    assert [each.name for each in found.services] == ["orders", "billing"]
    assert found.services[0].watch is not None
    assert [each.kind for each in found.services[0].watch.rules] == ["ratio", "level"]


@pytest.fixture(scope="module")
def served(ports: dict[str, list[int]], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:  # noqa: F811
    with Running(tmp_path_factory.mktemp("examples"), configuration(ports)) as running:
        running.polled()
        running.eventually(lambda: running.get("/v1/services/good-0")["service"]["standing_verdict"])
        yield running


def path_of(url: str, service: str) -> str:
    return re.sub(r"\{\{args\.service\}\}", service, url.partition(":9847")[2])


def test_argo_reads_a_verdict_and_tells_three_apart(served: Running) -> None:
    metrics = document("argo-rollouts.yaml")["spec"]["metrics"]
    verdict, *watches = metrics
    for metric, key in ((verdict, "verdict"), *((watch, "state") for watch in watches)):
        web = metric["provider"]["web"]
        assert web["jsonPath"] == "{$." + key + "}"
        assert isinstance(served.get(path_of(web["url"], "good-0"))[key], str)
    conditions = verdict["successCondition"], verdict["failureCondition"]
    outcome = {
        each: [condition == f'result == "{each}"' for condition in conditions]
        for each in ("pass", "block", "inconclusive")
    }
    assert outcome == {"pass": [True, False], "block": [False, True], "inconclusive": [False, False]}


def test_flaggers_payload_gets_a_status_for_each_verdict(served: Running) -> None:
    assert len(set(STATUS.values())) == 3
    assert [verdict for verdict, status in STATUS.items() if 200 <= status < 300] == ["pass"]
    for hook in document("flagger.yaml")["spec"]["analysis"]["webhooks"]:
        payload = {"name": "orders", "namespace": "prod", "phase": "Progressing", "checksum": "85d557f47b"}
        payload |= {"metadata": hook["metadata"] | {"service": "good-0"}}
        status, _, _ = served.ask(hook["url"].partition(":9847")[2], payload)
        assert status == 409, "good-0 has a broken canary, and no watch says to roll back"


def test_the_playbook_asks_for_what_there_is(served: Running) -> None:
    tasks = document("ansible.yml")[0]["tasks"]
    asked = tasks[0]["ansible.builtin.uri"]["url"]
    path = asked.replace("{{ sidecar }}", "").replace("{{ service }}", "good-0")
    path = path.replace("&new={{ release | urlencode }}", "")
    shape = served.get(path)
    assert {"verdict", "audit", "reasons"} <= shape.keys()
    names = [task["name"] for task in tasks]
    clock, signal_at = (
        names.index(name) for name in ("Take the time of the host, whose sidecar goes by it", "Replace the image")
    )
    assert clock < signal_at
    watched = tasks[-1]["ansible.builtin.uri"]["url"].replace("{{ sidecar }}", "").replace("{{ service }}", "good-0")
    assert tasks[clock]["register"] == "begun"
    assert watched.count("{{ begun.stdout }}") == 1
    assert served.get(watched.replace("{{ begun.stdout }}", str(int(time.time()))))["state"] == "idle"


def test_the_nomad_job_runs_commands_that_there_are() -> None:
    text = (EXAMPLES / "nomad.hcl").read_text("utf-8")
    script = re.search(r"<<-SCRIPT\n(.*?)\n\s*SCRIPT", text, re.DOTALL)
    assert script is not None
    assert subprocess.run(["sh", "-n", "-c", script[1]], check=False).returncode == 0
    for line in script[1].splitlines():
        words = line.split()
        if words[0] == "hotgate":
            helped = subprocess.run(
                [sys.executable, "-m", "gate", words[1], "--help"], capture_output=True, text=True, check=True
            )
            for option in re.findall(r"--[a-z-]+", line):
                assert option in helped.stdout, option


def test_the_unit_is_one() -> None:
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    text = (EXAMPLES / "hotgate-sidecar.service").read_text("utf-8")
    parser.read_string(text)
    assert parser["Service"]["Type"] == "notify-reload"
    # A user that systemd makes up may not read another's /proc/PID/exe, which `pid_file` needs.
    assert parser["Service"]["User"] == "hotgate"
    assert "DynamicUser" not in parser["Service"]
    assert "#AmbientCapabilities=CAP_SYS_PTRACE" in text.splitlines()
    assert parser["Service"]["ExecStart"].split()[1:] == ["sidecar", "--config", "/etc/hotgate/hotgate.toml"]


def promtool(*arguments: str | Path, cwd: Path = EXAMPLES) -> subprocess.CompletedProcess[str]:
    if shutil.which("promtool") is None:
        missing(PROMETHEUS_HINT)
    return subprocess.run(["promtool", *map(str, arguments)], cwd=cwd, capture_output=True, text=True, check=False)


def test_promtool_accepts_rules_and_configuration() -> None:
    done = promtool("check", "config", "prometheus.yml")
    assert done.returncode == 0, done.stderr
    done = promtool("check", "rules", "prometheus-alerts.yml")
    assert done.returncode == 0, done.stderr
    assert "6 rules found" in done.stdout


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
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    argv = ["prometheus", f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data"]
    argv += [f"--web.listen-address=127.0.0.1:{port}", "--log.level=warn"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(argv, stdout=log, stderr=log, cwd=folder)
    url = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + 40
        while not _ready(url):
            assert process.poll() is None, (folder / "log").read_text("utf-8")
            assert time.monotonic() < deadline
            time.sleep(0.2)
        yield url
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)


def _ready(url: str) -> bool:
    try:
        return bool(_query(url, "hotgate_service_up"))
    except OSError:
        return False


def _query(url: str, expression: str) -> list[Any]:
    with urllib.request.urlopen(f"{url}/api/v1/query?query={quote(expression)}", timeout=10) as answer:  # noqa: S310
        found: list[Any] = json.load(answer)["data"]["result"]
        return found


def test_a_real_prometheus_scrapes_the_sidecar(prometheus: str) -> None:
    up = {row["metric"]["service"]: row["value"][1] for row in _query(prometheus, "hotgate_service_up")}
    assert up["good-0"] == "1"
    assert up["dead-1"] == "0"
    assert _query(prometheus, 'up{job="hotgate"}')[0]["value"][1] == "1"
    deadline = time.monotonic() + 40
    while "unknown" in (found := _health(prometheus)):  # not evaluated yet
        assert time.monotonic() < deadline, found
        time.sleep(0.2)
    assert found == ["ok"] * 6


def _health(url: str) -> list[str]:
    """What Prometheus says of the evaluation of each of its rules."""
    with urllib.request.urlopen(f"{url}/api/v1/rules", timeout=10) as answer:  # noqa: S310 - our own
        (group,) = json.load(answer)["data"]["groups"]
        return [rule["health"] for rule in group["rules"]]


def test_a_watch_asks_a_real_prometheus(prometheus: str, tmp_path: Path) -> None:
    """Counters of the sidecar itself stand for a service's: dead-1 fails every poll, and good-0 none."""

    def rule(bad: str) -> str:
        bad, total = (f"sum({metric})" for metric in (bad, 'hotgate_polls_total{service="good-0"}'))
        return (
            f"[[sidecar.service.watch.rule]]\nname = 'r'\nkind = 'ratio'\ntimes = 1.5\nmin_count = 1\n"
            f"bad = '{bad}'\ntotal = '{total}'\n"
        )

    time.sleep(3)
    for bad, codes in (('hotgate_polls_total{service="good-0",state="garbage"}', {0}), ("nothing_at_all", {11})):
        text = "[[sidecar.service]]\nname = 'a'\nurl = 'http://127.0.0.1:9'\n[sidecar.service.watch]\nwithin = '5s'\n"
        text += f"prometheus = '{prometheus}'\n{rule(bad)}"
        (tmp_path / "hotgate.toml").write_text(text, "utf-8")
        argv = [sys.executable, "-m", "gate", "watch", "a", "--store", str(tmp_path / "a.db")]
        done = subprocess.run(argv, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode in codes, done.stdout + done.stderr
        shape = json.loads(done.stdout)
        assert shape["state"] == ("clear" if 0 in codes else "inconclusive")
