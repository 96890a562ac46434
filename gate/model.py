"""The words of a verdict: severities, findings, outcomes."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Literal, TypeAlias

from msgspec import Struct, field

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gate.exits import VerdictName

Json: TypeAlias = "str | int | float | bool | list[Json] | dict[str, Json] | None"
"""What a finding's evidence may hold: it ends up in the report unchanged."""

EvidenceStatus = Literal["ok", "missing", "unreadable"]


class Severity(StrEnum):
    """How much a finding weighs; `at_least` orders them."""

    INFO = "info"
    WARN = "warn"
    BLOCK = "block"

    @property
    def rank(self) -> int:
        """0 for info, 1 for warn, 2 for block."""
        return list(Severity).index(self)

    def at_least(self, floor: Severity) -> bool:
        """Whether this severity reaches `floor`."""
        return self.rank >= floor.rank


class Confidence(StrEnum):
    """How sure the check is that what it says is so."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


class Mode(StrEnum):
    """How NEW is going to replace OLD.

    `exec`: OLD executes it in place. `handoff`: OLD starts it as a child and passes its listeners on. `hotfix`: as exec, and no
    more than functions may change. `plugin`: a running program loads it.
    """

    EXEC = "exec"
    HANDOFF = "handoff"
    HOTFIX = "hotfix"
    PLUGIN = "plugin"


class Location(Struct, frozen=True):
    """A line of source; `line` is 0 when only the file is known."""

    file: str
    line: int


class Finding(Struct, frozen=True):
    """One thing that a check has to say.

    `verified` is false when the check could not find out: such a finding makes the verdict inconclusive.
    `fingerprint` names the finding across builds: 16 hex digits that depend on no address and no path.
    """

    rule: str
    title: str
    severity: Severity
    confidence: Confidence
    subject: str
    message: str
    remedy: str
    fingerprint: str
    evidence: Mapping[str, Json] = field(default_factory=dict)
    location: Location | None = None
    suppressed: bool = False
    verified: bool = True
    known: bool = False
    """The baseline has it: it was there before."""


class EvidenceState(Struct, frozen=True):
    """Whether a kind of evidence could be had; `reason` says why not, or where it is from."""

    name: str
    status: EvidenceStatus
    reason: str = ""


class Outcome(Struct, frozen=True):
    """What became of one check.

    `status` is `ran`, `no-evidence` (it was not run; `reason` says what was missing) or `off` (the policy says so).
    """

    rule: str
    status: Literal["ran", "no-evidence", "off"]
    findings: tuple[Finding, ...] = ()
    reason: str = ""


class Verdict(Struct, frozen=True):
    """The answer: its name, the process exit code that stands for it, and the reasons in words."""

    name: VerdictName
    exit_code: int
    reasons: tuple[str, ...] = ()
