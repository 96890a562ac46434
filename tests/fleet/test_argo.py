"""What is rendered for Argo, against the published schemas, and a simulation of how Argo Workflows carries it out."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from scripts.fetch.published_schemas import ARGO, ROLLOUT, WORKFLOW, Published, schema
from scripts.programs.gobuild import BuildFailed
from tests.conftest import missing
from tests.fleet.plans import SEED, TOGETHER, hotgate, write

if TYPE_CHECKING:
    from pathlib import Path


def rendered(folder: Path, text: str) -> dict[str, str]:
    out = folder / "argo"
    done = hotgate("fleet", "render", write(folder, text), "--engine", "argo-workflows", "-o", str(out))
    assert done.exit_code == 0, done.stderr
    return {str(each.relative_to(out)): each.read_text("utf-8") for each in out.rglob("*") if each.is_file()}


def published(which: Published, kind: str) -> Draft202012Validator:
    try:
        return Draft202012Validator(schema(which, kind))
    except BuildFailed as exc:
        missing(str(exc))
        raise


@pytest.mark.long
@pytest.mark.parametrize("text", [SEED, TOGETHER + "strategy: parallel\nrollback_policy: manual\n"])
def test_it_obeys_the_published_schemas(text: str, tmp_path: Path) -> None:
    files = rendered(tmp_path, text)
    published(WORKFLOW, "Workflow").validate(yaml.safe_load(files["workflow.yaml"]))
    published(ROLLOUT, "Rollout").validate(yaml.safe_load(files["rollouts/api.yaml"]))
    published(ARGO, "AnalysisTemplate").validate(yaml.safe_load(files["analysis/default.yaml"]))
    wrong = yaml.safe_load(files["workflow.yaml"])
    wrong["spec"]["templates"][0]["dag"]["tasks"][0]["dependz"] = "x"
    assert not published(WORKFLOW, "Workflow").is_valid(wrong)


class Simulated:
    """How Argo Workflows 3.7 carries a DAG out, as far as it is used here: a task runs when its `depends` holds, is Omitted when
    it can no longer hold, and Skipped when its `when` does not; the exit handler runs whatever came of it. A simulation: no Argo runs.
    """

    def __init__(self, workflow: dict[str, Any], images: dict[str, str], fails: str = "") -> None:
        self.spec = workflow["spec"]
        self.templates = {each["name"]: each for each in self.spec["templates"]}
        self.images, self.fails = images, fails
        self.log: list[str] = []

    def run(self) -> str:
        ended = self.dag(self.spec["entrypoint"])
        status = "Succeeded" if set(ended.values()) == {"Succeeded"} else "Failed"
        if "onExit" in self.spec:
            ((step,),) = self.templates[self.spec["onExit"]]["steps"]
            left, right = re.fullmatch(r"(.*) != (.*)", step["when"].replace("{{workflow.status}}", status)).groups()  # type: ignore[union-attr]
            if left != right:
                self.dag(step["template"])
        return status

    def dag(self, name: str) -> dict[str, str]:
        tasks = {each["name"]: each for each in self.templates[name]["dag"]["tasks"]}
        ended: dict[str, str] = {}
        while len(ended) < len(tasks):
            ready = [task for key, task in tasks.items() if key not in ended and self.named(task) <= ended.keys()]
            assert ready, "tasks wait for each other"
            for task in ready:
                ended[task["name"]] = self.task(task, ended)
        return ended

    @staticmethod
    def named(task: dict[str, Any]) -> set[str]:
        return set(re.findall(r"([a-z0-9-]+)\.[A-Z]\w+", task.get("depends", "")))

    def task(self, task: dict[str, Any], ended: dict[str, str]) -> str:
        expression = re.sub(
            r"([a-z0-9-]+)\.([A-Z]\w+)", lambda m: str(ended[m[1]] == m[2]), task.get("depends", "True")
        )
        if not eval(expression.replace("||", "or").replace("&&", "and")):  # noqa: S307 - True, False, and, or
            return "Omitted"
        given = {each["name"]: each["value"] for each in task["arguments"]["parameters"]}
        rollout = given["rollout"]
        if "when" in task:
            found = re.sub(
                r"\{\{tasks\.look-(.*?)\.outputs\.parameters\.image\}\}", lambda m: self.images[m[1]], task["when"]
            )
            left, right = re.fullmatch(r"'(.*)' == '(.*)'", found).groups()  # type: ignore[union-attr]
            if left != right:
                return "Skipped"
        if task["template"] == "update":
            self.log.append(f"update {rollout}")
            self.images[rollout] = given["image"].partition("=")[2]
            return "Failed" if rollout == self.fails else "Succeeded"
        if task["template"] == "back":
            self.log.append(f"back {rollout}")
            self.images[rollout] = f"{rollout}:v1"
        return "Succeeded"


NAMES = ("database", "cache", "api", "gateway")


def simulated(folder: Path, text: str, fails: str = "") -> Simulated:
    workflow = yaml.safe_load(rendered(folder, text)["workflow.yaml"])
    return Simulated(workflow, {name: f"{name}:v1" for name in NAMES}, fails)


def test_a_good_release_goes_in_order_and_takes_nothing_back(tmp_path: Path) -> None:
    found = simulated(tmp_path, SEED)
    assert found.run() == "Succeeded"
    assert found.log == [f"update {name}" for name in NAMES]


def test_one_that_fails_is_taken_back_in_reverse_order_and_what_was_not_brought_is_left_alone(tmp_path: Path) -> None:
    found = simulated(tmp_path, SEED, "api")
    assert found.run() == "Failed"
    assert found.log == ["update database", "update cache", "update api", "back api", "back cache", "back database"]
    assert set(found.images.values()) == {f"{name}:v1" for name in NAMES}


def test_without_the_policy_there_is_no_exit_handler(tmp_path: Path) -> None:
    found = simulated(tmp_path, SEED.replace("auto ", "manual "), "api")
    assert found.run() == "Failed"
    assert [line for line in found.log if line.startswith("back")] == []
    assert "look" not in found.templates


def test_in_parallel_a_task_waits_for_nothing_but_what_it_depends_on(tmp_path: Path) -> None:
    text = "components:\n  - {name: database, version: v2}\n  - {name: cache, version: v2}\n  - {name: api, version: v2, depends_on: [database]}\n"
    for strategy, waits in (("rolling", {"database", "cache"}), ("parallel", {"database"})):
        workflow = yaml.safe_load(rendered(tmp_path, text + f"strategy: {strategy}\n")["workflow.yaml"])
        tasks = {each["name"]: each for each in workflow["spec"]["templates"][0]["dag"]["tasks"]}
        assert Simulated.named(tasks["api"]) == waits


def test_batches_are_shares_of_the_pods(tmp_path: Path) -> None:
    rollout = yaml.safe_load(rendered(tmp_path, SEED)["rollouts/api.yaml"])
    steps = rollout["spec"]["strategy"]["canary"]["steps"]
    assert steps == [
        {"setWeight": 1},
        {"pause": {"duration": "600s"}},
        {"setWeight": 11},
        {"pause": {"duration": "600s"}},
        {"setWeight": 100},
        {"pause": {"duration": "600s"}},
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("components: [{name: Api, version: v2}]", ":1: the name Api of Api is none for Kubernetes"),
        ("components: [{name: api_x, version: v2}]", ":1: the name api_x"),
        ("components: [{name: api, version: 1.0+x}]", ":1: the version 1.0+x of api is no tag of an image"),
        ("components: [{name: api, version: v1, kubernetes: {image: 'x/{{workflow.name}}'}}]", "has template syntax"),
    ],
)
def test_names_that_kubernetes_does_not_take_are_refused_and_nothing_is_rendered(
    text: str, said: str, tmp_path: Path
) -> None:
    out = tmp_path / "argo"
    done = hotgate("fleet", "render", write(tmp_path, text), "--engine", "argo-workflows", "-o", str(out))
    assert done.exit_code == 2
    assert said in done.stderr
    assert not out.exists()


def test_a_workflow_that_kubernetes_would_not_keep_is_refused(tmp_path: Path) -> None:
    text = "components:\n" + "".join(f"  - {{name: c{n}, version: v2}}\n" for n in range(2000))
    done = hotgate("fleet", "render", write(tmp_path, text), "--engine", "argo-workflows", "-o", str(tmp_path / "argo"))
    assert done.exit_code == 2
    assert "Kubernetes keeps objects of 1.5 MiB" in done.stderr
