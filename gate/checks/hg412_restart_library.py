"""HG412: a restart library with a known hazard is linked in."""

import re
from collections.abc import Iterable, Iterator

from gate.evidence.model import NewBinary, OldBinary
from gate.inflection import some
from gate.model import Confidence, Finding, Severity
from gate.rules.base import Check, Explanation, Samples
from gate.rules.samples.binaries import Case, binary, build, other
from gate.rules.support.restart_libraries import LIBRARIES, Library
from probes.go.buildinfo.facts import Module
from probes.go.facts import BinaryFacts

_MAJOR = re.compile(r"(?:/v(?:[2-9]|[1-9]\d+))?$")
_MAX_PACKAGES = 20


class RestartLibrary(Check):
    """OLD or NEW restarts itself by a library whose failures are known."""

    id = "HG412"
    title = "Restart library with a known hazard"
    severity = Severity.WARN
    explanation = Explanation(
        what="A library that replaces the running process is linked into OLD, which will carry out this restart, or into NEW, "
        "which will carry out the next one. It is found by its module path, also where another module replaces it, or by its "
        "functions. A module that is required, and of which no function is linked in, does not count.",
        why="Each of these libraries was restarted 20 times under load where it could be, and given a new image that crashes or hangs at "
        "boot. It blocks where every restart fails, and warns where a restart loses requests or a failed one cannot be "
        "recovered from.",
        example="A service with github.com/rcrowley/goagain gets SIGUSR2 and panics.",
        remedy="Hand the listener over with a drain that closes kept-alive connections first, and try NEW's start before.",
        table=tuple(
            (each.path, each.severity.value, f"{each.hazard}. {each.measured}. {each.remedy}") for each in LIBRARIES
        ),
    )
    samples = Samples(
        fires=(
            lambda: Case(
                new=other(build=build(deps=(Module("github.com/cloudflare/tableflip", "v1.2.3", "h1:eA=="),)))
            ),
            lambda: Case(
                old=binary(build=build(deps=(Module("github.com/rcrowley/goagain", "v0.0.0-20140424", "h1:eA=="),)))
            ),
            lambda: Case(
                new=other(
                    build=build(
                        deps=(
                            Module(
                                "example.com/restart",
                                "v0.1.0",
                                "",
                                Module("github.com/fvbock/endless/v2", "v2.0.1", "h1:eA=="),
                            ),
                        )
                    )
                )
            ),
        ),
        quiet=(
            Case,
            lambda: Case(
                new=other(build=build(deps=(Module("github.com/cloudflare/tableflipper", "v1.0.0", "h1:eA=="),)))
            ),
            lambda: Case(
                new=other(build=build(deps=(Module("github.com/jpillora/overseer-fetcher", "v1.0.0", "h1:eA=="),)))
            ),
        ),
    )

    def run(self, old: OldBinary, new: NewBinary) -> Iterator[Finding]:
        """One finding a library, whichever side has it."""
        for library in LIBRARIES:
            sides = {name: _trace(facts, library) for name, facts in (("OLD", old), ("NEW", new))}
            linked = [name for name, trace in sides.items() if trace]
            if linked:
                yield self._found(library, linked, {name: trace for name, trace in sides.items() if trace})

    def _found(self, library: Library, linked: list[str], traces: dict[str, list[str]]) -> Finding:
        sure = any(entry.startswith("package ") for trace in traces.values() for entry in trace)
        return self.finding(
            library.path,
            f"{library.hazard}: {' and '.join(linked)} {'restart themselves' if len(linked) > 1 else 'restarts itself'} with "
            f"{library.path}. Measured: {library.measured}.",
            remedy=library.remedy,
            severity=library.severity,
            confidence=Confidence.HIGH if sure else Confidence.MEDIUM,
            evidence={"library": library.path, **{name.lower(): list(trace) for name, trace in traces.items()}},
        )


def _trace(facts: BinaryFacts, library: Library) -> list[str]:
    """What says that a binary has `library`: its module, and its packages that have functions. Empty when it has not."""
    modules = facts.build.deps if facts.build is not None else ()
    ours = [module for module in modules if any(_is(path, library.path) for path in _paths(module))]
    if not ours and facts.build is not None and facts.build.main is not None:
        return []  # built in module mode, which lists every module that has a package in the build
    if facts.functions is None:
        return [f"module {_named(module)}" for module in ours]
    packages = _packages(facts.functions.name_bytes, {module.path for module in ours} | {library.path})
    if not packages:
        return []
    return [*(f"module {_named(module)}" for module in ours), f"package {some(packages, _MAX_PACKAGES)}"]


def _paths(module: Module) -> Iterable[str]:
    return (module.path, module.replace.path) if module.replace is not None else (module.path,)


def _is(path: str, library: str) -> bool:
    """Whether a module path is the library's, in any major version."""
    return _MAJOR.sub("", path) == library


def _named(module: Module) -> str:
    replaced = f" => {module.replace.path} {module.replace.version}".rstrip() if module.replace is not None else ""
    return f"{module.path} {module.version}".rstrip() + replaced


def _packages(names: bytes, roots: Iterable[str]) -> list[str]:
    """Packages at or below `roots` that have functions, also inlined ones, by the `names` of the function table.

    Vendored copies count, whose names Go gives a prefix when it builds outside of module mode.
    """
    out: set[str] = set()
    for root in roots:
        # The linker writes dots of the last element as %2e; none of these paths has one there but a replaced one may.
        head, slash, last = root.rpartition("/")
        needle = (head + slash + last.replace(".", "%2e")).encode()
        at = names.find(needle)
        while at >= 0 and len(out) < _MAX_PACKAGES:
            start = names.rfind(b"\0", 0, at) + 1
            end = names.find(b"\0", at)
            if end < 0:
                break
            name = names[start:end]
            if at == start or names[start:at].endswith(b"/vendor/"):
                package = _package(name, at - start + len(needle))
                if package:
                    out.add(package)
            at = names.find(needle, end)
    return sorted(out)


def _package(name: bytes, after: int) -> str:
    """The package in a function's name of which `after` bytes are known to be its path; "" when the path goes on."""
    text = name.partition(b"[")[0].decode("utf-8", "replace")
    rest = name[after : after + 1]
    if rest not in (b".", b"/"):
        return ""
    dot = text.find(".", max(text.rfind("/") + 1, 0))
    return text[:dot].replace("%2e", ".") if dot > 0 else ""
