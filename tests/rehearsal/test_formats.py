"""The report's section in every format: what a service said, or is called, stays text."""

from __future__ import annotations

import json
import re
from datetime import date
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import jsonschema
import pytest
from msgspec.structs import replace

from gate.engine.judge import run_rules
from gate.evidence.model import Bundle
from gate.evidence.rehearsal import AnswerChange, Drill, Growth, Loss, StateChange, rehearsal_values
from gate.policy.model import Policy
from gate.report import formats
from gate.report.models.schema import shipped
from gate.report.saved import load_report
from gate.report.sections.comparison import build_report
from gate.report.text.rehearsal import strip
from gate.rules.samples.binaries import binary, other
from gate.rules.samples.rehearsals import LOST, WELL, update
from tests.gate.cases import FORGED, HOSTILE

if TYPE_CHECKING:
    from pathlib import Path

    from gate.evidence.rehearsal import RehearsalFacts
    from gate.report.models.report import Report

EVIL = FORGED + HOSTILE
HURT = replace(
    WELL,
    updates=(update(1, lost=LOST), update(2, outcome="nothing-serves", detail=EVIL, take_over=None, left=None)),
    drills=(Drill("crash", "down", EVIL, 5.0, (Loss("cut", "long", 2, EVIL),)),),
    answers=(AnswerChange("/v1", f"$.{EVIL}", (f"-{EVIL}", f"+{EVIL}")),),
    state=(StateChange(EVIL, "forward", ("-1", "+2")),),
    growth=(Growth("descriptors", 1.0, 9, 17, 10),),
    not_tried=(EVIL,),
    notes=(EVIL,),
)


def report_of(facts: RehearsalFacts) -> Report:
    policy = Policy()
    bundle = Bundle.alone(policy).with_rehearsal(rehearsal_values(facts))
    judgement = run_rules(bundle, policy, today=date(2026, 3, 1), require=("rehearsal",))
    return build_report(
        policy,
        binary(),
        other(),
        None,
        judgement,
        rehearsal=facts,
        created_at="2026-03-01T10:00:00Z",
        timings_ms={"total": 1.0},
    )


@pytest.mark.parametrize("facts", [WELL, HURT], ids=["well", "hurt"])
@pytest.mark.parametrize("name", formats.names())
def test_every_format_shows_it_and_nothing_hostile_gets_through(
    name: str, facts: RehearsalFacts, tmp_path: Path
) -> None:
    report = report_of(facts)
    assert report.verdict == ("pass" if facts is WELL else "block")
    text = formats.renderer(name).render(report)
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert name not in ("html", "markdown") or "<img" not in text
    saved = tmp_path / "r.json"
    saved.write_text(formats.renderer("json").render(report), "utf-8")
    assert formats.renderer(name).render(load_report(str(saved))) == text


def test_the_json_is_what_the_schema_says() -> None:
    shape = json.loads(formats.renderer("json").render(report_of(HURT)))
    jsonschema.validate(shape, json.loads(shipped()))
    assert {each["rule"] for each in shape["findings"]} == {"HG801", "HG803", "HG804", "HG805", "HG806", "HG807"}


def test_a_round_is_a_strip_on_a_terminal_and_a_picture_on_a_page() -> None:
    report = report_of(WELL)
    assert report.rehearsal is not None
    text = formats.renderer("terminal").render(report)
    assert "1 OLD → NEW   taken over; after 180 ms, pause 210 ms, none lost of 320" in text
    drawn = strip(report.rehearsal.updates[0].timeline)
    assert (len(drawn), drawn[6], drawn[8], drawn[9]) == (11, "|", "·", "█")
    assert drawn in text
    page = formats.renderer("html").render(report)
    pictures = re.findall(r"<svg.*?</svg>", page, re.DOTALL)
    assert len(pictures) == 2
    for picture in pictures:
        picture_of = ET.fromstring(picture)  # noqa: S314 - our own
        assert picture_of.get("role") == "img"
        assert "Update" in str(picture_of.get("aria-label"))
        assert [each.text for each in picture_of.iter("text")] == ["trigger", "NEW answers"]
    assert "<script" not in page


def test_markdown_has_a_row_for_every_update_and_drill() -> None:
    text = formats.renderer("markdown").render(report_of(WELL))
    assert text.count("taken over") == 3  # two rows, and the sentence above them
    assert "| crash | held |" in text
