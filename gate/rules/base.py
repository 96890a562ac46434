"""The base of every rule, and how rules are found.

A rule is a module in `gate.checks` with one subclass of `Check`. There is no list to add it to. A rule is pure: it gets
its evidence as arguments and reads no file, no clock and no configuration.
"""

from __future__ import annotations

import hashlib
import importlib
import inspect
import pkgutil
import re
import types
import typing
from functools import cache
from typing import TYPE_CHECKING, ClassVar

from msgspec import Struct

from gate.evidence.model import Bundle, Missing, key_of
from gate.model import Confidence, Finding, Location, Outcome, Severity

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from gate.evidence.model import Key
    from gate.model import Json
    from gate.rules.samples.binaries import Case

RULE_ID = re.compile(r"HG[1-9]\d\d")


class Explanation(Struct, frozen=True):
    """What `hotgate explain` prints: complete sentences for a reader who never saw the rule before."""

    what: str
    why: str
    example: str
    remedy: str
    table: tuple[tuple[str, str, str], ...] = ()
    """Cases that the rule knows: what it is, its severity, and sentences about it."""


class Samples(Struct, frozen=True):
    """Cases that prove a rule: `fires` must each give a finding, `quiet` must give none."""

    fires: tuple[Callable[[], Case], ...]
    quiet: tuple[Callable[[], Case], ...]


class Need(Struct, frozen=True):
    """One parameter of a rule; an optional one is passed as None when the evidence is missing."""

    name: str
    key: Key
    optional: bool


class Check:
    """One rule.

    A subclass sets the class variables and defines `run`, whose parameters are evidence types from `gate.evidence.model`
    (or `X | None` where the rule can do without) and which yields findings made by `finding` or `unverified`.
    """

    id: ClassVar[str]
    title: ClassVar[str]
    severity: ClassVar[Severity]
    explanation: ClassVar[Explanation]
    samples: ClassVar[Samples]
    inconclusive: ClassVar[bool] = False
    """The rule's findings are doubts: it yields `unverified`, and the rule book shows it as inconclusive."""

    run: Callable[..., Iterable[Finding]]

    def finding(  # noqa: PLR0913 - keywords, one a fact
        self,
        subject: str,
        message: str,
        *,
        remedy: str = "",
        severity: Severity | None = None,
        confidence: Confidence = Confidence.HIGH,
        evidence: Mapping[str, Json] | None = None,
        location: Location | None = None,
        key: str = "",
    ) -> Finding:
        """A finding of this rule.

        Args:
            subject: what it is about, as the field names it.
            message: what will happen.
            remedy: what to do; the rule's own remedy when empty.
            severity: the rule's own unless given.
            confidence: how sure it is.
            evidence: the facts behind it.
            location: the line of source in NEW.
            key: sets findings on one subject apart; it must not hold addresses or paths of a build.
        """
        return Finding(
            rule=self.id,
            title=self.title,
            severity=self.severity if severity is None else severity,
            confidence=confidence,
            subject=subject,
            message=message,
            remedy=remedy or self.explanation.remedy,
            fingerprint=fingerprint(self.id, subject, key),
            evidence=dict(evidence or {}),
            location=location,
        )

    def unverified(
        self, subject: str, message: str, *, remedy: str = "", evidence: Mapping[str, Json] | None = None
    ) -> Finding:
        """A finding that says that the rule could not find out: it makes the verdict inconclusive."""
        return Finding(
            rule=self.id,
            title=self.title,
            severity=Severity.WARN,
            confidence=Confidence.HIGH,
            subject=subject,
            message=message,
            remedy=remedy or self.explanation.remedy,
            fingerprint=fingerprint(self.id, subject, "unverified"),
            evidence={"verified": False, **(evidence or {})},
            verified=False,
        )

    @classmethod
    @cache
    def needs(cls) -> tuple[Need, ...]:
        """The evidence that `run` asks for. TypeError for a parameter that is no evidence."""
        hints = typing.get_type_hints(cls.run, include_extras=True)
        names = [name for name in inspect.signature(cls.run).parameters if name != "self"]
        return tuple(_need(name, hints[name]) for name in names)

    def outcome(self, bundle: Bundle) -> Outcome:
        """Run on `bundle`, or say which evidence was missing."""
        arguments: dict[str, object] = {}
        for need in self.needs():
            value = bundle.get(need.key)
            if isinstance(value, Missing):
                if not need.optional:
                    return Outcome(self.id, "no-evidence", reason=f"{need.key[1]}: {value.reason}")
                value = None
            arguments[need.name] = value
        return Outcome(self.id, "ran", tuple(self.run(**arguments)))


def fingerprint(rule: str, subject: str, key: str = "") -> str:
    """16 hex digits that name a finding across builds."""
    joined = f"{rule}\0{subject}\0{key}".encode("utf-8", "surrogatepass")
    return hashlib.sha256(joined).hexdigest()[:16]


@cache
def discover() -> tuple[Check, ...]:
    """One instance of every rule in `gate.checks`, sorted by id.

    Raises:
        TypeError: a rule's metadata is incomplete, its file is misnamed, or two rules share an id.
    """
    package = importlib.import_module("gate.checks")
    found: dict[str, Check] = {}
    for info in pkgutil.iter_modules(package.__path__):
        module = importlib.import_module(f"gate.checks.{info.name}")
        for rule in _rules_of(module):
            validate(rule, info.name)
            if rule.id in found:
                raise TypeError(f"{rule.id} is the id of two rules")
            found[rule.id] = rule()
    return tuple(found[rule_id] for rule_id in sorted(found))


def validate(rule: type[Check], module: str) -> None:
    """Raise TypeError unless `rule` says all that a rule must say and `module` is named after it."""
    problems = []
    rule_id = getattr(rule, "id", "")
    if not RULE_ID.fullmatch(rule_id):
        problems.append("id must look like HG123")
    if not module.startswith(rule_id.lower() + "_"):
        problems.append(f"its file must be named {rule_id.lower()}_….py")
    if not getattr(rule, "title", "") or rule.title.endswith("."):
        problems.append("title must be given, without a full stop")
    if not isinstance(getattr(rule, "severity", None), Severity):
        problems.append("severity must be a Severity")
    texts = getattr(rule, "explanation", None)
    if texts is None or not all((texts.what, texts.why, texts.example, texts.remedy)):
        problems.append("explanation must have all its parts")
    samples = getattr(rule, "samples", None)
    if samples is None or not samples.fires or not samples.quiet:
        problems.append("samples must have a case that fires and one that does not")
    if not inspect.isgeneratorfunction(getattr(rule, "run", None)):
        problems.append("run must be a generator method")
    if problems:
        raise TypeError(f"gate.checks.{module}: {'; '.join(problems)}")
    rule.needs()


def _rules_of(module: types.ModuleType) -> Iterator[type[Check]]:
    for value in vars(module).values():
        if isinstance(value, type) and issubclass(value, Check) and value.__module__ == module.__name__:
            yield value


def _need(name: str, annotation: object) -> Need:
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        inner = [part for part in typing.get_args(annotation) if part is not type(None)]
        return Need(name, key_of(inner[0]), optional=True)
    return Need(name, key_of(annotation), optional=False)
