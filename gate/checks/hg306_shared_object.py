"""HG306: what a shared object gives to its process changed."""

from collections.abc import Iterator, Sequence

from gate.evidence.model import Abi, Loader, NativeChanges, NewBinary, OldBinary
from gate.inflection import count, some
from gate.model import Confidence, Finding, Json, Mode, Severity
from gate.policy.model import Policy
from gate.rules.base import Check, Explanation, Samples
from gate.rules.samples.binaries import Case, native, shared
from gate.rules.support.cxx_names import readable, special
from probes.drift.facts import ValueChange
from probes.drift.native.facts import AbiFacts, HostDrift, PluginDrift, Resize, SharedDrift

LISTED = 50
"""Findings on single symbols; the others are summed up in one."""
PLUGIN = Policy(mode=Mode.PLUGIN)
REBUILT = PluginDrift("example%2ecom/a", "example%2ecom/b", ("example.com/shared",))
SAME = PluginDrift("example%2ecom/a", "example%2ecom/b", ())
REFUSES = HostDrift("shop", ("example.com/shared",), 30)
LOADS = HostDrift("shop", (), 30)
GREW = AbiFacts(changed=True, altered=1, lines=("C 'function int area(shape*)' has some indirect sub-type changes",))


class SharedObject(Check):
    """Exports, vtables, static state or initialisers of a shared object differ."""

    id = "HG306"
    title = "What a shared object gives to its process changed"
    severity = Severity.BLOCK
    explanation = Explanation(
        what="Compared are the exported symbols and their versions, the sizes of exported variables, vtables and type "
        "information, writable static variables (those that are not exported only in files that are not stripped), "
        "initialisers and finalisers, the soname, and of Go plugins the digests of the packages that both have. In C and "
        "C++, sizes of `.data` and `.bss` as well; Go's package variables are HG206's. Where `abidiff` is installed and "
        "both sides have DWARF, its findings are added in plugin mode, marked `abidiff:`. In the other modes, where "
        "nothing is loaded beside a running program, all of it is a note.",
        why="The program that loads NEW was compiled against OLD. It calls symbols by name and version, reserved room for "
        "exported variables by their size, calls virtual functions by their index, and may hold pointers into static "
        "state, of which NEW brings its own copy. Go refuses a plugin with `plugin was built with a different version of "
        "package`. A package that the program does not have may differ without harm: `--host PROGRAM` names the program, "
        "whose own digests then decide.",
        example="A virtual function was added before others: every call through the old vtable index runs another function.",
        remedy="Keep the interface and add to its end, or raise the soname and rebuild what uses it; build Go plugins together "
        "with their program.",
    )
    samples = Samples(
        fires=(
            lambda: Case(native=shared(removed=("area",)), policy=PLUGIN),
            lambda: Case(native=shared(resized=(Resize("_ZTV5Shape", 40, 48),)), policy=PLUGIN),
            lambda: Case(native=shared(state_added=("cache",)), policy=PLUGIN),
            lambda: Case(native=shared(memory=(Resize(".bss", 8, 64),)), policy=PLUGIN),
            lambda: Case(native=shared(calls=(Resize("initialisers", 2, 3),)), policy=PLUGIN),
            lambda: Case(native=shared(soname=ValueChange("soname", "liba.so.1", "liba.so.2")), policy=PLUGIN),
            lambda: Case(native=shared(reversioned=(ValueChange("f", "f@V1", "f@V2"),)), policy=PLUGIN),
            lambda: Case(native=shared(retyped=(ValueChange("f", "function", "object"),)), policy=PLUGIN),
            lambda: Case(native=shared(plugin=REBUILT), policy=PLUGIN),
            lambda: Case(native=shared(), abi=GREW, policy=PLUGIN),
            lambda: Case(native=shared(plugin=SAME), loader=REFUSES, policy=PLUGIN),
            lambda: Case(native=shared(plugin=SAME), loader=HostDrift("shop", problem="it is damaged"), policy=PLUGIN),
            lambda: Case(native=native(), policy=PLUGIN),
            lambda: Case(native=shared(removed=("area",))),
        ),
        quiet=(
            Case,
            lambda: Case(native=shared()),
            lambda: Case(native=shared(), policy=PLUGIN),
            lambda: Case(native=shared(), abi=AbiFacts(), policy=PLUGIN),
            lambda: Case(native=shared(plugin=REBUILT), loader=LOADS, policy=PLUGIN),
        ),
    )

    def run(  # noqa: PLR0913, PLR0917 - one a kind of evidence
        self, old: OldBinary, new: NewBinary, drift: NativeChanges, mode: Mode, abi: Abi | None, loader: Loader | None
    ) -> Iterator[Finding]:
        """One finding a symbol, and one for each other part that changed."""
        part, plugin = drift.shared, mode is Mode.PLUGIN
        if part is None:
            if plugin:
                yield self.unverified(
                    "shared object",
                    f"Whether NEW can stand in for OLD beside a running program is unknown: OLD is {old.linkage} and NEW is "
                    f"{new.linkage}, and plugin mode compares two shared objects.",
                    remedy="Pass two shared objects, or another --mode.",
                )
            return
        level = Severity.BLOCK if plugin else Severity.INFO
        changes = list(_symbols(part))
        for symbol, message, evidence in changes[:LISTED]:
            yield self.finding(symbol, message, severity=level, evidence=evidence)
        if len(changes) > LISTED:
            rest = [symbol for symbol, _, _ in changes[LISTED:]]
            yield self.finding(
                "other exports",
                f"{count(len(rest), 'more exported symbol')} changed or went: {some(rest)}.",
                severity=level,
                evidence={"count": len(rest), "symbols": [*rest[:LISTED]]},
            )
        for subject, message, evidence in _parts(part):
            yield self.finding(subject, message, severity=level, evidence=evidence)
        if part.plugin is not None:
            yield from self._plugin(part.plugin, loader, same=old.sha256 == new.sha256, level=level)
        if part.added:
            yield self.finding(
                "added exports",
                f"{count(len(part.added), 'symbol')} will be exported for the first time: {some(part.added)}.",
                severity=Severity.INFO,
                evidence={"count": len(part.added), "symbols": [*part.added[:LISTED]]},
            )
        if abi is not None and plugin:
            yield from self._abidiff(abi)

    def _loaded(self, loader: HostDrift) -> Iterator[Finding]:
        """What the program that loads NEW will say to it: its own digests decide."""
        if loader.problem:
            yield self.unverified(
                "loading program",
                f"Whether {loader.path} can load NEW is unknown: {loader.problem}.",
                remedy="Pass the program that loads the plugin, as it was built.",
            )
        elif loader.packages:
            number = count(len(loader.packages), "package")
            modules = [f"{each.path} {each.old} → {each.new}" for each in loader.modules]
            why = f"; modules that differ: {some(modules)}" if modules else ""
            yield self.finding(
                "packages",
                f"plugin.Open in {loader.path} will refuse NEW with `plugin was built with a different version of package`: "
                f"{number} differ{'s' if len(loader.packages) == 1 else ''} of {loader.shared:,} that both have, "
                f"{some(loader.packages)}{why}.",
                remedy="Build the plugin with the program's toolchain, flags and module versions.",
                evidence={
                    "count": len(loader.packages),
                    "packages": [*loader.packages[:LISTED]],
                    "modules": [*modules[:LISTED]],
                },
            )

    def _plugin(
        self, plugin: PluginDrift, loader: HostDrift | None, *, same: bool, level: Severity
    ) -> Iterator[Finding]:
        if loader is not None:
            yield from self._loaded(loader)
        elif plugin.packages:
            runtime = "runtime" in plugin.packages
            number = count(len(plugin.packages), "package")
            yield self.finding(
                "packages",
                f"plugin.Open will refuse NEW with `plugin was built with a different version of package`, in every program "
                f"that has one of them: {number} differ{'s' if len(plugin.packages) == 1 else ''}, {some(plugin.packages)}.",
                severity=level,
                confidence=Confidence.HIGH if runtime else Confidence.MEDIUM,
                evidence={"count": len(plugin.packages), "packages": [*plugin.packages[:LISTED]]},
            )
        if plugin.old_path == plugin.new_path and not same:
            yield self.finding(
                "plugin path",
                f"plugin.Open will answer `plugin already loaded` where OLD is loaded: both have the path {plugin.new_path}.",
                severity=level,
                remedy="Load NEW in a new process, or build plugins from a list of files (`go build -buildmode=plugin *.go`): "
                "each content then gets a path of its own.",
                evidence={"path": plugin.new_path},
            )

    def _abidiff(self, abi: AbiFacts) -> Iterator[Finding]:
        if abi.problem:
            yield self.finding(
                "abidiff",
                f"abidiff: no answer, {abi.problem}; what is said here is from the symbols alone.",
                severity=Severity.INFO,
                key="problem",
            )
        elif abi.changed:
            harm = abi.incompatible or abi.removed or abi.altered
            parts = ((abi.removed, "removed"), (abi.altered, "changed"), (abi.added, "added"))
            said = ", ".join(f"{number:,} {word}" for number, word in parts if number) or "the interface changed"
            line = next((line for line in abi.lines if not line.startswith("A ")), "")
            first = f": {line.partition(' ')[2]}" if line else ""
            yield self.finding(
                "abidiff",
                f"abidiff: {'not compatible, ' if abi.incompatible else ''}{said}{first}.",
                severity=None if harm else Severity.INFO,
                evidence={"incompatible": abi.incompatible, "lines": [*abi.lines]},
                key="changed",
            )


def _symbols(part: SharedDrift) -> Iterator[tuple[str, str, dict[str, Json]]]:
    """Subject, message and evidence of each exported symbol that changed."""
    for name in part.removed:
        yield name, f"Callers of {readable(name)} will not find it: NEW no longer exports it.", {}
    for change in part.reversioned:
        yield (
            change.name,
            f"What was linked against {change.old} will not find it: NEW exports {change.new} instead.",
            {"old": change.old, "new": change.new},
        )
    for change in part.retyped:
        yield (
            change.name,
            f"Users of {change.name} will take it for something else: {change.old} → {change.new}.",
            {"old": change.old, "new": change.new},
        )
    for size in part.resized:
        yield size.name, _resized(size), {"old": size.old, "new": size.new}


def _resized(size: Resize) -> str:
    numbers = f"{size.old:,} → {size.new:,} bytes"
    what = special(size.name)
    if what == "vtable":
        return f"Virtual calls on {readable(size.name)} can run other functions: its vtable went {numbers}."
    if what is not None:
        return f"Casts and exceptions of {readable(size.name)} can go wrong: its {what} went {numbers}."
    return f"Programs that hold a copy of {size.name} reserved another size: {numbers}."


def _parts(part: SharedDrift) -> Iterator[tuple[str, str, dict[str, Json]]]:
    """Subject, message and evidence of what changed beside single symbols."""
    if part.soname is not None:
        old, new = part.soname.old, part.soname.new
        yield (
            "soname",
            f"What was linked against OLD will look for another file: soname {old or 'none'} → {new or 'none'}.",
            {"old": old, "new": new},
        )
    if part.state_added or part.state_removed or part.state_resized or part.memory:
        yield (
            "static state",
            f"NEW keeps other static state than OLD: {'; '.join(_state(part))}.",
            _state_evidence(part),
        )
    for calls in part.calls:
        yield (
            calls.name,
            f"Loading and unloading will run other code: {calls.old:,} → {calls.new:,} {calls.name}.",
            {"old": calls.old, "new": calls.new},
        )


def _state(part: SharedDrift) -> Iterator[str]:
    for word, names in (("added", part.state_added), ("removed", part.state_removed)):
        if names:
            yield f"{word} {some(names)}"
    for sizes in (part.state_resized, part.memory):
        if sizes:
            yield some([f"{each.name} {each.old:,} → {each.new:,} bytes" for each in sizes])


def _state_evidence(part: SharedDrift) -> dict[str, Json]:
    return {
        "added": [*part.state_added[:LISTED]],
        "removed": [*part.state_removed[:LISTED]],
        "resized": _sizes(part.state_resized),
        "memory": _sizes(part.memory),
    }


def _sizes(sizes: Sequence[Resize]) -> list[Json]:
    return [{"name": each.name, "old": each.old, "new": each.new} for each in sizes[:LISTED]]
