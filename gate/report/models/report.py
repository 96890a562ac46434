"""The report: the one shape that everything else is rendered from.

Field order is key order. A section that does not apply is None here and absent in JSON; every other None is `null`.
"""

from __future__ import annotations

from dataclasses import field
from typing import Annotated, Any, Literal

from gate.report.models.base import Section, Shape
from gate.report.models.data import DataSection  # noqa: TC001 - pydantic reads the annotations
from gate.report.models.profiles import ProfileSection  # noqa: TC001 - pydantic reads the annotations
from probes.records import dataclass

SCHEMA_VERSION = "1"


@dataclass(frozen=True, slots=True)
class Tool(Shape):
    """What wrote the report."""

    name: str
    version: str


@dataclass(frozen=True, slots=True)
class BinaryInfo(Shape):
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


@dataclass(frozen=True, slots=True)
class EvidenceItem(Shape):
    """Whether a kind of evidence could be had, and why not."""

    name: str
    status: Literal["ok", "missing", "unreadable"]
    reason: str


@dataclass(frozen=True, slots=True)
class LocationItem(Shape):
    """A line of source; 0 when only the file is known."""

    file: str
    line: int


@dataclass(frozen=True, slots=True)
class FindingItem(Shape):
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


@dataclass(frozen=True, slots=True)
class PolicyItem(Shape):
    """What the verdict was given by. `require` includes what the update itself cannot do without; `source` is a file."""

    source: str | None
    fail_on: Literal["info", "warn", "block"]
    require: list[str]


@dataclass(frozen=True, slots=True)
class RuleItem(Shape):
    """What became of a rule: `no-evidence` was not run for want of it, `off` by the policy; `reason` says more."""

    rule: str
    status: Literal["ran", "no-evidence", "off"]
    reason: str


@dataclass(frozen=True, slots=True)
class FixedItem(Shape):
    """A finding that the baseline has and that is gone."""

    rule: str
    subject: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class BaselineItem(Shape):
    """The baseline that the findings were held against. Absent when there was none."""

    source: str
    fixed: list[FixedItem]


@dataclass(frozen=True, slots=True)
class RenameItem(Shape):
    """The same code under another name."""

    old: str
    new: str


@dataclass(frozen=True, slots=True)
class ChangedFunction(Shape):
    """`inlined_from` names the changed functions whose inlined copies explain this change."""

    name: str
    package: str
    kind: Literal["body", "resized", "signature"]
    inlined_from: list[str]
    detail: str


@dataclass(frozen=True, slots=True)
class DoubtfulFunction(Shape):
    """A function that may have changed: something that may belong to it differs, and nothing that surely does."""

    name: str
    package: str
    detail: str


@dataclass(frozen=True, slots=True)
class FunctionSection(Shape):
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


@dataclass(frozen=True, slots=True)
class LayoutItem(Shape):
    """One thing that differs about a type. `effect`: `reorder` and `append` leave codecs alone that go by name.

    Offsets are bytes from the start of the struct that holds the field; null where a side has none.
    """

    path: str
    of: str
    effect: Literal["reorder", "append", "breaking"]
    detail: str
    old_offset: int | None
    new_offset: int | None


@dataclass(frozen=True, slots=True)
class ChangedType(Shape):
    """A type on both sides that differs. `contract`: it is one of the policy's contract; then `changes` follow references."""

    name: str
    contract: bool
    changes: list[LayoutItem]


@dataclass(frozen=True, slots=True)
class TypeSection(Shape):
    """Named types: `compared` are on both sides. A type is in a file only if the program can need it at run time."""

    compared: int
    added: list[str]
    removed: list[str]
    changed: list[ChangedType]


@dataclass(frozen=True, slots=True)
class SettingItem(Shape):
    """A build setting or GODEBUG default that differs; null on the side that does not have it."""

    name: str
    old: str | None
    new: str | None


@dataclass(frozen=True, slots=True)
class ModuleItem(Shape):
    """A dependency that differs."""

    path: str
    kind: str
    old: str | None
    new: str | None


@dataclass(frozen=True, slots=True)
class BuildSection(Shape):
    """What differs in how the two were built."""

    settings: list[SettingItem]
    modules: list[ModuleItem]
    godebug: list[SettingItem]


@dataclass(frozen=True, slots=True)
class InitSection(Shape):
    """Package initialisers: how many run on each side, and which differ. `reordered` run on both, in another order."""

    old: int
    new: int
    added: list[str]
    removed: list[str]
    reordered: list[str]


@dataclass(frozen=True, slots=True)
class VariableItem(Shape):
    """A package variable that both sides have. Sizes in bytes; `detail` says what differs.

    Types are null where DWARF does not tell.
    """

    name: str
    old_size: int
    new_size: int
    old_type: str | None
    new_type: str | None
    detail: str


@dataclass(frozen=True, slots=True)
class GlobalSection(Shape):
    """Package variables that differ. `retyped` kept their size and have another type, or pointers in other places."""

    added: list[str]
    removed: list[str]
    resized: list[VariableItem]
    retyped: list[VariableItem]


@dataclass(frozen=True, slots=True)
class DriftSection(Shape):
    """What differs. A part is absent when it could not be compared: `evidence` says why."""

    functions: Annotated[FunctionSection | None, Section] = None
    types: Annotated[TypeSection | None, Section] = None
    build: Annotated[BuildSection | None, Section] = None
    init: Annotated[InitSection | None, Section] = None
    globals: Annotated[GlobalSection | None, Section] = None
    data: Annotated[DataSection | None, Section] = None


@dataclass(frozen=True, slots=True)
class LiveItem(Shape):
    """What is known of one topic: who told it, what it comes to in words, and the facts. Times in nanoseconds."""

    topic: str
    source: str
    said: str
    facts: dict[str, Any]


@dataclass(frozen=True, slots=True)
class LiveSection(Shape):
    """The running service: its URL and its PID, each null when it was not asked that way. `notes`: what was odd."""

    url: str | None
    pid: int | None
    topics: list[LiveItem]
    notes: list[str]


@dataclass(frozen=True, slots=True)
class Report(Shape):
    """One judgement, of two binaries, of a running service, of profiles, or of several of these. `created_at` is UTC; `exit_code` is the one that stands for the verdict; times in milliseconds.

    `notices` are for the policy's author: suppressions that expired or that cover nothing.
    """

    schema_version: Literal["1"]
    tool: Tool
    created_at: str
    mode: Literal["exec", "hotfix", "plugin"]
    policy: PolicyItem
    verdict: Literal["pass", "block", "inconclusive"]
    exit_code: int
    old: Annotated[BinaryInfo | None, Section] = field(default=None, kw_only=True)
    new: Annotated[BinaryInfo | None, Section] = field(default=None, kw_only=True)
    evidence: list[EvidenceItem]
    rules: list[RuleItem]
    findings: list[FindingItem]
    drift: Annotated[DriftSection | None, Section] = field(default=None, kw_only=True)
    live: Annotated[LiveSection | None, Section] = field(default=None, kw_only=True)
    profile: Annotated[ProfileSection | None, Section] = field(default=None, kw_only=True)
    notices: list[str]
    timings_ms: dict[str, float]
    baseline: Annotated[BaselineItem | None, Section] = None
