"""What a check may ask for, and how it is found.

A check names its evidence by the types of `run`'s parameters. `OldBinary` and its neighbours are those types;
`Bundle` holds the values, or the reason why there is none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

from msgspec import Struct

from gate.evidence.types import TypeEvidence, type_evidence
from gate.evidence.way_back import NOTHING, WayBackFacts, way_back
from gate.inflection import count
from gate.model import EvidenceState, Mode
from gate.policy.model import ARGUMENTS, PROFILE_TOPICS, REHEARSAL, Policy
from probes.commandline.facts import ArgumentFacts
from probes.drift.data.facts import DataDrift
from probes.drift.facts import BuildDrift, FunctionDrift, GlobalDrift, InitDrift
from probes.drift.native.facts import AbiFacts, HostDrift, NativeDrift
from probes.errors import MalformedTable, ProbeError
from probes.go.facts import SHARED, BinaryFacts, TableHealth
from probes.go.integrity import CHANGED, INTACT, UNKNOWN
from probes.host import TargetFacts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from gate.model import EvidenceStatus
    from probes.drift.result import Drift
    from probes.elf.facts import NativeFacts
    from probes.go.buildinfo.facts import BuildFacts


class Evidence(Struct, frozen=True):
    """The kind of evidence that an annotated type stands for: a name that the policy's `require` understands."""

    name: str


class BuildPair(Struct, frozen=True):
    """The build information of both sides."""

    old: BuildFacts
    new: BuildFacts


class NativePair(Struct, frozen=True):
    """What both sides ask of the loader."""

    old: NativeFacts
    new: NativeFacts


class Missing(Struct, frozen=True):
    """Why a piece of evidence cannot be had; `unreadable` when it is there and damaged."""

    reason: str
    unreadable: bool = False


OldBinary: TypeAlias = Annotated[BinaryFacts, Evidence("old")]
NewBinary: TypeAlias = Annotated[BinaryFacts, Evidence("new")]
Functions: TypeAlias = Annotated[FunctionDrift, Evidence("functions")]
Types: TypeAlias = Annotated[TypeEvidence, Evidence("types")]
Builds: TypeAlias = Annotated[BuildPair, Evidence("build")]
BuildChanges: TypeAlias = Annotated[BuildDrift, Evidence("build")]
Initialisers: TypeAlias = Annotated[InitDrift, Evidence("init")]
NewSymbols: TypeAlias = Annotated[TableHealth, Evidence("symbols")]
Natives: TypeAlias = Annotated[NativePair, Evidence("native")]
NativeChanges: TypeAlias = Annotated[NativeDrift, Evidence("native")]
Abi: TypeAlias = Annotated[AbiFacts, Evidence("abi")]
Loader: TypeAlias = Annotated[HostDrift, Evidence("host")]
Target: TypeAlias = Annotated[TargetFacts, Evidence("target")]
WayBack: TypeAlias = Annotated[WayBackFacts, Evidence("way back")]
Data: TypeAlias = Annotated[DataDrift, Evidence("data")]
Globals: TypeAlias = Annotated[GlobalDrift, Evidence("globals")]

Key = tuple[type, str]

NO_ARGUMENTS = "no command line is known: pass --pid PID, or --argv"
NO_PROFILE = "no profile was given"
NO_REHEARSAL = "no rehearsal was performed: that is `hotgate rehearse OLD NEW`"
NOT_ASKED = "no running service was asked: pass --live URL or --pid PID"

INTEGRITY: dict[str, tuple[EvidenceStatus, str]] = {
    INTACT: ("ok", ""),
    CHANGED: ("unreadable", "NEW was changed after the go command wrote it: the hash in its build ID does not match"),
    UNKNOWN: ("missing", "NEW has no Go build ID with a hash of its contents"),
}

PLAIN: dict[type, str] = {Policy: "policy", Mode: "mode"}
"""Types that need no `Evidence`: there is only one of each, and it is always there."""


class Bundle:
    """All evidence of one comparison, by type and name; what is slow is read when a check first asks."""

    def __init__(
        self,
        values: dict[Key, Callable[[], object]],
        *,
        otherwise: Missing | None = None,
        live: dict[str, Key] | None = None,
    ) -> None:
        """`otherwise` stands for all evidence that `values` lacks; `live` names what came from a running service."""
        self._values = values
        self._otherwise = otherwise
        self._live = live or {}
        self._read: dict[Key, object] = {}

    @classmethod
    def gather(  # noqa: PLR0913 - one a kind
        cls,
        old: BinaryFacts,
        new: BinaryFacts,
        drift: Drift,
        policy: Policy,
        target: Callable[[], TargetFacts],
        *,
        abi: Callable[[], AbiFacts | None] | None = None,
        loader: HostDrift | None = None,
    ) -> Bundle:
        """The evidence of OLD against NEW under `policy`; `target` and `abi` are called when a rule asks for them.

        `loader`: NEW, a plugin, against the program that is to load it, where that was given.

        A target that cannot be read, or that is this host while NEW is for another processor, is missing evidence.
        """
        return cls(
            {
                (BinaryFacts, "old"): lambda: old,
                (BinaryFacts, "new"): lambda: new,
                (FunctionDrift, "functions"): lambda: _functions(old, new, drift),
                (TypeEvidence, "types"): lambda: _types(drift, policy),
                (BuildPair, "build"): lambda: _builds(old, new),
                (BuildDrift, "build"): lambda: _build_drift(old, new, drift),
                (InitDrift, "init"): lambda: _part(drift.init, drift, "init"),
                (TableHealth, "symbols"): lambda: _symbols(new),
                (NativePair, "native"): lambda: _natives(old, new),
                (NativeDrift, "native"): lambda: _native_drift(old, new, drift),
                (AbiFacts, "abi"): lambda: (abi() if abi is not None else None) or Missing("it was not asked"),
                (HostDrift, "host"): lambda: loader or Missing("no program was given"),
                (TargetFacts, "target"): lambda: _target(new, target),
                (GlobalDrift, "globals"): lambda: _part(drift.globals, drift, "globals"),
                (DataDrift, "data"): lambda: _part(drift.data, drift, "data"),
                (WayBackFacts, "way back"): lambda: _way_back(old, new, policy),
                (Policy, "policy"): lambda: policy,
                (Mode, "mode"): lambda: policy.mode,
            },
            otherwise=Missing(NOT_ASKED),
        )

    @classmethod
    def without_old(
        cls, new: BinaryFacts, drift: Drift, policy: Policy, target: Callable[[], TargetFacts], lock: str
    ) -> Bundle:
        """The evidence of NEW alone, with the types and variables of a `lock` in OLD's place."""
        otherwise = f"there is no OLD, only the lock {lock}"
        return cls(
            {
                (BinaryFacts, "new"): lambda: new,
                (TypeEvidence, "types"): lambda: _types(drift, policy),
                (GlobalDrift, "globals"): lambda: _part(drift.globals, drift, "globals", otherwise),
                (TableHealth, "symbols"): lambda: _symbols(new),
                (TargetFacts, "target"): lambda: _target(new, target),
                (Policy, "policy"): lambda: policy,
                (Mode, "mode"): lambda: policy.mode,
            },
            otherwise=Missing(otherwise),
        )

    def with_value(self, key: Key, value: object) -> Bundle:
        """The same evidence, but for one piece."""
        return Bundle({**self._values, key: lambda: value}, otherwise=self._otherwise, live=self._live)

    def with_live(self, values: dict[Key, Callable[[], object]]) -> Bundle:
        """The same evidence, and that of a running service by topic."""
        return self._with_states(values)

    def with_rehearsal(self, values: dict[Key, Callable[[], object]]) -> Bundle:
        """The same evidence, and what a rehearsal gave."""
        return self._with_states(values)

    def with_profile(self, values: dict[Key, Callable[[], object]]) -> Bundle:
        """The same evidence, and what profiles gave."""
        return self._with_states(values)

    def _with_states(self, values: dict[Key, Callable[[], object]]) -> Bundle:
        live = {**self._live, **{name: (kind, name) for kind, name in values}}
        return Bundle({**self._values, **values}, otherwise=self._otherwise, live=live)

    @classmethod
    def alone(cls, policy: Policy) -> Bundle:
        """No evidence of binaries, for that of a running service or of profiles."""
        plain: dict[Key, Callable[[], object]] = {
            (Policy, "policy"): lambda: policy,
            (Mode, "mode"): lambda: policy.mode,
        }
        return cls(plain, otherwise=Missing("no binaries were compared"))

    def get(self, key: Key) -> object:
        """The evidence under `key`, or `Missing`. KeyError when there is no such evidence."""
        if key not in self._values and self._otherwise is not None:
            if key[1] == ARGUMENTS:
                return Missing(NO_ARGUMENTS)
            if key[1] == REHEARSAL:
                return Missing(NO_REHEARSAL)
            return Missing(NO_PROFILE) if key[1] in PROFILE_TOPICS else self._otherwise
        if key not in self._read:
            self._read[key] = self._values[key]()
        return self._read[key]

    def states(self) -> tuple[EvidenceState, ...]:
        """The state of each kind of evidence that `require` may name, in the order of `EVIDENCE_NAMES`."""
        return (*self._static(), *(self._state(name, key) for name, key in self._live.items()))

    def _static(self) -> tuple[EvidenceState, ...]:
        if not self.compares():
            return ()
        return (
            self._state("functions", (FunctionDrift, "functions")),
            self._state("types", (TypeEvidence, "types")),
            self._state("build", (BuildPair, "build")),
            self._state("symbols", (TableHealth, "symbols")),
            self._state("native", (NativeDrift, "native")),
            self._state("init", (InitDrift, "init")),
            self._state("target", (TargetFacts, "target")),
            self._state("globals", (GlobalDrift, "globals")),
            self._state("data", (DataDrift, "data")),
            *self._integrity(),
        )

    def _integrity(self) -> Iterator[EvidenceState]:
        """Whether NEW is as the go command wrote it."""
        new = self.get((BinaryFacts, "new"))
        if isinstance(new, BinaryFacts) and new.linkage != SHARED:
            yield EvidenceState("integrity", *INTEGRITY[new.integrity])

    def compares(self) -> bool:
        """Whether there is a binary: without one, only a running service was asked."""
        return (BinaryFacts, "new") in self._values

    def has_go(self) -> bool:
        """Whether there is Go in either side."""
        sides = (self.get((BinaryFacts, "old")), self.get((BinaryFacts, "new")))
        return any(isinstance(side, BinaryFacts) and side.linkage != SHARED for side in sides)

    def _state(self, name: str, key: Key) -> EvidenceState:
        match self.get(key):
            case Missing(reason, unreadable):
                return EvidenceState(name, "unreadable" if unreadable else "missing", reason)
            case GlobalDrift() as drift:
                return _globals_state(name, drift)
            case TargetFacts(source=source):
                return EvidenceState(name, "ok", source)
            case ArgumentFacts(problem="") as arguments:
                return EvidenceState(name, "ok", arguments.summary())
            case ArgumentFacts(problem=problem):
                return EvidenceState(name, "unreadable", problem)
            case value:
                doubt = _doubt(value)
                return EvidenceState(name, "unreadable" if doubt else "ok", doubt)


def _doubt(value: object) -> str:
    """What of a comparison could not be made; "" when all was."""
    match value:
        case FunctionDrift(undecided=undecided) if undecided:
            return f"{count(len(undecided), 'function')} could not be compared, {undecided[0]} among them"
        case TypeEvidence(problems=problems) if problems:
            return problems[0]
        case DataDrift(undecided=undecided) if undecided:
            more = f", and {len(undecided) - 1:,} more" if len(undecided) > 1 else ""
            return f"{undecided[0].subject} could not be compared: {undecided[0].reason}{more}"
        case _:
            return ""


def _globals_state(name: str, drift: GlobalDrift) -> EvidenceState:
    """What was not seen of the types is said: variables whose types are not known are not unchanged."""
    if drift.damaged:
        return EvidenceState(
            name, "unreadable", f"the types of package variables cannot be read: {drift.types_problem}"
        )
    if drift.types_problem:
        return EvidenceState(name, "ok", f"types by size and pointers only: {drift.types_problem}")
    if drift.untyped_go:
        number = f"{drift.untyped_go:,} of {count(drift.compared, 'package variable')}"
        return EvidenceState(name, "ok", f"DWARF does not tell the types of {number}, {drift.untyped[0]} among them")
    return EvidenceState(name, "ok")


def key_of(annotation: Any) -> Key:
    """The key that a parameter's annotation asks for.

    Raises:
        TypeError: the annotation is neither `Annotated[T, Evidence(...)]` nor one of the types in `PLAIN`.
    """
    for mark in getattr(annotation, "__metadata__", ()):
        if isinstance(mark, Evidence):
            return annotation.__origin__, mark.name
    if isinstance(annotation, type) and annotation in PLAIN:
        return annotation, PLAIN[annotation]
    raise TypeError(f"{annotation!r} is no evidence that a check can ask for")


def _part(value: object, drift: Drift, name: str, otherwise: str = "it could not be compared") -> object:
    return Missing(drift.problems.get(name, otherwise)) if value is None else value


def _functions(old: BinaryFacts, new: BinaryFacts, drift: Drift) -> object:
    if drift.functions is not None:
        return drift.functions
    for side, facts in (("OLD", old), ("NEW", new)):
        if facts.health.unverifiable:
            return Missing(f"{side}: {facts.health.unverifiable}")
    return _part(None, drift, "functions")


def _types(drift: Drift, policy: Policy) -> object:
    if drift.types is None:
        return _part(None, drift, "types")
    try:
        return type_evidence(drift.types, policy.contract)
    except MalformedTable as exc:
        return Missing(exc.what)


def _way_back(old: BinaryFacts, new: BinaryFacts, policy: Policy) -> object:
    try:
        return way_back(old, new, policy.contract) or Missing(NOTHING)
    except MalformedTable as exc:
        return Missing(exc.what)


def _builds(old: BinaryFacts, new: BinaryFacts) -> object:
    for side, facts in (("OLD", old), ("NEW", new)):
        if facts.build is None:
            return Missing(f"{side}: {facts.build_problem or 'no build information'}")
    if old.build is None or new.build is None:
        raise AssertionError
    return BuildPair(old.build, new.build)


def _natives(old: BinaryFacts, new: BinaryFacts) -> object:
    for side, facts in (("OLD", old), ("NEW", new)):
        if facts.native is None:
            return Missing(f"{side}: {facts.native_problem or 'the loader tables are damaged'}", unreadable=True)
    if old.native is None or new.native is None:
        raise AssertionError
    return NativePair(old.native, new.native)


def _native_drift(old: BinaryFacts, new: BinaryFacts, drift: Drift) -> object:
    natives = _natives(old, new)
    if isinstance(natives, Missing) or drift.native is not None:
        return natives if isinstance(natives, Missing) else drift.native
    return Missing(drift.problems.get("native", "it could not be compared"), unreadable=True)


def _build_drift(old: BinaryFacts, new: BinaryFacts, drift: Drift) -> object:
    builds = _builds(old, new)
    return builds if isinstance(builds, Missing) else _part(drift.build, drift, "build")


def _symbols(new: BinaryFacts) -> object:
    if new.stripped:
        return Missing("NEW has no ELF symbol table (stripped)")
    if not new.health.symbols_compared:
        return Missing("no function symbol of NEW could be compared with its function table")
    return new.health


def _target(new: BinaryFacts, read: Callable[[], TargetFacts]) -> object:
    try:
        target = read()
    except ProbeError as exc:
        return Missing(str(exc))
    if target.source == "this host" and (target.arch, target.os) != (new.arch, new.os):
        return Missing(f"NEW is for {new.os}/{new.arch} and this host is {target.os}/{target.arch}: pass --target FILE")
    return target
