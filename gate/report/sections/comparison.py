"""Facts and judgement into the report model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gate import __version__
from gate.engine.verdict import worse
from gate.evidence.types import causes_first
from gate.report.models import report as model
from gate.report.models.reproducible import settled
from gate.report.sections.data import data_section
from gate.report.sections.live import live_section
from gate.report.sections.profiles import profile_section
from gate.report.sections.rehearsal import rehearsal_section

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gate.contract.lock import Lock
    from gate.engine.baseline import Baseline, Known
    from gate.engine.judgement import Judgement
    from gate.evidence.profiles import ProfileEvidence
    from gate.evidence.rehearsal import RehearsalFacts
    from gate.evidence.types import TypeEvidence
    from gate.model import Finding
    from gate.policy.model import Policy
    from probes.drift.facts import BuildDrift, FunctionDrift, GlobalDrift, InitDrift, ValueChange, VariableChange
    from probes.drift.result import Drift
    from probes.drift.types.facts import LayoutChange, LayoutDrift
    from probes.go.facts import BinaryFacts
    from probes.live.facts import LiveFacts


def build_report(  # noqa: PLR0913 - keywords, one a fact
    policy: Policy,
    old: BinaryFacts | model.BinaryInfo | None,
    new: BinaryFacts | None,
    drift: Drift | None,
    judgement: Judgement,
    *,
    created_at: str,
    timings_ms: Mapping[str, float],
    types: TypeEvidence | None = None,
    live: LiveFacts | None = None,
    profile: ProfileEvidence | None = None,
    back: Judgement | None = None,
    rehearsal: RehearsalFacts | None = None,
) -> model.Report:
    """The report on one comparison, on a running service, or on both; `types` as the rules had them; `back`: that on NEW → OLD; `timings_ms`: the phases and their milliseconds."""
    verdict = judgement.verdict
    if back is not None and policy.way_back == "judge":
        verdict = worse(verdict, back.verdict)
    report = model.Report(
        schema_version="1",
        tool=model.Tool("hotgate", __version__),
        created_at=created_at,
        mode=policy.mode.value,
        mode_by=policy.mode_by or None,
        policy=model.PolicyItem(
            policy.source or None, policy.fail_on.value, list(judgement.require), policy.docs_url or None
        ),
        verdict=verdict.name,
        exit_code=verdict.exit_code,
        old=old if old is None or isinstance(old, model.BinaryInfo) else binary_info(old),
        new=None if new is None else binary_info(new),
        evidence=_evidence(judgement),
        rules=[model.RuleItem(each.rule, each.status, each.reason) for each in judgement.outcomes],
        findings=[_finding(finding) for finding in judgement.findings()],
        drift=None if drift is None else _drift(drift, types, policy),
        live=None if live is None else live_section(live),
        profile=None if profile is None else profile_section(profile),
        rehearsal=None if rehearsal is None else rehearsal_section(rehearsal),
        notices=list(judgement.notices),
        timings_ms=dict(timings_ms),
        baseline=None if judgement.baseline is None else _baseline(judgement.baseline, judgement.fixed),
        way_back=None if back is None else _back(back),
    )
    return settled(report)


def _evidence(judgement: Judgement) -> list[model.EvidenceItem]:
    return [model.EvidenceItem(state.name, state.status, state.reason) for state in judgement.evidence]


def _back(back: Judgement) -> model.WayBackSection:
    return model.WayBackSection(
        back.verdict.name, back.verdict.exit_code, _evidence(back), [_finding(each) for each in back.findings()]
    )


def _drift(drift: Drift, types: TypeEvidence | None, policy: Policy) -> model.DriftSection:
    return model.DriftSection(
        functions=None if drift.functions is None else _functions(drift.functions),
        types=None if drift.types is None or types is None else _types(drift.types, types),
        build=None if drift.build is None else _build(drift.build),
        init=None if drift.init is None else _init(drift.init),
        globals=None if drift.globals is None else _globals(drift.globals),
        data=None if drift.data is None else data_section(drift.data, values=policy.data.values),
    )


def binary_info(facts: BinaryFacts) -> model.BinaryInfo:
    """One side of the report."""
    build = facts.build
    return model.BinaryInfo(
        path=facts.path,
        sha256=facts.sha256,
        size=facts.size,
        go_version=facts.go_version,
        build_id=facts.gnu_build_id or facts.go_build_id,
        goos=facts.os,
        goarch=facts.arch,
        build_settings=dict(sorted(build.settings.items())) if build else {},
        main_module=build.main.path if build and build.main else None,
        stripped=facts.stripped,
        linkage=facts.linkage,
        integrity=facts.integrity,
    )


def lock_info(lock: Lock) -> model.BinaryInfo:
    """A lock in the place of OLD."""
    return model.BinaryInfo(
        path=lock.source,
        sha256=lock.sha256,
        size=lock.size,
        go_version=None,
        build_id=None,
        goos=lock.os,
        goarch=lock.arch,
        build_settings={},
        main_module=None,
        stripped=True,
        linkage="lock",
    )


def _baseline(baseline: Baseline, fixed: tuple[Known, ...]) -> model.BaselineItem:
    items = [model.FixedItem(each.rule, each.subject, each.fingerprint) for each in fixed]
    return model.BaselineItem(baseline.source, items)


def _finding(finding: Finding) -> model.FindingItem:
    where = finding.location
    return model.FindingItem(
        rule=finding.rule,
        title=finding.title,
        severity=finding.severity.value,
        confidence=finding.confidence.value,
        subject=finding.subject,
        message=finding.message,
        remedy=finding.remedy,
        evidence=dict(finding.evidence),
        location=None if where is None else model.LocationItem(where.file, where.line),
        fingerprint=finding.fingerprint,
        suppressed=finding.suppressed,
        known=finding.known,
    )


def _functions(drift: FunctionDrift) -> model.FunctionSection:
    return model.FunctionSection(
        old=drift.old,
        new=drift.new,
        matched=drift.matched,
        identical=drift.identical,
        moved=drift.moved,
        added=[each.name for each in drift.added],
        removed=[each.name for each in drift.removed],
        renamed=[model.RenameItem(each.old, each.new) for each in drift.renamed],
        changed=[
            model.ChangedFunction(each.name, each.package, each.kind, list(each.inlined_from), each.detail)
            for each in drift.changed
        ],
        undecided=list(drift.undecided),
        doubtful=[model.DoubtfulFunction(each.name, each.package, each.detail) for each in drift.doubtful],
    )


def _types(drift: LayoutDrift, found: TypeEvidence) -> model.TypeSection:
    changes = {each.name: each.changes for each in drift.changed}
    changes |= {name: reached for name, reached in found.reached.items() if reached}
    return model.TypeSection(
        compared=drift.compared,
        added=list(drift.added),
        removed=list(drift.removed),
        changed=[
            model.ChangedType(name, name in found.reached, [_layout(change) for change in causes_first(each)])
            for name, each in sorted(changes.items())
        ],
    )


def _layout(change: LayoutChange) -> model.LayoutItem:
    old, new = (None if side is None or side.offset < 0 else side.offset for side in (change.old, change.new))
    return model.LayoutItem(
        change.path, change.of, change.effect, change.detail.removeprefix(f"{change.name}: "), old, new
    )


def _build(drift: BuildDrift) -> model.BuildSection:
    return model.BuildSection(
        settings=[_setting(each) for each in drift.settings],
        modules=[model.ModuleItem(each.path, each.kind, each.old, each.new) for each in drift.modules],
        godebug=[_setting(each) for each in drift.godebug],
    )


def _init(drift: InitDrift) -> model.InitSection:
    return model.InitSection(drift.old, drift.new, list(drift.added), list(drift.removed), list(drift.reordered))


def _setting(change: ValueChange) -> model.SettingItem:
    return model.SettingItem(change.name, change.old, change.new)


def _globals(drift: GlobalDrift) -> model.GlobalSection:
    return model.GlobalSection(
        added=[each.name for each in drift.added],
        removed=[each.name for each in drift.removed],
        resized=[_variable(each) for each in drift.resized],
        retyped=[_variable(each) for each in drift.retyped],
    )


def _variable(change: VariableChange) -> model.VariableItem:
    types = change.old_type or None, change.new_type or None
    return model.VariableItem(change.name, change.old_size, change.new_size, *types, change.detail)
