"""The order, its stages and batches, the least time, and the way back."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING

import pytest

from gate.fleet.errors import FleetError
from gate.fleet.plan.text import duration
from tests.fleet.plans import HOSTS, SEED, TOGETHER, hotgate, planned, write

if TYPE_CHECKING:
    from pathlib import Path


def stages(folder: Path, text: str) -> list[tuple[str, ...]]:
    return [each.stage.components for each in planned(folder, text, "").stages]


def release(*components: str, more: str = "hosts: all\n") -> str:
    return more + "components:\n" + "".join(f"  - {{version: v2, {each}}}\n" for each in components)


def test_components_on_the_same_hosts_go_through_the_batches_together(tmp_path: Path) -> None:
    plan = planned(tmp_path, TOGETHER)
    (stage,) = plan.stages
    assert stage.stage.components == ("database", "cache", "api", "gateway")
    assert [(batch.first, batch.count, batch.least) for batch in stage.batches] == [
        (0, 2, 600),
        (2, 2, 600),
        (4, 20, 600),
    ]
    assert plan.least == 1800
    assert plan.taken_back(stage.stage, "api") == ("gateway", "api")
    assert plan.taken_back(stage.stage, "database") == ("gateway", "api", "cache", "database")


def test_components_on_other_hosts_are_stages_of_their_own(tmp_path: Path) -> None:
    assert stages(tmp_path, SEED) == [("database",), ("cache",), ("api",), ("gateway",)]


def test_an_expanded_schema_is_everywhere_before_its_users_move(tmp_path: Path) -> None:
    assert stages(tmp_path, "hosts: shop\n" + SEED) == [("database", "cache"), ("api", "gateway")]


@pytest.mark.parametrize(
    ("components", "expected"),
    [
        # A schema contracts after everybody who used it has moved.
        (
            (
                "name: cleanup, schema: {phase: contract, of: db}",
                "name: db",
                "name: api, depends_on: [db]",
                "name: jobs, schema: {phase: expand, of: db}",
            ),
            [("db", "api"), ("jobs",), ("cleanup",)],
        ),
        # The database expands by itself: its users wait.
        (("name: api, depends_on: [db]", "name: db, schema: {phase: expand, of: db}"), [("db",), ("api",)]),
        # Consumers of a queue before its producers, whatever the plan lists first.
        (("name: shop, produces: [orders]", "name: mail, consumes: [orders]"), [("mail",), ("shop",)]),
        # A new interface is served before it is called.
        (("name: web, calls: [orders-v2]", "name: api, provides: [orders-v2]"), [("api",), ("web",)]),
        # One that both consumes and produces waits for nobody.
        (("name: a, produces: [q], consumes: [q]",), [("a",)]),
    ],
)
def test_compatibility_makes_the_order(components: tuple[str, ...], expected: object, tmp_path: Path) -> None:
    assert stages(tmp_path, release(*components)) == expected


@pytest.mark.parametrize(
    ("components", "said"),
    [
        (
            ("name: db, schema: {phase: contract, of: db}", "name: api, depends_on: [db]"),
            "db → api → db (api depends on db; db contracts the schema of db, which api uses)",
        ),
        (
            ("name: shop, produces: [orders]", "name: mail, consumes: [orders], depends_on: [shop]"),
            "shop → mail → shop (mail depends on shop; mail consumes orders, which shop produces)",
        ),
        (
            ("name: web, calls: [v2]", "name: api, provides: [v2], depends_on: [web]"),
            "web → api → web (api depends on web; web calls v2, which api provides)",
        ),
    ],
)
def test_a_graph_that_contradicts_compatibility_is_refused_with_the_reasons(
    components: tuple[str, ...], said: str, tmp_path: Path
) -> None:
    with pytest.raises(FleetError) as caught:
        planned(tmp_path, release(*components), "")
    assert said in str(caught.value)


def test_the_shortest_cycle_is_named_whole(tmp_path: Path) -> None:
    long = [f"name: c{n}, depends_on: [c{(n + 1) % 40}]" for n in range(40)]
    short = ["name: x, depends_on: [y, c0]", "name: y, depends_on: [z]", "name: z, depends_on: [x]"]
    with pytest.raises(FleetError, match=r": x → z → y → x \("):
        planned(tmp_path, release(*long, *short), "")


def test_an_interface_that_nobody_provides_is_noted(tmp_path: Path) -> None:
    plan = planned(tmp_path, release("name: web, calls: [orders-v2]"), "")
    assert plan.notes == ("web calls orders-v2, which no component of the plan provides: it must be served already",)


def test_times(tmp_path: Path) -> None:
    """Updates one after the other, or side by side; hosts in rounds of `forks`."""
    parts = ["name: a, takes: 30s", "name: b, takes: 10s", "name: c, depends_on: [a], takes: 5s"]
    rolling = release(*parts, more="hosts: shop\nbatches: [4, 100%]\nobserve: 1m\nforks: 10\n")
    assert [each.least for each in planned(tmp_path, rolling).stages[0].batches] == [45 + 60, 2 * 45 + 60]
    side_by_side = rolling + "strategy: parallel\n"
    assert [each.least for each in planned(tmp_path, side_by_side).stages[0].batches] == [35 + 60, 2 * 35 + 60]
    assert [duration(each) for each in (0, 0.4, 59, 600, 5400, 97_200)] == [
        "0 s",
        "0 s",
        "59 s",
        "10 min",
        "1 h 30 min",
        "1 d 3 h",
    ]


def test_the_text_says_it_all(tmp_path: Path) -> None:
    path, hosts = write(tmp_path, "hosts: shop\n" + SEED), write(tmp_path, HOSTS, "hosts.ini")
    done = hotgate("fleet", "plan", path, "--inventory", hosts)
    assert done.exit_code == 0
    for words in (
        "4 components in 2 stages, rolling, batches 2, 10%, 100%, each observed for 10 min",
        f"24 hosts of {hosts}; at least 1 h in all",
        "  database → api  api uses the expanded schema of database",
        "Stage 2, hosts of shop: api v2, gateway v2",
        "  batch 1  2 hosts (h01, h02), at least 10 min",
        "    api: gateway → api",
        "taken back in this order: gateway → api → cache → database",
    ):
        assert words in done.stdout, words
    assert "by hand" in hotgate("fleet", "plan", write(tmp_path, SEED.replace("policy: auto", "policy: manual"))).stdout


def test_the_same_as_json(tmp_path: Path) -> None:
    path, hosts = write(tmp_path, TOGETHER), write(tmp_path, HOSTS, "hosts.ini")
    shape = json.loads(hotgate("fleet", "plan", path, "-i", hosts, "--format", "json").stdout)
    assert shape["order"] == ["database", "cache", "api", "gateway"]
    assert shape["levels"] == [["database"], ["cache"], ["api"], ["gateway"]]
    assert shape["least_seconds"] == 1800
    (stage,) = shape["stages"]
    batch = stage["batches"][2]
    assert shape["hosts"][stage["hosts"]][batch["first"] :][: batch["count"]] == [f"h{n:02}" for n in range(5, 25)]
    assert stage["taken_back_if_it_fails"]["cache"] == ["gateway", "api", "cache"]


def test_the_graph_as_a_picture_and_for_graphviz(tmp_path: Path) -> None:
    path = write(tmp_path, SEED)
    picture = tmp_path / "plan.svg"
    assert hotgate("fleet", "plan", path, "--format", "svg", "-o", str(picture)).exit_code == 0
    root = ET.fromstring(picture.read_text("utf-8"))  # noqa: S314 - our own
    space = "{http://www.w3.org/2000/svg}"
    boxes = {each.findtext(f"{space}title"): each.find(f"{space}rect") for each in root.iter(f"{space}g")}
    across = [int(boxes[f"{name} v2"].get("x")) for name in ("database", "cache", "api", "gateway")]
    assert across == sorted(set(across)), "each level is a column"
    arrows = [each.findtext(f"{space}title") for each in root.iter(f"{space}path") if each.get("marker-end")]
    assert "api uses the expanded schema of database" in arrows
    assert len(arrows) == 4
    dot = hotgate("fleet", "plan", path, "--format", "dot").stdout
    assert '"database" -> "api" [style=bold, label="schema"];' in dot
    assert hotgate("fleet", "plan", path, "-o", path).exit_code == 2


def test_a_group_without_hosts_stops_the_plan(tmp_path: Path) -> None:
    done = hotgate("fleet", "plan", write(tmp_path, SEED), "-i", write(tmp_path, HOSTS, "hosts.ini"))
    assert (done.exit_code, done.stdout) == (2, "")
    assert "hosts.ini: no group database" in done.stderr
