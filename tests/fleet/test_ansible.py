"""The rendered playbooks, played by Ansible over a simulated `hotgate`: what they do with what hosts answer."""

from __future__ import annotations

import re
import signal
import subprocess
import time
from pathlib import Path

import pytest

from scripts.fetch.fleet_tools import ANSIBLE_LINT, installed
from tests.conftest import missing
from tests.fleet.plans import HOSTS, SEED, TOGETHER, hotgate, planned, write
from tests.fleet.playing import Played

TEXT = """name: shop
hosts: shop
components:
  - {name: cache, version: v2}
  - {name: api, version: v2, depends_on: [cache]}
  - {name: gateway, version: v2, depends_on: [api]}
batches: [1, 100%]
observe: 2s
"""


AT_ONCE = ("--skip-tags", "preflight")
"""Where what is proven comes after the preflight, which takes a third of a play."""


def in_order(calls: list[tuple[str, str, str]], host: str) -> list[str]:
    return [f"{command} {component}" for name, command, component in calls if name == host]


@pytest.mark.long
@pytest.mark.patient
def test_a_component_that_gets_worse_is_taken_back_with_its_dependents_and_the_other_hosts_are_never_touched(
    tmp_path: Path,
) -> None:
    played = Played(tmp_path, TEXT, 2)
    played.spoil("api", "worse", "h1")
    code, said = played.play("site.yml", *AT_ONCE)
    assert code == 2, said
    assert played.versions() == {"h1": "v2 v1 v1", "h2": "v1 v1 v1"}
    done = ["apply cache", "apply api", "apply gateway", "rollback gateway", "rollback api"]
    assert in_order(played.calls(), "h1") == done
    assert in_order(played.calls(), "h2") == []
    assert "failed: api; it was taken back where this run had brought it" in said


@pytest.mark.long
@pytest.mark.patient
def test_a_good_release_goes_batch_by_batch_and_a_second_run_changes_nothing(tmp_path: Path) -> None:
    played = Played(tmp_path, TEXT, 3)
    code, said = played.play("site.yml", "--check")
    assert code == 0, said
    assert played.calls() == []
    assert "api would go to v2" in said
    code, said = played.play()
    assert code == 0, said
    assert set(played.versions().values()) == {"v2 v2 v2"}
    calls = played.calls()
    assert [call[0] for call in calls[:3]] == ["h1"] * 3, "the first batch is one host"
    for host in played.names:
        assert in_order(calls, host) == ["apply cache", "apply api", "apply gateway"]
    levels = [call[2] for call in calls[3:]]
    assert levels == sorted(levels, key=["cache", "api", "gateway"].index), (
        "a batch is through with one before the next"
    )
    watched = [(host, names) for host, _, names in played.calls("watch")]
    assert sorted(watched) == [(host, "cache api gateway") for host in played.names]
    code, said = played.play()
    assert code == 0, said
    assert played.calls() == calls, "nothing is applied twice"


@pytest.mark.long
@pytest.mark.patient
def test_a_release_that_is_bad_in_the_second_batch_is_taken_back_in_the_first_as_well(tmp_path: Path) -> None:
    played = Played(tmp_path, TEXT, 3)
    played.spoil("api", "crash", "h2")
    code, said = played.play("site.yml", *AT_ONCE)
    assert code == 2, said
    assert played.versions() == {"h1": "v2 v1 v1", "h2": "v2 v1 v1", "h3": "v2 v1 v1"}
    back = [(host, component) for host, command, component in played.calls() if command == "rollback"]
    assert back[0] == ("h1", "gateway")
    assert sorted(back) == [("h1", "api"), ("h1", "gateway"), ("h3", "api")], "h2 has taken itself back"


@pytest.mark.long
@pytest.mark.patient
@pytest.mark.parametrize("how", ["block", "inconclusive", "refuse"])
def test_what_a_gate_holds_back_stops_the_release_and_takes_nothing_back(how: str, tmp_path: Path) -> None:
    """Mended and begun again, it goes on, whichever of them it was."""
    played = Played(tmp_path, TEXT, 2)
    played.spoil("api", how, "h2")
    code, said = played.play("site.yml", *AT_ONCE)
    assert code == 2, said
    assert played.versions()["h1"] == "v2 v2 v2"
    assert played.versions()["h2"] == ("v2 v1 v1" if how == "refuse" else "v1 v1 v1")
    assert "held back: api; nothing was taken back" in said
    if how != "refuse":
        assert "api: HG999 says so" in said
    if how == "inconclusive":
        return
    played.spoil("api", "", "h2")
    code, said = played.play("site.yml", *AT_ONCE)
    assert code == 0, said
    assert set(played.versions().values()) == {"v2 v2 v2"}
    assert in_order(played.calls(), "h1") == ["apply cache", "apply api", "apply gateway"]


@pytest.mark.long
@pytest.mark.patient
def test_a_host_that_is_down_stops_the_release_before_anything_is_changed(tmp_path: Path) -> None:
    played = Played(tmp_path, TEXT, 3)
    played.down = {"h3"}
    code, said = played.play()
    assert code != 0
    assert "UNREACHABLE" in said
    assert played.calls("apply") == []  # nothing was fetched either: that can take minutes
    code, said = played.play("site.yml", "--tags", "stage1")  # as if it had gone down after that
    assert code == 2, said
    assert "not reached: h3; nothing was taken back" in said
    assert played.versions() == {"h1": "v2 v2 v2", "h2": "v1 v1 v1", "h3": "v1 v1 v1"}
    played.down = set()
    code, said = played.play()
    assert code == 0, said
    assert set(played.versions().values()) == {"v2 v2 v2"}
    assert in_order(played.calls(), "h1") == ["apply cache", "apply api", "apply gateway"]


@pytest.mark.long
@pytest.mark.patient
def test_a_run_that_was_killed_goes_on_where_it_stopped(tmp_path: Path) -> None:
    played = Played(tmp_path, TEXT, 2)
    argv, env = played.command("site.yml")
    process = subprocess.Popen(
        argv, env=env, cwd=tmp_path / "deploy", stdout=subprocess.DEVNULL, start_new_session=True
    )
    deadline = time.monotonic() + 300
    while "apply api" not in in_order(played.calls(), "h1") and time.monotonic() < deadline:
        time.sleep(0.1)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert played.versions()["h2"] == "v1 v1 v1"
    code, said = played.play()
    assert code == 0, said
    assert in_order(played.calls(), "h1") == ["apply cache", "apply api", "apply gateway"]
    assert in_order(played.calls(), "h2") == ["apply cache", "apply api", "apply gateway"]


@pytest.mark.long
@pytest.mark.patient
def test_the_way_back_by_hand_is_in_reverse_order_and_leaves_others_alone(tmp_path: Path) -> None:
    played = Played(tmp_path, TEXT + "rollback_policy: manual\n", 2)
    played.spoil("gateway", "crash", "h1")
    code, said = played.play()
    assert code == 2, said
    assert played.versions()["h1"] == "v2 v2 v1"
    assert "nothing was taken back: rollback_policy is manual" in said
    code, said = played.play("rollback.yml", "-e", "hotgate_force='a drill'")
    assert code == 0, said
    assert set(played.versions().values()) == {"v1 v1 v1"}
    assert in_order(played.calls(), "h1")[-2:] == ["rollback api", "rollback cache"]
    assert in_order(played.calls(), "h2") == []


@pytest.mark.patient
def test_components_that_do_not_wait_for_each_other_go_side_by_side(tmp_path: Path) -> None:
    text = TEXT.replace("depends_on: [api]", "depends_on: [cache]") + "strategy: parallel\n"
    played = Played(tmp_path, text, 1)
    code, said = played.play("site.yml", *AT_ONCE)
    assert code == 0, said
    assert sorted(in_order(played.calls(), "h1")) == ["apply api", "apply cache", "apply gateway"]
    assert in_order(played.calls(), "h1")[0] == "apply cache"
    assert "Update api to v2, gateway to v2" in said


def test_the_files_are_stable_and_say_what_they_do(tmp_path: Path) -> None:
    path = write(tmp_path, "hosts: shop\n" + SEED)
    hosts = write(tmp_path, HOSTS, "hosts.ini")
    folder = tmp_path / "deploy"
    done = hotgate("fleet", "render", path, "-i", hosts, "--engine", "ansible", "-o", str(folder))
    assert done.exit_code == 0, done.stderr
    first = {each: each.read_text("utf-8") for each in folder.rglob("*") if each.is_file()}
    assert " 0 changed" in hotgate("fleet", "render", path, "--engine", "ansible", "-o", str(folder)).stdout
    assert {each: each.read_text("utf-8") for each in folder.rglob("*") if each.is_file()} == first
    everything = "".join(first.values())
    assert str(tmp_path) not in everything, "no place of this machine"
    assert not re.search(r"20\d\d-\d\d-\d\d", everything), "no time"
    stage = first[folder / "stage-02-shop.yml"]
    for words in (
        'serial: [2, "10%", "100%"]',
        "max_fail_percentage: 0",
        '"api": ["gateway", "api"]',
        "# A stage of its own: api uses",
    ):
        assert words in stage
    runbook = first[folder / "runbook.md"]
    for words in (
        "ansible-playbook -i hosts.ini rollback.yml",
        "| 2 | shop | api | v2 | cache, database | gateway |",
        "hotgate fleet drill",
    ):
        assert words in runbook


def test_what_was_not_rendered_is_never_replaced_and_what_is_no_longer_planned_goes(tmp_path: Path) -> None:
    folder = tmp_path / "deploy"
    seed, together = write(tmp_path, SEED, "seed.yaml"), write(tmp_path, TOGETHER, "together.yaml")
    assert hotgate("fleet", "render", seed, "--engine", "ansible", "-o", str(folder)).exit_code == 0
    (folder / "group_vars" / "shop.yml").write_text("mine: true\n", "utf-8")
    done = hotgate("fleet", "render", together, "--engine", "ansible", "-o", str(folder))
    assert "4 removed" in done.stdout
    assert sorted(each.name for each in folder.glob("stage-*")) == ["stage-01-shop.yml"]
    assert (folder / "group_vars" / "shop.yml").exists()
    (folder / "site.yml").write_text("# my own\n", "utf-8")
    before = {each: each.read_bytes() for each in folder.rglob("*") if each.is_file()}
    done = hotgate("fleet", "render", seed, "--engine", "ansible", "-o", str(folder))
    assert done.exit_code == 2
    assert "a file is in the way that was not rendered" in done.stderr
    assert {each: each.read_bytes() for each in folder.rglob("*") if each.is_file()} == before


def test_a_plan_with_an_error_renders_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "deploy"
    for text in (
        SEED.replace("name: api", "name: 'a{{ 7 * 7 }}'"),
        SEED.replace("[]", "[gateway]"),
        SEED.replace("100%", "50%"),
    ):
        done = hotgate("fleet", "render", write(tmp_path, text), "--engine", "ansible", "-o", str(folder))
        assert done.exit_code == 2
        assert not folder.exists()


def test_words_of_the_plan_are_text_in_the_runbook(tmp_path: Path) -> None:
    text = TEXT.replace("{name: cache,", '{name: cache, owner: "<b>Ann</b> | [x](http://y)",')
    runbook = write(tmp_path, "", "x") and _runbook(tmp_path, text)
    assert r"- cache: \<b\>Ann\</b\> \| \[x\](http://y)" in runbook


def _runbook(folder: Path, text: str) -> str:
    out = folder / "deploy"
    assert hotgate("fleet", "render", write(folder, text), "--engine", "ansible", "-o", str(out)).exit_code == 0
    return (out / "runbook.md").read_text("utf-8")


@pytest.mark.long
@pytest.mark.parametrize("text", ["hosts: shop\n" + SEED, TEXT + "strategy: parallel\nrollback_policy: manual\n"])
def test_ansible_lint_has_nothing_to_say(text: str, tmp_path: Path) -> None:
    lint = installed(ANSIBLE_LINT)
    if lint is None:
        missing("ansible-lint is not there: python -m scripts.fetch.fleet_tools")
    planned(tmp_path, text, "")
    folder = tmp_path / "deploy"
    assert hotgate("fleet", "render", write(tmp_path, text), "--engine", "ansible", "-o", str(folder)).exit_code == 0
    argv = [str(lint), "--offline", "--profile", "production", "--strict", "--nocolor", "."]
    env = {"PATH": f"{Path(str(lint)).parent}:/usr/bin:/bin", "HOME": str(tmp_path), "LC_ALL": "C.UTF-8"}
    done = subprocess.run(argv, cwd=folder, env=env, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
