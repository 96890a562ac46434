"""Baselines: findings that were there before. They stay in the report and do not block; new ones do.

A finding is known by its fingerprint, which names the rule and the subject and not what was said of it. What could not
be verified is never known: it has to be looked at each time.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from msgspec.structs import replace

from probes.errors import ProbeError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gate.model import Finding, Outcome

SCHEMA_VERSION = "1"
MAX_BYTES = 16 << 20
FINGERPRINT = re.compile(r"[0-9a-f]{16}")
RULE = re.compile(r"HG[1-9][0-9]{2}")
HINT = "write one with `hotgate baseline write REPORT.json -o FILE`"


class UnreadableBaseline(ProbeError):
    """A file that is not what `hotgate baseline write` writes."""


class Known(Struct, frozen=True):
    """A finding that was there before."""

    rule: str
    subject: str
    fingerprint: str


class Baseline(Struct, frozen=True):
    """The findings in the file `source`."""

    source: str
    known: tuple[Known, ...]


def mark(outcomes: Iterable[Outcome], baseline: Baseline) -> tuple[tuple[Outcome, ...], tuple[Known, ...]]:
    """The outcomes with their known findings marked, and what the baseline has and a rule that ran no longer found."""
    fingerprints = {each.fingerprint for each in baseline.known}

    def known(finding: Finding) -> bool:
        return finding.verified and not finding.suppressed and finding.fingerprint in fingerprints

    marked = tuple(
        replace(outcome, findings=tuple(replace(f, known=True) if known(f) else f for f in outcome.findings))
        for outcome in outcomes
    )
    found = {finding.fingerprint for outcome in marked for finding in outcome.findings}
    ran = {outcome.rule for outcome in marked if outcome.status == "ran"}
    fixed = [each for each in baseline.known if each.rule in ran and each.fingerprint not in found]
    return marked, tuple(sorted(fixed, key=lambda each: (each.rule, each.subject, each.fingerprint)))


def load_baseline(path: str) -> Baseline:
    """The baseline in the file at `path`.

    Raises:
        UnreadableBaseline: the file cannot be read, or is not of the shape that `dump_baseline` writes.
    """
    try:
        with Path(path).open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except OSError as exc:
        raise UnreadableBaseline(f"cannot read the baseline ({exc.strerror})", subject=path, hint=HINT) from exc
    try:
        if len(raw) > MAX_BYTES:
            raise ValueError("larger than 16 MiB")  # noqa: TRY301 - one error type for the caller
        return Baseline(path, _known(json.loads(raw)))
    except (ValueError, RecursionError) as exc:
        raise UnreadableBaseline(f"not a baseline ({exc})", subject=path, hint=HINT) from exc


def _known(shape: Any) -> tuple[Known, ...]:
    _keys(shape, "schema_version created_at known", "")
    if shape["schema_version"] != SCHEMA_VERSION:
        found = str(shape["schema_version"])[:20]
        raise ValueError(f"its schema_version is {found!r}, and this hotgate reads {SCHEMA_VERSION!r}")
    if not isinstance(shape["known"], list):
        raise ValueError("known is not a list")  # noqa: TRY004 - one error type for the caller
    out = []
    for index, each in enumerate(shape["known"]):
        _keys(each, "rule subject fingerprint", f"known[{index}]: ")
        for key, pattern in (("rule", RULE), ("subject", None), ("fingerprint", FINGERPRINT)):
            text = each[key]
            if not isinstance(text, str) or (pattern is not None and not pattern.fullmatch(text)):
                raise ValueError(f"known[{index}]: {key} is not one")
        out.append(Known(each["rule"], each["subject"], each["fingerprint"]))
    return tuple(out)


def _keys(shape: Any, names: str, where: str) -> None:
    if not isinstance(shape, dict):
        raise ValueError(f"{where}not a JSON object")  # noqa: TRY004 - one error type for the caller
    wanted = set(names.split())
    if unknown := sorted(shape.keys() - wanted):
        raise ValueError(f"{where}unknown key {unknown[0][:40]!r}")
    if lacking := sorted(wanted - shape.keys()):
        raise ValueError(f"{where}key {lacking[0]!r} is missing")
