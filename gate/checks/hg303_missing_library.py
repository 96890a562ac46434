"""HG303: a library or a symbol version that the target does not have."""

import re
from collections.abc import Iterator

from msgspec.structs import replace

from gate.evidence.model import NativeChanges, Natives, NewBinary, Target
from gate.inflection import some
from gate.model import Finding, Severity
from gate.rules.base import Check, Explanation, Samples
from gate.rules.samples.binaries import NATIVE, TARGET, Case, native, other
from probes.drift.native.facts import NativeDrift, VersionUse
from probes.elf.facts import SymbolVersion
from probes.host import TargetFacts

MUSL_LOADER = re.compile(r"ld-musl-[a-z0-9_]+\.so\.1")
MUSL_OWN = re.compile(r"lib(c|pthread|rt|m|dl|util|xnet)\.")
"""musl's loader is the C library itself: it never looks for a file of these names (ldso/dynlink.c, load_library)."""
NEEDS = replace(NATIVE, needed=("libc.so.6",), versions=(SymbolVersion("libc.so.6", "GLIBC_2.34"),))
MUSL = replace(NATIVE, needed=("libc.so",), interpreter="/lib/ld-musl-x86_64.so.1")
USE = VersionUse("libc.so.6", "GLIBC_2.34", weak=False, symbols=("pthread_create",))
WEAK = replace(USE, weak=True)
HAS = replace(TARGET, libraries={"libc.so.6": ("GLIBC_2.17", "GLIBC_2.34")}, source="host-7.json")
OLDER = replace(HAS, libraries={"libc.so.6": ("GLIBC_2.17",)})
NONE = replace(HAS, libraries={})
PLAIN = replace(HAS, libraries={"libc.so.6": ()})


def _case(target: TargetFacts, use: VersionUse = USE, *, run_path: tuple[str, ...] = ()) -> Case:
    return Case(new=other(native=NEEDS), native=native(uses=(use,), run_path=run_path), target=target)


class MissingLibrary(Check):
    """NEW needs a shared library, or a version of its symbols, that the target does not have."""

    id = "HG303"
    title = "A needed library or symbol version is not on the target"
    severity = Severity.BLOCK
    explanation = Explanation(
        what="NEW names a shared library (DT_NEEDED), or a version of a library's symbols such as GLIBC_2.34, that the "
        "target's loader does not find. The target is this host unless --target names another. Libraries that those "
        "libraries need are not followed.",
        why="The loader runs before main. It ends the process with `version 'GLIBC_2.34' not found`: after exec "
        "nothing is left to serve.",
        example="The build moved to a newer distribution, and the fleet still has glibc 2.31.",
        remedy="Build on the oldest distribution of the fleet, or without cgo (CGO_ENABLED=0); describe another host with "
        "`hotgate inspect --host` there, and pass the file with --target.",
    )
    samples = Samples(
        fires=(
            lambda: _case(OLDER),
            lambda: _case(NONE),
            lambda: _case(TARGET),
            lambda: _case(PLAIN),
            lambda: _case(NONE, run_path=("$ORIGIN/lib",)),
            lambda: _case(replace(HAS, arch="arm64")),
        ),
        quiet=(
            Case,
            lambda: _case(HAS),
            lambda: _case(OLDER, WEAK),
            lambda: Case(new=other(native=MUSL), native=native(), target=NONE),
        ),
    )

    def run(self, new: NewBinary, natives: Natives, drift: NativeChanges, target: Target | None) -> Iterator[Finding]:
        """One finding a library or version, or one doubt when the target does not tell."""
        needed = tuple(dict.fromkeys((*natives.new.needed, *(use.library for use in drift.uses))))
        if MUSL_LOADER.fullmatch((natives.new.interpreter or "").rpartition("/")[2]):
            needed = tuple(name for name in needed if not MUSL_OWN.match(name))
        if not needed:
            return
        have = None if target is None or target.arch != new.arch else target.libraries
        if target is None or have is None:
            yield self.unverified(
                "libraries",
                f"Whether the target has {some(needed)} is unknown: {_why(target, new.arch)}.",
                remedy="Describe the target with `hotgate inspect --host` there, and pass the file with --target.",
                evidence={"needed": list(needed)},
            )
            return
        for library in needed:
            if library not in have:
                yield self._missing(library, drift, target)
        for use in drift.uses:
            defined = have.get(use.library)
            if defined is not None and use.version not in defined and not use.weak:
                yield self._version(use, defined, target)

    def _missing(self, library: str, drift: NativeDrift, target: TargetFacts) -> Finding:
        evidence = {"library": library, "source": target.source}
        if drift.run_path:
            return self.unverified(
                library,
                f"Whether NEW finds {library} is unknown: {target.source} does not have it where its loader looks, and NEW "
                f"also looks in {some(drift.run_path)}.",
                evidence={**evidence, "run_path": list(drift.run_path)},
            )
        return self.finding(
            library,
            f"NEW will not start on {target.source}: its loader does not find {library}.",
            evidence={**evidence},
        )

    def _version(self, use: VersionUse, defined: tuple[str, ...], target: TargetFacts) -> Finding:
        wanted = f" for {some(use.symbols)}" if use.symbols else ""
        subject = f"{use.library} {use.version}"
        symbols = list(use.symbols[:50])
        if not defined:  # glibc's loader then binds by name alone, elf/dl-version.c
            return self.finding(
                subject,
                f"The loader cannot tell whether {use.library} of {target.source} is the right one: it defines no "
                f"versions, and NEW needs {use.version}{wanted}.",
                severity=Severity.WARN,
                evidence={"symbols": [*symbols], "source": target.source},
            )
        return self.finding(
            subject,
            f"NEW will not start on {target.source}: its {use.library} has no {use.version}, which NEW needs{wanted}.",
            evidence={"symbols": [*symbols], "source": target.source},
        )


def _why(target: TargetFacts | None, arch: str) -> str:
    if target is None:
        return "the target is not known"
    if target.arch != arch:
        return f"{target.source} is {target.arch} and NEW is for {arch}"
    return f"{target.source} does not list its libraries"
