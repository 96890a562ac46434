"""The documents under docs/examples: against their published schemas, their own checkers, and the sidecar itself."""

from __future__ import annotations

import configparser
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
import yaml

from gate.policy.file import load_policy
from gate.sidecar.config.model import load_sidecar
from gate.sidecar.web.api import STATUS
from scripts.fetch import published_schemas
from scripts.programs.gobuild import BuildFailed
from tests.conftest import missing

if TYPE_CHECKING:
    from tests.sidecar.conftest import Running

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"


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
