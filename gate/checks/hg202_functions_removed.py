"""HG202: functions removed."""

from collections.abc import Iterator

from gate.evidence.model import Functions, OldBinary
from gate.inflection import count, some
from gate.model import Finding, Mode, Severity
from gate.policy.model import Policy
from gate.rules.base import Check, Explanation, Samples
from gate.rules.samples.binaries import Case, functions, ref
from probes.go.facts import SHARED


class FunctionsRemoved(Check):
    """Functions of OLD that NEW does not have under any name."""

    id = "HG202"
    title = "Functions removed"
    severity = Severity.INFO
    explanation = Explanation(
        what="Functions that OLD has and NEW has not, under this or another name. The linker also drops functions that "
        "have no caller any more, so a small edit can remove several.",
        why="In plugin mode the running program may still call an exported function: the lookup fails, or the call goes "
        "nowhere. In hotfix mode only bodies may change and functions may come, so none may go.",
        example="Plugin v2 no longer exports `Handle`, which the host looks up by name.",
        remedy="Keep the function, if need be as a thin wrapper, until nothing calls it; else use exec mode.",
    )
    samples = Samples(
        fires=(
            lambda: Case(functions=functions(removed=(ref("main.helper"),))),
            lambda: Case(
                functions=functions(removed=(ref("main.Handle", exported=True),)), policy=Policy(mode=Mode.PLUGIN)
            ),
            lambda: Case(functions=functions(removed=(ref("main.helper"),)), policy=Policy(mode=Mode.HOTFIX)),
        ),
        quiet=(Case, lambda: Case(functions=functions(added=(ref("main.fresh"),)))),
    )

    def run(self, drift: Functions, old: OldBinary, mode: Mode) -> Iterator[Finding]:
        """One finding a removed export in plugin mode, and one over all the others.

        A Go plugin exports what its main package does (plugin.Lookup); HG306 has the symbols of other shared objects.
        """
        main = {"main", old.build.path if old.build else ""}
        plugin = mode is Mode.PLUGIN and old.linkage not in {"c-shared", SHARED}
        exported = [
            gone
            for gone in drift.removed
            if plugin and gone.exported and (gone.package in main or gone.package.startswith("plugin/"))
        ]
        for gone in exported:
            yield self.finding(
                gone.name,
                f"Callers of {gone.name} will fail: NEW no longer exports it.",
                severity=Severity.BLOCK,
            )
        rest = [gone.name for gone in drift.removed if gone not in exported]
        if rest:
            hotfix = mode is Mode.HOTFIX
            yield self.finding(
                "removed functions",
                f"{count(len(rest), 'function')} of OLD will be gone: {some(rest)}."
                + (" A hotfix may change bodies and add functions, not remove any." if hotfix else ""),
                severity=Severity.BLOCK if hotfix else None,
                evidence={"count": len(rest), "functions": list(rest[:50])},
            )
