"""The report: the one shape that everything else is rendered from.

Field order is key order. A section that does not apply is None here and absent in JSON; every other None is `null`.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import field

from gate.report.models.base import Section, Shape
from gate.report.models.data import DataSection  # noqa: TC001 - msgspec reads the annotations
from gate.report.models.profiles import ProfileSection  # noqa: TC001 - msgspec reads the annotations
from gate.report.models.rehearsal import RehearsalSection  # noqa: TC001 - msgspec reads the annotations

SCHEMA_VERSION = "1"


class Tool(Shape, frozen=True):
    """What wrote the report."""

    name: str
    version: str


class BinaryInfo(Shape, frozen=True):
    """One side. `size` is in bytes; `build_id` is the GNU build id, else Go's.

    `integrity`: whether the file is as the go command wrote it, by the hash in Go's build ID.
    """

    path: str
    sha256: str
    size: int
    go_version: str | None
    build_id: str | None
    goos: str
    goarch: str
    build_settings: dict[str, str]
    main_module: str | None
    stripped: bool
    linkage: str
    integrity: Literal["intact", "changed", "unknown"] = "unknown"


class EvidenceItem(Shape, frozen=True):
    """Whether a kind of evidence could be had, and why not."""

    name: str
    status: Literal["ok", "missing", "unreadable"]
    reason: str


class LocationItem(Shape, frozen=True):
    """A line of source; 0 when only the file is known."""

    file: str
    line: int


class FindingItem(Shape, frozen=True):
    """One finding. `evidence.verified` is false when the rule could not find out; `known`: the baseline has it."""

    rule: str
    title: str
    severity: Literal["info", "warn", "block"]
    confidence: Literal["high", "medium", "low"]
    subject: str
    message: str
    remedy: str
    evidence: dict[str, Any]
    location: LocationItem | None
    fingerprint: str
    suppressed: bool
    known: bool


class PolicyItem(Shape, frozen=True):
    """What the verdict was given by. `require` includes what the update itself cannot do without; `source` is a file.

    `docs_url`: where the pages of the rules are; absent where the policy does not say.
    """

    source: str | None
    fail_on: Literal["info", "warn", "block"]
    require: list[str]
    docs_url: Annotated[str | None, Section] = None


class RuleItem(Shape, frozen=True):
    """What became of a rule: `no-evidence` was not run for want of it, `off` by the policy; `reason` says more."""

    rule: str
    status: Literal["ran", "no-evidence", "off"]
    reason: str


class FixedItem(Shape, frozen=True):
    """A finding that the baseline has and that is gone."""

    rule: str
    subject: str
    fingerprint: str


class BaselineItem(Shape, frozen=True):
    """The baseline that the findings were held against. Absent when there was none."""

    source: str
    fixed: list[FixedItem]


class RenameItem(Shape, frozen=True):
    """The same code under another name."""

    old: str
    new: str


class ChangedFunction(Shape, frozen=True):
    """`inlined_from` names the changed functions whose inlined copies explain this change."""

    name: str
    package: str
    kind: Literal["body", "resized", "signature"]
    inlined_from: list[str]
    detail: str


class DoubtfulFunction(Shape, frozen=True):
    """A function that may have changed: something that may belong to it differs, and nothing that surely does."""

    name: str
    package: str
    detail: str


class FunctionSection(Shape, frozen=True):
    """`identical`: the same bytes. `moved`: the same code, with other addresses in it.

    `undecided` could not be compared and are never counted as unchanged. `matched` = `identical` + `moved` + the numbers
    of `changed` and of `undecided`; `renamed` are among them. `doubtful` are counted as unchanged.
    """

    old: int
    new: int
    matched: int
    identical: int
    moved: int
    added: list[str]
    removed: list[str]
    renamed: list[RenameItem]
    changed: list[ChangedFunction]
    undecided: list[str]
    doubtful: list[DoubtfulFunction] = field(default_factory=list)


class LayoutItem(Shape, frozen=True):
    """One thing that differs about a type. `effect`: `reorder` and `append` leave codecs alone that go by name.

    Offsets are bytes from the start of the struct that holds the field; null where a side has none.
    """

    path: str
    of: str
    effect: Literal["reorder", "append", "breaking"]
    detail: str
    old_offset: int | None
    new_offset: int | None


class ChangedType(Shape, frozen=True):
    """A type on both sides that differs. `contract`: it is one of the policy's contract; then `changes` follow references."""

    name: str
    contract: bool
    changes: list[LayoutItem]


class TypeSection(Shape, frozen=True):
    """Named types: `compared` are on both sides. A type is in a file only if the program can need it at run time."""

    compared: int
    added: list[str]
    removed: list[str]
    changed: list[ChangedType]


class SettingItem(Shape, frozen=True):
    """A build setting or GODEBUG default that differs; null on the side that does not have it."""

    name: str
    old: str | None
    new: str | None


class ModuleItem(Shape, frozen=True):
    """A dependency that differs."""

    path: str
    kind: str
    old: str | None
    new: str | None


class BuildSection(Shape, frozen=True):
    """What differs in how the two were built."""

    settings: list[SettingItem]
    modules: list[ModuleItem]
    godebug: list[SettingItem]


class InitSection(Shape, frozen=True):
    """Package initialisers: how many run on each side, and which differ. `reordered` run on both, in another order."""

    old: int
    new: int
    added: list[str]
    removed: list[str]
    reordered: list[str]


class VariableItem(Shape, frozen=True):
    """A package variable that both sides have. Sizes in bytes; `detail` says what differs.

    Types are null where DWARF does not tell.
    """

    name: str
    old_size: int
    new_size: int
    old_type: str | None
    new_type: str | None
    detail: str


class GlobalSection(Shape, frozen=True):
    """Package variables that differ. `retyped` kept their size and have another type, or pointers in other places."""

    added: list[str]
    removed: list[str]
    resized: list[VariableItem]
    retyped: list[VariableItem]


class DriftSection(Shape, frozen=True):
    """What differs. A part is absent when it could not be compared: `evidence` says why."""

    functions: Annotated[FunctionSection | None, Section] = None
    types: Annotated[TypeSection | None, Section] = None
    build: Annotated[BuildSection | None, Section] = None
    init: Annotated[InitSection | None, Section] = None
    globals: Annotated[GlobalSection | None, Section] = None
    data: Annotated[DataSection | None, Section] = None


class LiveItem(Shape, frozen=True):
    """What is known of one topic: who told it, what it comes to in words, and the facts. Times in nanoseconds."""

    topic: str
    source: str
    said: str
    facts: dict[str, Any]


class LiveSection(Shape, frozen=True):
    """The running service: its URL and its PID, each null when it was not asked that way. `notes`: what was odd."""

    url: str | None
    pid: int | None
    topics: list[LiveItem]
    notes: list[str]


class WayBackSection(Shape, frozen=True):
    """The judgement of the update taken back: NEW runs, and OLD replaces it."""

    verdict: Literal["pass", "block", "inconclusive"]
    exit_code: int
    evidence: list[EvidenceItem]
    findings: list[FindingItem]


class Report(Shape, frozen=True, kw_only=True):
    """One judgement, of two binaries, of a running service, of profiles, of a rehearsal, or of several of these. `created_at` is UTC; `exit_code` is the one that stands for the verdict; times in milliseconds.

    `mode_by`: what says so, in words. `way_back` is there where both ways were judged; where the policy says so, the verdict is the worse of both. `notices` are for the policy's author: suppressions that expired or that cover nothing.
    """

    schema_version: Literal["1"]
    tool: Tool
    created_at: str
    mode: Literal["exec", "handoff", "hotfix", "plugin"]
    mode_by: Annotated[str | None, Section] = None
    policy: PolicyItem
    verdict: Literal["pass", "block", "inconclusive"]
    exit_code: int
    old: Annotated[BinaryInfo | None, Section] = None
    new: Annotated[BinaryInfo | None, Section] = None
    evidence: list[EvidenceItem]
    rules: list[RuleItem]
    findings: list[FindingItem]
    drift: Annotated[DriftSection | None, Section] = None
    live: Annotated[LiveSection | None, Section] = None
    profile: Annotated[ProfileSection | None, Section] = None
    rehearsal: Annotated[RehearsalSection | None, Section] = None
    notices: list[str]
    timings_ms: dict[str, float]
    baseline: Annotated[BaselineItem | None, Section] = None
    way_back: Annotated[WayBackSection | None, Section] = None
