"""Every rule that discovery finds: its samples, its texts, and how it gets its evidence."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from gate.evidence.model import Evidence, OldBinary, key_of
from gate.model import Mode, Severity
from gate.policy.model import Policy, Thresholds
from gate.rules.base import Check, discover, fingerprint, validate
from gate.rules.samples.binaries import NO_INIT_DRIFT, TARGET, Case, binary, build, change, functions, other, ref
from probes.go.facts import BinaryFacts
from probes.host import TargetFacts

RULES = {rule.id: rule for rule in discover()}
FIRES = [(rule, case) for rule in discover() for case in rule.samples.fires]
QUIET = [(rule, case) for rule in discover() for case in rule.samples.quiet]


def run(rule: str, case: Case):
    outcome = RULES[rule].outcome(case.bundle())
    assert outcome.status == "ran", outcome.reason
    return outcome.findings


def test_the_first_release_has_its_rules():
    expected = [*range(101, 109), *range(201, 208), 209, *range(301, 307), *range(401, 413)]
    assert set(RULES) >= {f"HG{number}" for number in expected}


@pytest.mark.parametrize(("rule", "case"), FIRES, ids=[rule.id for rule, _ in FIRES])
def test_a_sample_that_must_fire_fires(rule, case):
    outcome = rule.outcome(case().bundle())
    assert outcome.status == "ran"
    assert outcome.findings
    for finding in outcome.findings:
        assert finding.rule == rule.id
        assert finding.message.endswith(".")
        assert finding.remedy
        assert len(finding.fingerprint) == 16


@pytest.mark.parametrize(("rule", "case"), QUIET, ids=[rule.id for rule, _ in QUIET])
def test_a_sample_that_must_not_fire_is_quiet(rule, case):
    assert rule.outcome(case().bundle()).findings == ()


def test_an_update_that_changes_nothing_fires_no_rule():
    assert [f for rule in discover() for f in rule.outcome(Case().bundle()).findings] == []


@pytest.mark.parametrize("rule", discover(), ids=lambda rule: rule.id)
def test_texts_are_sentences(rule):
    texts = rule.explanation
    for text in (texts.what, texts.why, texts.example, texts.remedy):
        assert text.rstrip().endswith((".", ")")), text
        assert "  " not in text


def test_fingerprints_do_not_depend_on_where_the_build_was_made():
    first = run("HG401", Case(new=other(arch="arm64")))[0]
    second = run("HG401", Case(new=other(arch="arm64", path="elsewhere/shop", sha256="c" * 64)))[0]
    assert first.fingerprint == second.fingerprint
    assert fingerprint("HG401", "a", "b") != fingerprint("HG401", "ab", "")


def test_missing_evidence_leaves_a_rule_unrun_with_the_reason():
    outcome = RULES["HG201"].outcome(Case(functions=None, problems={"functions": "no table"}).bundle())
    assert (outcome.status, outcome.reason) == ("no-evidence", "functions: no table")


def test_optional_evidence_is_none_when_missing():
    case = Case(new=other(go_build_id="old/build/id"), functions=None)
    assert [f.severity for f in run("HG106", case)] == [Severity.BLOCK]


def test_parameters_resolve_by_type_and_by_mark():
    assert key_of(OldBinary) == (BinaryFacts, "old")
    assert key_of(Mode) == (Mode, "mode")
    with pytest.raises(TypeError, match="no evidence"):
        key_of(str)
    assert Evidence("old") == Evidence("old")


def test_a_rule_with_incomplete_metadata_is_refused():
    class Nameless(Check):
        id = "HG999"

    with pytest.raises(TypeError, match=r"its file must be named hg999_.*title.*severity.*explanation.*samples.*run"):
        validate(Nameless, "hg123_other")


# What single rules promise beyond their samples.


def test_hg201_sums_up_thousands_of_changes_in_one_finding():
    many = tuple(change(f"pkg{n % 7}.f{n}", inlined_from=("main.rate",) if n % 2 else ()) for n in range(4000))
    (finding,) = run("HG201", Case(functions=functions(changed=many)))
    assert "4,000 functions in 7 packages" in finding.message
    assert "2,000 of them only because" in finding.message
    assert finding.severity is Severity.INFO


@pytest.mark.parametrize(("limit", "blocked"), [(None, False), (2, False), (1, True), (0, True)])
def test_hg201_budget_counts_from_the_first_function_above_it(limit, blocked):
    case = Case(
        functions=functions(changed=(change("a.f"), change("a.g"))),
        policy=Policy(thresholds=Thresholds(max_changed_functions=limit)),
    )
    assert any(f.severity is Severity.BLOCK for f in run("HG201", case)) is blocked


@pytest.mark.parametrize(
    ("pattern", "package", "covered"),
    [
        ("example.com/pay/...", "example.com/pay", True),
        ("example.com/pay/...", "example.com/pay/ledger", True),
        ("example.com/pay/...", "example.com/payroll", False),
        ("example.com/*/ledger", "example.com/pay/ledger", True),
        ("example.com/pay", "example.com/pay/ledger", False),
        ("main", "main", True),
    ],
)
def test_protected_packages(pattern, package, covered):
    assert Policy(protected_packages=(pattern,)).protects(package) is covered


@pytest.mark.parametrize(
    ("mode", "exported", "severity"),
    [
        (Mode.EXEC, True, Severity.INFO),
        (Mode.HOTFIX, False, Severity.BLOCK),
        (Mode.PLUGIN, False, Severity.INFO),
        (Mode.PLUGIN, True, Severity.BLOCK),
    ],
)
def test_hg202_weighs_by_mode(mode, exported, severity):
    case = Case(functions=functions(removed=(ref("main.F", exported=exported),)), policy=Policy(mode=mode))
    assert [f.severity for f in run("HG202", case)] == [severity]


@pytest.mark.parametrize(("mode", "severity"), [(Mode.EXEC, Severity.INFO), (Mode.HOTFIX, Severity.BLOCK)])
def test_hg203_and_hg207_block_a_hotfix_only(mode, severity):
    policy = Policy(mode=mode)
    signature = Case(functions=functions(changed=(change(kind="signature", new_args=16),)), policy=policy)
    order = Case(init=replace(NO_INIT_DRIFT, removed=("main.init.0",)), policy=policy)
    assert [f.severity for f in (*run("HG203", signature), *run("HG207", order))] == [severity, severity]


def test_a_hotfix_may_change_bodies_and_add_functions():
    case = Case(functions=functions(changed=(change(),), added=(ref("main.fresh"),)), policy=Policy(mode=Mode.HOTFIX))
    found = [f for rule in discover() for f in rule.outcome(case.bundle()).findings]
    assert [(f.rule, f.severity) for f in found] == [("HG201", Severity.INFO)]


@pytest.mark.parametrize(
    ("old", "new", "fires"),
    [
        ("go1.26.3", "go1.26.4", False),
        ("go1.26.3", "go1.26.2", True),
        ("go1.26.3", "go1.27rc1", True),
        ("go1.27rc1", "go1.27.0", False),
        ("go1.27rc2", "go1.27rc1", True),
        ("go1.27.0", "go1.27rc1", True),
        ("go1.9.7", "go1.10", True),
        ("go1.26.3", "go1.26.3 X:greenteagc", False),
        ("go1.26.3", "devel go1.28-abc", True),
        ("go1.26.3", None, False),
    ],
)
def test_hg403_orders_releases(old, new, fires):
    assert bool(run("HG403", Case(old=binary(go_version=old), new=other(go_version=new)))) is fires


@pytest.mark.parametrize(
    ("have", "wanted", "fires"),
    [
        ("v8.0", "v8.0", False),
        ("v8.0", "v8.0,lse", True),
        ("v8.0,lse", "v8.0,lse", False),
        ("v8.2", "v8.0,lse", False),
        ("v8.5", "v9.0", True),
        ("v9.0", "v8.5", False),
        ("v9.0", "v8.6", True),
        ("v9.0", "v9.0", False),
    ],
)
def test_hg402_orders_arm64_versions(have, wanted, fires):
    case = Case(
        new=other(arch="arm64", build=build(settings={"GOARM64": wanted})),
        target=TargetFacts(arch="arm64", os="linux", goamd64_level=None, goarm64=have),
    )
    assert bool(run("HG402", case)) is fires


def test_hg402_says_so_when_the_level_is_unknown():
    case = Case(new=other(build=build(settings={"GOAMD64": "v3"})), target=replace(TARGET, goamd64_level=None))
    (finding,) = run("HG402", case)
    assert not finding.verified


@pytest.mark.parametrize(
    ("arch", "settings", "doubt"),
    [
        ("arm64", {"GOARM64": "v8.0"}, False),
        ("arm64", {}, False),
        ("arm64", {"GOARM64": "v8.0,lse"}, True),
        ("arm64", {"GOARM64": "v9.0"}, True),
        ("amd64", {"GOAMD64": "v1"}, False),
        ("amd64", {"GOAMD64": "v2"}, True),
    ],
)
def test_hg402_says_so_when_the_target_is_not_known(arch, settings, doubt):
    this_host = replace(TARGET, arch="arm64" if arch == "amd64" else "amd64")
    found = run("HG402", Case(new=other(arch=arch, build=build(settings=settings)), target=this_host))
    assert [finding.verified for finding in found] == [False] * doubt


def test_hg409_can_find_two_things_at_once():
    new = other(build=build(settings={"vcs.modified": "true", "vcs.time": "2025-01-01T00:00:00Z"}))
    assert [f.subject for f in run("HG409", Case(new=new))] == ["vcs.modified", "vcs.time"]


def test_hg409_ignores_a_commit_time_that_is_none():
    assert run("HG409", Case(new=other(build=build(settings={"vcs.time": "yesterday"})))) == ()
