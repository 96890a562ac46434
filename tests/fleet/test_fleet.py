"""A fleet of two or three hosts on this machine: real services, real `hotgate apply`, real sidecars, real Ansible. `make fleet-proof` has 24."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from scripts.programs.gobuild import BuildFailed
from scripts.truth.fleet.site import BAD, NEW, OLD, Fleet, Load, build
from tests.conftest import missing

if TYPE_CHECKING:
    from pathlib import Path

OPTIONS: dict[str, Any] = {"batches": "[1, 100%]", "observe": "5s", "within": "15s"}


@pytest.fixture
def repository(go_toolchain: Path, tmp_path: Path, components: tuple[str, ...]) -> Path:
    """All releases of the components, in a repository."""
    try:
        return build(tmp_path / "releases", go_toolchain, components)
    except BuildFailed as exc:
        missing(str(exc))
        raise


@pytest.mark.long
@pytest.mark.patient
@pytest.mark.parametrize("components", [("api",)], ids=["api"])
def test_a_good_release_reaches_every_host_and_nobody_loses_a_request(
    repository: Path, tmp_path: Path, components: tuple[str, ...]
) -> None:
    """One component on two hosts: the order of several is that of the playbooks' own tests, and of the one below."""
    with Fleet(tmp_path / "fleet", repository, 2, **{**OPTIONS, "batches": "[100%]"}, components=components) as fleet:
        with Load(fleet, 20) as load:
            fleet.plan()
            fleet.render()
            code, said = fleet.play("site.yml", "--skip-tags", "preflight")
            assert code == 0, said
        assert load.lost == []
        assert load.sent > 100
        assert fleet.versions() == dict.fromkeys((host.name for host in fleet.hosts), (NEW,))
        assert [each["kind"] for host in fleet.hosts for each in host.operations("api")] == ["apply"] * 2
        status = fleet.hotgate("fleet", "status", "release.yaml", "-i", "hosts.ini", "--format", "json")
        assert status.returncode == 0, status.stdout + status.stderr
        assert [batch["done"] for batch in json.loads(status.stdout)["batches"]] == [2]
        assert fleet.wrong() == []


@pytest.mark.long
@pytest.mark.patient
@pytest.mark.parametrize("components", [("api", "gateway")], ids=["api-gateway"])
def test_a_bad_release_is_taken_back_on_the_first_host_and_a_good_one_follows(
    repository: Path, tmp_path: Path, components: tuple[str, ...]
) -> None:
    with Fleet(tmp_path / "fleet", repository, 3, **OPTIONS, components=components) as fleet:
        first, *others = fleet.hosts
        with Load(fleet, 40) as load:
            fleet.plan(api=BAD)
            fleet.render()
            code, said = fleet.play("site.yml", "--skip-tags", "preflight")
            assert code == 2, said
            assert "failed: api; it was taken back where this run had brought it" in said
        assert fleet.versions() == dict.fromkeys((host.name for host in fleet.hosts), (OLD, OLD))
        assert [each["kind"] for each in first.operations("api")] == ["apply", "rollback"]
        gateway, api = first.operations("gateway")[1], first.operations("api")[1]
        assert gateway["ended"] <= api["begun"], "what depends on it goes back first"
        assert not any(host.operations(name) for host in others for name in components), "the others are never touched"
        assert {where for _, where, _ in load.lost} == {first.name}, "and failed nobody"

        with Load(fleet, 20) as load:
            fleet.plan()
            fleet.render()
            code, said = fleet.play("site.yml", "--skip-tags", "preflight")
            assert code == 0, said
        assert load.lost == []
        assert fleet.versions() == dict.fromkeys((host.name for host in fleet.hosts), (NEW, NEW))
        for host in others:
            assert [each["kind"] for each in host.operations("api")] == ["apply"]
            assert host.operations("api")[0]["ended"] <= host.operations("gateway")[0]["begun"]
        assert fleet.wrong() == []
