"""The host that will run the new image: processor level, interpreters, shared libraries.

`read_host` reads this host; `load_target` reads what `read_host` found on another one, from JSON. Nothing is run:
no `ldconfig`, no `ld.so --help`.

Sources: the x86-64 psABI (micro-architecture levels, section 3.1.1) for GOAMD64 v1 to v4; Arm's A-profile architecture
feature names as `/proc/cpuinfo` shows them (Linux `Documentation/arch/arm64/elf_hwcaps.rst`) for GOARM64.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import Struct, to_builtins

from probes.errors import ProbeError, UnreadableFile

if TYPE_CHECKING:
    from collections.abc import Mapping

SCHEMA_VERSION = "1"
MAX_TARGET_BYTES = 16 << 20

GOARCH = {"x86_64": "amd64", "aarch64": "arm64"}

# psABI, table 3.1, by the names of /proc/cpuinfo: SSE3 is `pni`, SYSCALL is `syscall`, LZCNT shows as `abm`,
# OSXSAVE is implied by `xsave` there because Linux hides the flag when it does not enable it.
AMD64_LEVELS: tuple[frozenset[str], ...] = (
    frozenset({"cmov", "cx8", "fpu", "fxsr", "mmx", "syscall", "sse", "sse2"}),
    frozenset({"cx16", "lahf_lm", "popcnt", "pni", "sse4_1", "sse4_2", "ssse3"}),
    frozenset({"avx", "avx2", "bmi1", "bmi2", "f16c", "fma", "abm", "movbe", "xsave"}),
    frozenset({"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"}),
)

# What each Armv8-A / Armv9-A extension makes mandatory and Linux shows; a version needs all the rows up to its own.
ARM64_VERSIONS: tuple[tuple[str, frozenset[str]], ...] = (
    ("v8.0", frozenset({"fp", "asimd"})),
    ("v8.1", frozenset({"atomics", "asimdrdm", "crc32"})),
    ("v8.2", frozenset({"dcpop"})),
    ("v8.3", frozenset({"fcma", "jscvt", "lrcpc"})),
    ("v8.4", frozenset({"asimddp", "dit", "flagm", "ilrcpc", "uscat"})),
    ("v8.5", frozenset({"flagm2", "frint", "sb"})),
    ("v9.0", frozenset({"sve2"})),
)

INTERPRETERS = (
    "/lib64/ld-linux-x86-64.so.2",
    "/lib/ld-linux-aarch64.so.1",
    "/lib/ld-musl-x86_64.so.1",
    "/lib/ld-musl-aarch64.so.1",
)


class MalformedTarget(ProbeError):
    """A target description that is not what `hotgate inspect --host` writes."""


class TargetFacts(Struct, frozen=True):
    """What a host offers to an image.

    `goamd64_level` is 1 to 4, None on other processors or when unknown. `goarm64` is the highest `GOARM64` value
    the host runs, such as `v8.2`, with `,lse` where 8.0 has it. `libraries` maps a soname to the symbol versions it
    defines; it is None when they were not asked for. `source` says where all this is from.
    """

    arch: str
    os: str
    goamd64_level: int | None
    goarm64: str | None
    interpreters: tuple[str, ...] = ()
    libraries: Mapping[str, tuple[str, ...]] | None = None
    source: str = "this host"


def read_host(*, libraries: bool = False) -> TargetFacts:
    """The facts of this host; `libraries` also reads every shared library that the loader's cache names.

    A host without /proc gives None for the level rather than an error.
    """
    system = os.uname()
    arch = GOARCH.get(system.machine, system.machine)
    try:
        cpuinfo = Path("/proc/cpuinfo").read_text("utf-8", "replace")
    except OSError:
        cpuinfo = ""
    found: Mapping[str, tuple[str, ...]] | None = None
    if libraries:
        from probes.host_libraries import read_libraries  # noqa: PLC0415 - pyelftools, and only on demand

        found = read_libraries(arch)
    return TargetFacts(
        arch=arch,
        os=system.sysname.lower(),
        goamd64_level=amd64_level(cpuinfo) if arch == "amd64" else None,
        goarm64=arm64_version(cpuinfo) if arch == "arm64" else None,
        interpreters=tuple(path for path in INTERPRETERS if os.path.exists(path)),  # noqa: PTH110 - no object needed
        libraries=found,
    )


def amd64_level(cpuinfo: str) -> int | None:
    """The x86-64 level (1 to 4) that every processor in `cpuinfo` reaches; None when it lists no flags."""
    flags = _common(cpuinfo, "flags")
    if not flags:
        return None
    level = 0
    for needed in AMD64_LEVELS:
        if not needed <= flags:
            break
        level += 1
    return level or None


def arm64_version(cpuinfo: str) -> str | None:
    """The GOARM64 value that every processor in `cpuinfo` reaches, such as `v8.1`; None when it lists no features."""
    features = _common(cpuinfo, "Features")
    reached = None
    for version, needed in ARM64_VERSIONS:
        if not needed <= features:
            break
        reached = version
    return "v8.0,lse" if reached == "v8.0" and "atomics" in features else reached


def _common(cpuinfo: str, key: str) -> frozenset[str]:
    """The words that every `key :` line has: the slowest core of a mixed machine decides."""
    lines = [frozenset(value.split()) for name, _, value in _fields(cpuinfo) if name == key]
    return frozenset.intersection(*lines) if lines else frozenset()


def _fields(cpuinfo: str) -> list[tuple[str, str, str]]:
    return [
        (name.strip(), colon, value) for name, colon, value in (line.partition(":") for line in cpuinfo.splitlines())
    ]


def dump_target(facts: TargetFacts) -> str:
    """`facts` as the JSON text that `load_target` reads, ending in a newline."""
    import json  # noqa: PLC0415 - `check` on this host needs none

    shape: dict[str, Any] = {"schema_version": SCHEMA_VERSION, **to_builtins(facts)}
    del shape["source"]
    return json.dumps(shape, indent=2) + "\n"


def load_target(path: str) -> TargetFacts:
    """Read a target description.

    Raises:
        UnreadableFile: the file cannot be read.
        MalformedTarget: it is not JSON, or not of the shape that `dump_target` writes.
    """
    try:
        with Path(path).open("rb") as file:
            raw = file.read(MAX_TARGET_BYTES + 1)
    except OSError as exc:
        raise UnreadableFile(f"cannot read the target ({exc.strerror})", subject=path) from exc
    try:
        return _target(_decoded(raw), path)
    except (ValueError, RecursionError) as exc:
        hint = "write one on the target with `hotgate inspect --host > target.json`"
        raise MalformedTarget(f"not a target description ({exc})", subject=path, hint=hint) from exc


def _decoded(raw: bytes) -> object:
    if len(raw) > MAX_TARGET_BYTES:
        raise ValueError("larger than 16 MiB")
    import json  # noqa: PLC0415

    return json.loads(raw)


def _target(shape: object, source: str) -> TargetFacts:
    if not isinstance(shape, dict):
        raise ValueError("not a JSON object")  # noqa: TRY004 - one error type for the caller
    expected = {"schema_version", "arch", "os", "goamd64_level", "goarm64", "interpreters", "libraries"}
    if unknown := sorted(shape.keys() - expected):
        raise ValueError(f"unknown key {unknown[0]!r}")
    if lacking := sorted(expected - shape.keys()):
        raise ValueError(f"key {lacking[0]!r} is missing")
    if shape["schema_version"] != SCHEMA_VERSION:
        raise ValueError(f"schema_version is {shape['schema_version']!r}, not {SCHEMA_VERSION!r}")
    level = shape["goamd64_level"]
    if level is not None and (type(level) is not int or not 1 <= level <= len(AMD64_LEVELS)):
        raise ValueError(f"goamd64_level must be 1 to 4 or null, not {level!r}")
    goarm64 = shape["goarm64"]
    libraries = shape["libraries"]
    if libraries is not None:
        if not isinstance(libraries, dict):
            raise ValueError("libraries must be an object or null")
        libraries = {name: _strings(versions, f"libraries.{name}") for name, versions in libraries.items()}
    return TargetFacts(
        arch=_string(shape["arch"], "arch"),
        os=_string(shape["os"], "os"),
        goamd64_level=level,
        goarm64=None if goarm64 is None else _string(goarm64, "goarm64"),
        interpreters=_strings(shape["interpreters"], "interpreters"),
        libraries=libraries,
        source=source,
    )


def _string(value: object, key: str) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{key} must be a string, not {value!r}")  # noqa: TRY004 - one error type for the caller
    return value


def _strings(value: object, key: str) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise ValueError(f"{key} must be a list of strings")  # noqa: TRY004 - one error type for the caller
    return tuple(_string(item, key) for item in value)
