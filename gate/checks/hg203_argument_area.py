"""HG203: a function's argument area changed."""

from collections.abc import Iterator

from gate.evidence.model import Functions
from gate.inflection import count, some
from gate.model import Finding, Mode, Severity
from gate.policy.model import Policy
from gate.rules.base import Check, Explanation, Samples
from gate.rules.samples.binaries import Case, change, functions


def _shown(size: int) -> str:
    return "unknown" if size < 0 else f"{size}"


class ArgumentArea(Check):
    """Functions that take or return values of another total size."""

    id = "HG203"
    title = "Argument area changed"
    severity = Severity.INFO
    explanation = Explanation(
        what="The size in bytes that a function reserves for its arguments and results differs: its signature changed. "
        "(A change that keeps the size, such as int64 to float64, does not show here.)",
        why="After exec all callers are new, too, and agree. A hotfix must not change signatures: code that was compiled "
        "against the old one would pass its arguments in the wrong places.",
        example="`func rate(cents int64) int64` got a second parameter.",
        remedy="For a hotfix, keep the signature and add a new function; else use exec mode.",
    )
    samples = Samples(
        fires=(
            lambda: Case(functions=functions(changed=(change(kind="signature", new_args=24),))),
            lambda: Case(
                functions=functions(changed=(change(kind="signature", new_args=24),)), policy=Policy(mode=Mode.HOTFIX)
            ),
        ),
        quiet=(Case, lambda: Case(functions=functions(changed=(change(),)))),
    )

    def run(self, drift: Functions, mode: Mode) -> Iterator[Finding]:
        """One finding over all of them."""
        changed = [each for each in drift.changed if each.kind == "signature"]
        if changed:
            shown = [f"{each.name} ({_shown(each.old_args)} → {_shown(each.new_args)} bytes)" for each in changed]
            hotfix = mode is Mode.HOTFIX
            yield self.finding(
                changed[0].name if len(changed) == 1 else "signatures",
                f"{count(len(changed), 'function takes or returns', 'functions take or return')} other values than before: {some(shown)}."
                + (" A hotfix must keep every signature." if hotfix else ""),
                severity=Severity.BLOCK if hotfix else None,
                evidence={"count": len(changed), "functions": list(shown[:50])},
            )
