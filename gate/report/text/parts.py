"""The findings of a report by what they mean for its reader. Every format for people is made from these."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from gate.inflection import count, some
from gate.model import Severity
from gate.report.models.report import DriftSection

if TYPE_CHECKING:
    from gate.report.models.report import BinaryInfo, EvidenceItem, FindingItem, FixedItem, LiveSection, Report

GAPS = {
    "functions": "compare binaries that are not obfuscated, built by a Go release that this hotgate knows",
    "types": "compare binaries for one processor, built by a Go release that this hotgate knows",
    "build": "build both sides with `go build` inside their module, which embeds build information",
    "symbols": "link without -s, and do not run strip",
    "native": "build the file again; its dynamic section or its table of symbol versions is damaged",
    "init": "compare unstripped binaries of Go 1.21 or later",
    "target": "describe the host with `hotgate inspect --host` there, and pass the file with --target",
    "globals": "compare unstripped binaries with sound DWARF: link without -s, and do not run strip",
    "data": "compare unstripped builds of both sides",
    "profiler": "serve goprobe or net/http/pprof, and pass its URL with --live",
    "calls": "serve goprobe or net/http/pprof, or pass --pid of a process whose threads may be read",
    "canary": "embed goprobe, built with cgo",
    "resources": "embed goprobe, and track what is held in C",
    "descriptors": "pass --pid, as the user that the service runs as",
    "connections": "pass --pid, as the user that the service runs as",
    "signals": "pass --pid, or embed goprobe",
    "image": "pass --pid, or embed goprobe",
    "process": "pass --pid, or embed goprobe",
    "requests": "embed goprobe and count the work in flight, or name an expvar variable in the policy (live.in_flight)",
    "privileges": "pass --pid, and NEW as it is installed",
    "executable": "pass --pid, as root or as the user that the service runs as, and NEW",
    "room": "pass --pid",
    "seccomp": "pass --pid",
    "arguments": "pass --pid, or the command line with --argv",
    "gc": "embed goprobe",
    "pprof": "pass --live URL of a service that serves goprobe or net/http/pprof",
    "health": "embed goprobe, and let its collector see five windows",
    "heartbeat": "embed goprobe, with its heartbeat switched on",
    "states": "embed goprobe",
    "canary_release": "embed goprobe",
    "continuity": "pass a directory of windows, or --live URL of a service with goprobe's heartbeat",
    "heat": "pass a profile of OLD, taken while it ran",
    "addresses": "pass a profile of OLD, as Go wrote it",
    "growth": "pass a directory of five or more goroutine or heap profiles",
    "comparison": "compare two directories of windows with `hotgate profile diff`",
    "rehearsal": "run `hotgate rehearse OLD NEW --audit` with these two files, and check with the same store",
}
"""What to do about evidence that is missing."""


class Parts(Struct, frozen=True):
    """The findings and the evidence, apart.

    `blocking` reach the policy's `fail_on`; `doubts` could not be verified; `warnings` and `notes` are the rest.
    `known` findings are in the baseline, and `fixed` ones are no longer found.
    `gaps` is evidence that the policy requires and that is missing, `lacking` the other evidence that is.
    """

    blocking: list[FindingItem]
    doubts: list[FindingItem]
    warnings: list[FindingItem]
    notes: list[FindingItem]
    suppressed: list[FindingItem]
    known: list[FindingItem]
    fixed: list[FixedItem]
    gaps: list[EvidenceItem]
    lacking: list[EvidenceItem]


def verified(finding: FindingItem) -> bool:
    """Whether the rule found out what it says."""
    return finding.evidence.get("verified") is not False


def split(report: Report) -> Parts:
    """The parts of `report`, by its own policy."""
    floor = Severity(report.policy.fail_on)
    findings = [finding for finding in report.findings if not (finding.suppressed or finding.known)]
    blocking = [f for f in findings if Severity(f.severity).at_least(floor if verified(f) else Severity.BLOCK)]
    blocked = set(map(id, blocking))  # two findings may be equal
    rest = [f for f in findings if id(f) not in blocked]
    sure = [f for f in rest if verified(f)]
    bad = [item for item in report.evidence if item.status != "ok"]
    return Parts(
        blocking=blocking,
        doubts=[f for f in rest if not verified(f)],
        warnings=[f for f in sure if f.severity != "info"],
        notes=[f for f in sure if f.severity == "info"],
        suppressed=[finding for finding in report.findings if finding.suppressed],
        known=[finding for finding in report.findings if finding.known and not finding.suppressed],
        fixed=[] if report.baseline is None else report.baseline.fixed,
        gaps=[item for item in bad if item.name in report.policy.require],
        lacking=[item for item in bad if item.name not in report.policy.require],
    )


def headline(report: Report, parts: Parts) -> str:
    """The answer in words, without the verdict's name in front."""
    if back_decides(report, parts):
        doubt = "blocked" if report.verdict == "block" else "not verified"
        return f"nothing blocks this update, but its way back is {doubt}"
    if report.verdict == "block":
        number = len(parts.blocking)
        return f"{count(number, 'finding')} {'blocks' if number == 1 else 'block'} this update"
    if report.verdict == "inconclusive":
        unknown = dict.fromkeys([gap.name for gap in parts.gaps] + [finding.rule for finding in parts.doubts])
        return f"nothing blocks this update, but not verified: {some(list(unknown))}"
    if report.old is None or report.new is None:
        return "nothing blocks an update now" if report.live is not None else "nothing in the profiles blocks an update"
    return "OLD and NEW are the same file" if report.old.sha256 == report.new.sha256 else "nothing blocks this update"


WAYS = {
    "exec": "OLD executes NEW in place",
    "handoff": "NEW starts as OLD's child and gets its listeners",
    "hotfix": "OLD executes NEW in place, and no more than functions may change",
    "plugin": "a running program loads NEW",
}


def way(report: Report) -> str:
    """How NEW replaces OLD, and what says so; "" in a report that has nothing to replace."""
    if report.mode_by is None or (report.new is None and report.live is None):
        return ""
    return f"mode {report.mode}, {WAYS[report.mode]} ({report.mode_by})"


def back_words(report: Report) -> str:
    """What is said of the way back, in the first lines; "" where nothing was found."""
    back = report.way_back
    closed = [f for f in report.findings if f.rule == "HG515" and not f.suppressed and verified(f)]
    if closed:
        return f"not reversible: {closed[0].message} (HG515)"
    if back is None:
        return ""
    if back.verdict == "pass":
        return "reversible: nothing blocks the way back, NEW → OLD"
    if back.verdict == "inconclusive":
        return "whether it is reversible is not verified: see the way back"
    number = sum(Severity(each.severity) is Severity.BLOCK for each in back_findings(report))
    return f"not reversible: {count(number, 'finding')} {'blocks' if number == 1 else 'block'} the way back, NEW → OLD"


def back_decides(report: Report, parts: Parts) -> bool:
    """Whether the verdict is that of the way back: nothing of the update itself gives it."""
    own = parts.blocking if report.verdict == "block" else [*parts.gaps, *parts.doubts]
    return report.way_back is not None and report.verdict != "pass" and not own


def back_findings(report: Report) -> list[FindingItem]:
    """What is found of the way back and counts, without what is found of the update too."""
    if report.way_back is None:
        return []
    return [each for each in report.way_back.findings if not each.suppressed and each.severity != "info"]


def sides(report: Report) -> list[tuple[str, BinaryInfo]]:
    """The binaries that the report is about, each with its name; none of a report about a service alone."""
    both = (("old", report.old), ("new", report.new))
    return [(name, side) for name, side in both if side is not None]


def drift_of(report: Report) -> DriftSection:
    """What differs; an empty section of a report about a service alone."""
    return report.drift if report.drift is not None else DriftSection()


def subject_of(report: Report) -> str:
    """What the report is about: NEW's path, or else the service's URL, or its process."""
    if report.new is not None:
        return report.new.path
    live = report.live
    if live is None:
        return report.profile.source if report.profile is not None else "nothing"
    return live.url or f"PID {live.pid}"


def service_of(live: LiveSection) -> str:
    """The running service in words: its URL and its process."""
    named = [live.url or "", f"PID {live.pid}" if live.pid is not None else ""]
    return ", ".join(filter(None, named))


def module_of(report: Report) -> str | None:
    """The main module's path, of NEW or else of OLD."""
    return next((side.main_module for _, side in reversed(sides(report)) if side.main_module), None)


def extras(parts: Parts) -> str:
    """What else there is to read, such as `1 warning, 3 notes`; "" for nothing."""
    words = [count(len(parts.warnings), "warning")] if parts.warnings else []
    words += [count(len(parts.notes), "note")] if parts.notes else []
    words += [f"{len(parts.known):,} known"] if parts.known else []
    words += [f"{len(parts.fixed):,} fixed"] if parts.fixed else []
    return ", ".join(words)


def answered(finding: FindingItem) -> str:
    """Why a suppressed finding was suppressed and until when; "" when the report does not say."""
    why = finding.evidence.get("suppression")
    if not finding.suppressed or not isinstance(why, dict):
        return ""
    return f"{why.get('reason')} (until {why.get('expires')})"


def gone(item: FixedItem) -> str:
    """A line about a finding that is no longer found."""
    return f"{item.rule} {item.subject}: in the baseline, and no longer found"


def source_path(report: Report, file: str) -> str:
    """A source file as the repository of the program has it, where the build was made with -trimpath.

    Such a build has `example.com/shop/rate.go` for `rate.go` of the main module (cmd/go/internal/work, trimpath).
    """
    module = report.new.main_module if report.new is not None else None
    return file[len(module) + 1 :] if module and file.startswith(module + "/") else file
