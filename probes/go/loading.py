"""Read one Go binary: the pieces of this package in their order."""

from __future__ import annotations

from msgspec.structs import replace

from probes.elf.facts import NativeFacts
from probes.elf.headers import Elf, open_elf
from probes.elf.image import Image
from probes.elf.loader_needs import read_build_ids, read_interpreter, read_native
from probes.elf.relocations import apply_relocations, dynamic_symbols
from probes.elf.source import Source, read_source
from probes.elf.symbols import SymbolTable, read_symbols
from probes.errors import MalformedElf, MalformedTable, NotGo
from probes.go.buildinfo.facts import BuildFacts
from probes.go.buildinfo.fips import read_fips
from probes.go.buildinfo.info import find_build_info, parse_build
from probes.go.buildinfo.version import go_minor
from probes.go.facts import BinaryFacts, TableHealth
from probes.go.health import check_table
from probes.go.initialisers import read_initialisers
from probes.go.integrity import read_integrity
from probes.go.module import layouts as lay
from probes.go.module.moduledata import ModuleData, find_module, old_table
from probes.go.not_go import foreign_facts, shared_object
from probes.go.other_toolchains import named
from probes.go.table.functions import FuncTable
from probes.go.types.lazy import TypesOnDemand

UNKNOWN_LAYOUT = "unknown"


def load(path: str, source: Source | None = None, *, examine: bool = True, foreign: bool = False) -> BinaryFacts:
    """Read the Go binary at `path`; it is never executed.

    Args:
        path: the file.
        source: what was read of it already, if anything.
        examine: also decode the function table throughout and compare it with the symbol table, see `examined`.
        foreign: also read a shared object in another language. It has `linkage` "shared" and nothing that is Go's.

    Raises:
        UnreadableFile: it cannot be opened or read.
        NotElf: not a 64-bit little-endian ELF program for amd64 or arm64.
        NotGo: no trace of the Go toolchain.
        MalformedElf, MalformedTable: it contradicts its own format.
    """
    source = source or read_source(path)
    elf = open_elf(source)
    image = Image(elf, source.buffer, source.data)
    symtab = read_symbols(image, ".symtab")
    go_id, gnu_id = read_build_ids(image)
    integrity = read_integrity(source.buffer, elf, go_id)
    apply_relocations(image, dynamic_symbols(image))
    native, native_problem = _native(image, symtab)
    version, build, problem = _build(image)
    minor = go_minor(version) if version else None
    module = find_module(image, symtab, minor)
    if module is None and version is None and go_id is None and not _go_sections(elf):
        what, hint = named(source.data, elf, native.needed if native is not None else ())
        if what:
            raise NotGo(f"not a Go binary that hotgate can read, {what}", subject=path, hint=hint)
        if not shared_object(image, native):
            hint = "pass the Go program itself, not a library or tool in another language"
            raise NotGo(
                "not a Go binary", subject=path, hint=f"{hint}; --mode plugin takes shared objects of any language"
            )
        if not foreign:
            hint = "pass the Go program itself; two shared objects in C or C++ are compared with --mode plugin"
            raise NotGo("not a Go binary", subject=path, hint=hint)
        return foreign_facts(source, image, symtab, native, native_problem, gnu_id)
    table, health = _table(image, module, symtab if examine else None, minor, examine=examine)
    if examine:
        health = _started(health, image, module, table)
    return BinaryFacts(
        path=path,
        size=source.size,
        sha256=source.sha256,
        arch=elf.arch,
        os=_os(elf, build),
        linkage=_linkage(image, build, read_interpreter(image) is not None, module),
        go_version=version,
        build=build,
        build_problem=problem,
        go_build_id=go_id,
        gnu_build_id=gnu_id,
        native=native,
        native_problem=native_problem,
        stripped=symtab is None,
        has_dwarf=elf.section(".debug_info", ".zdebug_info") is not None,
        cgo=_cgo(build, table),
        health=health,
        initialisers=_initialisers(table, symtab),
        fips=read_fips(image, build),
        functions=table,
        module=module,
        image=image,
        symtab=symtab,
        types=TypesOnDemand(image, module, minor) if module is not None else None,
        mode=source.mode,
        integrity=integrity,
    )


def examined(facts: BinaryFacts) -> TableHealth:
    """The health of a file that was loaded without examining it, with the function table examined throughout.

    It is not needed for an image that runs already; for the other one it can run beside a comparison.
    """
    if facts.functions is None:
        return facts.health
    try:
        health = check_table(facts.functions, facts.symtab)
        return _started(health, facts.image, facts.module, facts.functions)
    except MalformedTable as exc:
        return TableHealth(facts.health.layout, obfuscated=False, unverifiable=f"it is damaged: {exc.what}")


def _started(health: TableHealth, image: Image, module: ModuleData | None, table: FuncTable | None) -> TableHealth:
    """`health`, and what else the runtime would stumble over before main."""
    if module is None:
        return health
    from probes.go.startup import startup_faults  # noqa: PLC0415 - of NEW alone, beside the comparison

    return replace(health, start_faults=health.start_faults + startup_faults(image, module, table))


def _build(image: Image) -> tuple[str | None, BuildFacts | None, str | None]:
    try:
        found = find_build_info(image)
    except MalformedTable as exc:
        return None, None, exc.what
    if found is None:
        return None, None, "the file carries no build information"
    version, text = found
    if not text:
        return version or None, None, "the build information names no modules (built outside of module mode?)"
    return version, parse_build(version, text), None


def _native(image: Image, symtab: SymbolTable | None) -> tuple[NativeFacts | None, str | None]:
    try:
        return read_native(image, symtab), None
    except (MalformedElf, MalformedTable) as exc:
        return None, exc.what


def _go_sections(elf: Elf) -> bool:
    return any(s.name in {".go.buildinfo", ".gopclntab", ".data.rel.ro.gopclntab"} for s in elf.sections)


def _table(
    image: Image, module: ModuleData | None, symtab: SymbolTable | None, minor: int | None, *, examine: bool
) -> tuple[FuncTable | None, TableHealth]:
    if module is None:
        return None, TableHealth(UNKNOWN_LAYOUT, obfuscated=False, unverifiable=_why_unknown(image, minor))
    try:
        table = FuncTable(image, module)
        health = check_table(table, symtab, examine=examine)
    except MalformedTable as exc:
        return None, TableHealth(module.layout.name, obfuscated=False, unverifiable=f"it is damaged: {exc.what}")
    return (None if health.unverifiable else table), health


def _why_unknown(image: Image, minor: int | None) -> str:
    if old_table(image) or (minor is not None and minor < lay.OLDEST_MINOR):
        return f"it has the layout of Go 1.15 or older; Go 1.{lay.OLDEST_MINOR} is the oldest that hotgate reads"
    if minor is not None and minor > lay.NEWEST_MINOR:
        return f"Go 1.{minor} is newer than this hotgate knows (1.{lay.NEWEST_MINOR}), and its layout fits none that it knows"
    return "no function table was found whose parts fit together"


def _initialisers(table: FuncTable | None, symtab: SymbolTable | None) -> tuple[str, ...] | None:
    if table is None:
        return None
    try:
        return read_initialisers(table, symtab)
    except MalformedTable:
        return None


def _os(elf: Elf, build: BuildFacts | None) -> str:
    if build and build.settings.get("GOOS"):
        return build.settings["GOOS"]
    return {"ELFOSABI_FREEBSD": "freebsd", "ELFOSABI_NETBSD": "netbsd", "ELFOSABI_OPENBSD": "openbsd"}.get(
        elf.os_abi, "linux"
    )


def _linkage(image: Image, build: BuildFacts | None, interpreted: bool, module: ModuleData | None) -> str:
    elf = image.elf
    mode = build.settings.get("-buildmode") if build else None
    if mode in {"plugin", "c-shared"}:
        return mode
    if elf.dynamic and not interpreted and module is not None:
        static_pie = mode == "pie" or elf.entry != 0
        if not static_pie:
            return "c-shared" if elf.section(".init_array") else "plugin"
    external = elf.section(".init", ".eh_frame") is not None
    return ("pie" if elf.dynamic else "exe") + ("-external" if external else "")


def _cgo(build: BuildFacts | None, table: FuncTable | None) -> bool | None:
    """Whether C code is linked in: the table's own evidence first, for CGO_ENABLED=1 only says that it was allowed."""
    if table is not None:
        return b"\0crosscall2\0" in table.name_bytes  # runtime/cgo, every architecture
    if build and "CGO_ENABLED" in build.settings:
        return build.settings["CGO_ENABLED"] == "1"
    return None
