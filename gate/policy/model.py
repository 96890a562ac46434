"""What is tolerated: the defaults, and what a policy file or a flag may move.

A file's tables are read into these structs by `gate.policy.file`: the bounds of numbers are for it.
"""

from __future__ import annotations

from datetime import date  # noqa: TC003 - msgspec evaluates the annotation
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from msgspec import Meta, Struct, field
from msgspec.structs import replace

from gate.model import Mode, Severity
from gate.policy.command_line import split_argv
from gate.policy.contract import Contract
from gate.policy.errors import PolicyError, nearest
from probes.live.topics import TOPICS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

PROFILE_TOPICS = ("continuity", "heat", "addresses", "growth", "comparison")
"""Evidence that profiles give."""

ARGUMENTS = "arguments"
"""The running command line, and the flags that both programs define."""
REHEARSAL = "rehearsal"
"""Evidence that a rehearsal gives, or the store's record of one."""

EVIDENCE_NAMES = (
    "functions",
    "types",
    "build",
    "symbols",
    "native",
    "init",
    "target",
    "globals",
    "data",
    "integrity",
    *TOPICS,
    ARGUMENTS,
    *PROFILE_TOPICS,
    REHEARSAL,
)
"""Every kind of evidence that `require` may name: of the two files, of the running service, of profiles, and of a rehearsal."""

REQUIRED_BY_DEFAULT = ("functions", "build")

Natural = Annotated[int, Meta(ge=0)]
Percentage = Annotated[int, Meta(ge=0, le=100)]
Percentages = Annotated[int, Meta(ge=0, le=10_000)]
Text = Annotated[str, Meta(min_length=1)]

Setting = Severity | Literal["off"]


class Thresholds(Struct, frozen=True, forbid_unknown_fields=True):
    """Numbers that a finding is measured against; None means no limit."""

    max_changed_functions: Natural | None = None
    min_health: Percentage = 85
    """Of goprobe's health score, from 0 to 100."""


class LivePolicy(Struct, frozen=True, forbid_unknown_fields=True):
    """What is known beforehand of a running service.

    `in_flight`: an expvar variable that counts work, "" for none; `in_flight_limit`: how much of it an update may meet.
    `handed_over`: listening addresses that are handed over by other means than goprobe, with shell wildcards.
    `argv`: the command line that the service runs with, the program first, as words or as a shell would split it; empty for
    that of the process. `exec_path`: the file that it executes to update itself, as it sees it; "" where that is not known.
    """

    in_flight: str = ""
    in_flight_limit: Natural = 0
    handed_over: tuple[str, ...] = ()
    connections_limit: Natural | None = None
    """Established connections that an update may cut; None for no limit."""
    argv: tuple[str, ...] | str = ()
    exec_path: str = ""
    needed: tuple[str, ...] = ("profiler", "calls", "image", "descriptors")
    """Whether exec is safe right now depends on these: they are required when a running service is asked."""

    def __post_init__(self) -> None:
        """Raise ValueError for a command line that cannot be split."""
        split_argv(self.argv)


class ProfilePolicy(Struct, frozen=True, forbid_unknown_fields=True):
    """What profiles are measured against. Percentages are whole numbers.

    `min_continuity`: of the heartbeat's score, 0 to 100; `hand_over_seconds`: what a planned hand-over may take.
    `growth_percent`: a function's growth is reported from here on. A growth by `detect_percent` of a function that holds
    `detect_share_percent` of the samples must be detectable, in at least `min_windows` windows a side.
    `overlap_percent`: what the hot stacks of both sides must have in common; `heat_percent`: what changed functions may
    hold of the CPU time before it is a warning; `leak_percent`: what goroutines or memory may grow by in an hour.
    """

    min_continuity: Percentage = 90
    hand_over_seconds: Annotated[int, Meta(ge=0, le=86_400)] = 60
    growth_percent: Percentages = 10
    detect_percent: Annotated[int, Meta(ge=1, le=10_000)] = 50
    detect_share_percent: Annotated[int, Meta(ge=1, le=100)] = 5
    min_windows: Annotated[int, Meta(ge=2, le=1000)] = 10
    overlap_percent: Percentage = 30
    heat_percent: Percentage = 5
    leak_percent: Percentages = 10


class DataPolicy(Struct, frozen=True, forbid_unknown_fields=True):
    """What is said of data that changed: without `values`, only lengths and digests."""

    values: bool = True


class Suppression(Struct, frozen=True, forbid_unknown_fields=True):
    """Findings of `rule` whose subject matches `scope` (shell wildcards) do not count until after `expires`.

    `owner`: who answers for it, "" when no one is named.
    """

    rule: str
    scope: Text
    reason: Text
    expires: date
    owner: str = ""


class Policy(Struct, frozen=True):
    """What blocks and what must be known.

    `severity` moves every finding of a rule to one severity, or switches the rule `off`. `protected_packages` are
    import paths with shell wildcards, or Go's `path/...`. `source` names the file it came from, "" for the defaults.
    """

    mode: Mode = Mode.EXEC
    mode_by: str = ""
    """Who says so, for people; "" where nobody did, and OLD's own code may tell."""
    fail_on: Severity = Severity.BLOCK
    require: tuple[str, ...] = REQUIRED_BY_DEFAULT
    severity: Mapping[str, Setting] = field(default_factory=dict)
    thresholds: Thresholds = field(default_factory=Thresholds)
    protected_packages: tuple[str, ...] = ()
    require_symbols: bool = False
    debug_tags: tuple[str, ...] = ("debug",)
    """Build tags of programs that are not meant for release (HG414)."""
    way_back: Literal["", "report", "judge"] = ""
    """Whether NEW → OLD is judged too: `report` says what comes of it, `judge` makes the verdict the worse of both."""
    suppress: tuple[Suppression, ...] = ()
    source: str = ""
    contract: Contract = field(default_factory=Contract)
    live: LivePolicy = field(default_factory=LivePolicy)
    profile: ProfilePolicy = field(default_factory=ProfilePolicy)
    data: DataPolicy = field(default_factory=DataPolicy)
    docs_url: str = ""
    """Where the documentation site is published: reports link to the pages of its rules. "" for no links."""
    audit: bool = False
    """Every verdict goes into the audit log before it is given."""
    store: str = ""
    """Where that log and the sidecar's samples are: a path or an SQLAlchemy URL; "" for the default place."""

    def protects(self, package: str) -> bool:
        """Whether `package`, an import path, is one that the policy or its contract protects."""
        patterns = (*self.protected_packages, *self.contract.protected_packages)
        return any(_covers(pattern, package) for pattern in patterns)

    def hands_over(self, address: str) -> bool:
        """Whether the policy says that the listening socket at `address`, such as `tcp 127.0.0.1:80`, is handed over."""
        return any(fnmatchcase(address, pattern) for pattern in self.live.handed_over)

    @property
    def max_changed_functions(self) -> int | None:
        """How many functions may change in one update, by the policy and its contract; None without a limit."""
        limits = [n for n in (self.thresholds.max_changed_functions, self.contract.budget) if n is not None]
        return min(limits, default=None)

    def with_flags(
        self,
        *,
        mode: Mode | None = None,
        fail_on: Severity | None = None,
        require: Iterable[str] = (),
        values: bool = True,
        both_ways: bool = False,
    ) -> Policy:
        """This policy with what the command line says instead; `require` replaces the policy's list.

        Without `values`, none of data are shown whatever the policy says. `both_ways`: NEW → OLD is judged too.

        Raises:
            PolicyError: a name in `require` is no kind of evidence.
        """
        names = tuple(require)
        for name in names:
            check_evidence_name(name)
        return replace(
            self,
            mode=self.mode if mode is None else mode,
            mode_by=self.mode_by if mode is None else "--mode",
            fail_on=self.fail_on if fail_on is None else fail_on,
            require=names or self.require,
            data=self.data if values else DataPolicy(values=False),
            way_back=(self.way_back or "report") if both_ways else self.way_back,
        )


def _has_table(path: Path) -> bool:
    """Whether a pyproject.toml has a table `tool.hotgate`, however it is written; one that cannot be read may have."""
    text = path.read_text("utf-8", "replace")
    if "hotgate" not in text:
        return False
    import tomllib

    try:
        tool = tomllib.loads(text).get("tool")
    except tomllib.TOMLDecodeError:
        return "tool.hotgate" in text  # reading it as a policy will say what is wrong
    return isinstance(tool, dict) and "hotgate" in tool


def find_policy_file(folder: str = ".") -> str | None:
    """`hotgate.toml` in `folder`, else `pyproject.toml` there when it has a `[tool.hotgate]` table, else None."""
    own = Path(folder, "hotgate.toml")
    if own.is_file():
        return str(own)
    shared = Path(folder, "pyproject.toml")
    try:
        mentions = shared.is_file() and _has_table(shared)
    except OSError:
        mentions = False
    return str(shared) if mentions else None


def check_evidence_name(name: str) -> None:
    """Raise PolicyError, with the names there are, unless `name` is a kind of evidence."""
    if name not in EVIDENCE_NAMES:
        hint = f"{nearest(name, EVIDENCE_NAMES)}valid names are {', '.join(EVIDENCE_NAMES)}"
        raise PolicyError(f"unknown evidence: {name}", hint=hint)


def _covers(pattern: str, package: str) -> bool:
    if pattern.endswith("/..."):
        root = pattern.removesuffix("/...")
        return package == root or package.startswith(root + "/")
    return fnmatchcase(package, pattern)
