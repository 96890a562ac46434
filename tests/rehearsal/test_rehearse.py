"""Real rehearsals of real services: one that is right, one whose library loses requests, and those that are wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.rehearsal.conftest import plan

if TYPE_CHECKING:
    from pathlib import Path

    from tests.rehearsal.conftest import Build, Rehearse


def rules(report: dict[str, Any]) -> set[str]:
    return {each["rule"] for each in report["findings"]}


def test_a_service_with_goprobe_passes_there_and_back(program: Build, rehearse: Rehearse, tmp_path: Path) -> None:
    plan(tmp_path, path="/orders", more='[rehearsal.state]\nread = "/orders"')
    code, report, said = rehearse(program("live"), program("live", "better"), "--store", "sqlite:///s.db", "--audit")
    assert (code, report["verdict"], rules(report)) == (0, "pass", set()), report["findings"]
    section = report["rehearsal"]
    assert [(each["way"], each["outcome"]) for each in section["updates"]] == [
        ("forward", "taken-over"),
        ("back", "taken-over"),
    ]
    assert {each["pid"] for each in section["updates"]} == {section["updates"][0]["pid"]}  # in place
    assert section["state_compared"] == 2  # the path, and goprobe's own state
    assert section["load"]["sent"] > 100
    assert section["load"]["control_lost"] == []
    assert all(sum(map(sum, each["timeline"]["counts"])) > 0 for each in section["updates"])
    assert section["updates"][0]["build_id"] == report["new"]["build_id"]
    assert "audit: 1:" in said


def test_a_library_that_loses_requests_blocks(program: Build, rehearse: Rehearse, tmp_path: Path) -> None:
    plan(tmp_path, trigger="SIGHUP")
    code, report, _ = rehearse(program("tableflip"), program("tableflip"))
    assert (code, rules(report)) == (10, {"HG801"}), report["findings"]
    (finding,) = report["findings"]
    assert finding["severity"] == "block"
    assert (
        sum(loss["count"] for each in report["rehearsal"]["updates"] for loss in each["lost"])
        == finding["evidence"]["lost"]
    )
    assert report["mode"] == "handoff"


def test_a_flag_that_new_lost_is_found_while_old_serves_on(program: Build, rehearse: Rehearse, tmp_path: Path) -> None:
    plan(tmp_path, more='[rehearsal.compare]\npaths = ["/"]').write_text(
        plan(tmp_path).read_text("utf-8").replace('within = "20s"', 'within = "8s"'), "utf-8"
    )
    code, report, _ = rehearse(program("good"), program("flag"))
    assert (code, rules(report)) == (10, {"HG802"}), report["findings"]
    assert report["rehearsal"]["updates"][0]["outcome"] == "old-serves"


def test_a_state_that_is_read_otherwise(program: Build, rehearse: Rehearse, tmp_path: Path) -> None:
    more = '[rehearsal.state]\nread = "/state"\nignore = ["$.at"]\n[rehearsal.compare]\npaths = ["/"]'
    plan(tmp_path, updates=1, more=more)
    code, report, _ = rehearse(program("good"), program("state"))
    assert (code, rules(report)) == (10, {"HG806"}), report["findings"]
    assert report["findings"][0]["evidence"]["diff"] == ["-5000", "+50"]


@pytest.mark.long
def test_values_of_state_are_not_shown_where_the_policy_says_so(
    program: Build, rehearse: Rehearse, tmp_path: Path
) -> None:
    plan(tmp_path, updates=1, more='[rehearsal.state]\nread = "/state"\nignore = ["$.at"]')
    code, report, _ = rehearse(program("good"), program("state"), "--no-values")
    assert (code, rules(report)) == (10, {"HG806"})
    assert "5000" not in str(report["findings"])


@pytest.mark.parametrize("before", [("nohup",), pytest.param((), marks=pytest.mark.long)], ids=["nohup", "as-usual"])
def test_a_signal_that_each_image_leaves_ignored_to_the_next(
    program: Build, rehearse: Rehearse, tmp_path: Path, before: tuple[str, ...]
) -> None:
    """Also where it was ignored already by who began the rehearsal: OLD is started as a supervisor would start it."""
    plan(tmp_path)
    code, report, _ = rehearse(program("deafens"), program("deafens"), before=before)
    assert (code, rules(report)) == (0, {"HG807"}), report["findings"]
    assert (
        report["findings"][0]["message"] == "SIGHUP is ignored in OLD after updates, and not in OLD as it was started."
    )
    assert report["rehearsal"]["inherited"] == [{"subject": "SIGHUP", "how": "is ignored"}]


@pytest.mark.long
def test_long_connections_that_are_cut_are_told_apart(program: Build, rehearse: Rehearse, tmp_path: Path) -> None:
    path = plan(tmp_path, updates=1)
    kept = 'keep = 3\nkeep_as = "events"\nkeep_at = "/events"\nrate = 60'
    path.write_text(path.read_text("utf-8").replace("rate = 60", kept), "utf-8")
    code, report, _ = rehearse(program("good"), program("good"))
    assert (code, [(each["rule"], each["subject"]) for each in report["findings"]]) == (10, [("HG801", "connections")])
    assert report["findings"][0]["evidence"]["lost"] == 3
    assert report["rehearsal"]["load"]["messages"] > 10


@pytest.mark.parametrize(
    ("change", "message", "hint"),
    [
        (("-listen", "-lsten"), "the service exited with 2 before it was ready", ""),
        (("SIGUSR2", "SIGUSR"), "unknown signal: SIGUSR", "did you mean SIGUSR"),
        (('requests = ["GET /", "POST /"]', 'requests = "none.http"'), "no such file", ""),
    ],
)
def test_what_cannot_be_performed_is_said_in_one_line(  # noqa: PLR0913, PLR0917 - cases
    program: Build, rehearse: Rehearse, tmp_path: Path, change: tuple[str, str], message: str, hint: str
) -> None:
    path = plan(tmp_path)
    path.write_text(path.read_text("utf-8").replace(*change), "utf-8")
    code, report, said = rehearse(program("good"), program("good"))
    assert (code, report) == (2, {})
    assert message in said
    assert hint in said
    assert len(said.strip().splitlines()) <= 2


def test_what_the_service_answers_is_said_when_that_is_not_what_the_plan_waits_for(
    program: Build, rehearse: Rehearse, tmp_path: Path
) -> None:
    path = plan(tmp_path)
    text = path.read_text("utf-8").replace('within = "20s"', 'within = "3s"')
    path.write_text(text.replace("{port}/", "{port}/debug/pprof/none"), "utf-8")
    code, _, said = rehearse(program("good"), program("good"))
    assert (code, "was not ready within 3 s; GET /debug/pprof/none is answered with 404" in said) == (2, True), said
    path.write_text(text.replace('ready = "http://', 'ready = "log:http://'), "utf-8")
    code, _, said = rehearse(program("good"), program("good"))
    assert (code, "was not ready within 3 s" in said) == (2, True), said


@pytest.mark.long
def test_without_a_plan_it_says_what_it_did_not_try(program: Build, rehearse: Rehearse) -> None:
    code, report, _ = rehearse(program("good"), program("good"), "--updates", "1", "--max-time", "1s")
    assert code == 0, report
    section = report["rehearsal"]
    assert any("SIGUSR2 was found" in note for note in section["notes"])
    assert any(each.startswith("what updates leave behind") for each in section["not_tried"])
