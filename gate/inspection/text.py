"""`hotgate inspect` for a person."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from gate.inflection import count, some
from gate.inspection.types_text import show_types
from gate.report.terminal.console import DEFAULT_WIDTH, heading_line, make_console, text_of
from gate.report.text.clean import clean
from gate.report.text.wrap import paragraph

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from gate.inspection.model import FunctionLine, FunctionPart, HealthPart, Inspection, NativePart, VariablePart

PACKAGES = 15
LINES = 10
FILES = 40
INTEGRITY = {
    "intact": "as the go command wrote it: the hash in its build ID matches",
    "changed": "changed after the go command wrote it: the hash in its build ID does not match",
    "unknown": "cannot be told: there is no Go build ID with a hash of the contents",
}


def render(facts: Inspection, *, width: int = DEFAULT_WIDTH, color: bool = False) -> str:
    """The facts of one binary as text, ending in a newline; nothing is cut off but long lists, which say so."""
    console = make_console(width, color=color)
    binary = facts.binary
    console.print(Text(clean(binary.path), "bold"), overflow="fold")
    _facts(
        console,
        (
            ("program", facts.build.path if facts.build else f"unknown ({facts.build_problem})"),
            ("module", binary.main_module or "none"),
            ("go", binary.go_version or "unknown"),
            (
                "platform",
                f"{binary.goos}/{binary.goarch}, {binary.linkage}, {'stripped' if binary.stripped else 'with symbols'}",
            ),
            ("size", f"{binary.size:,} bytes"),
            ("sha256", binary.sha256),
            ("build id", binary.build_id or "none"),
            ("integrity", INTEGRITY[binary.integrity]),
            ("cgo", _yes(facts.cgo)),
            ("fips", facts.fips or "not linked in"),
        ),
    )
    heading_line(console, "Function table")
    _health(console, facts.health)
    if facts.functions is not None:
        _functions(console, facts.functions)
    if facts.types is not None:
        heading_line(console, "Types")
        show_types(console, facts.types)
    heading_line(console, "Package variables")
    if facts.variables is None:
        paragraph(console, Text(clean(f"cannot be read: {facts.variables_problem}")), indent=2)
    else:
        _variables(console, facts.variables)
    if facts.embedded is None or facts.embedded.total:
        heading_line(console, "Embedded files")
        _embedded(console, facts)
    heading_line(console, "Native needs")
    if facts.native is None:
        paragraph(console, Text(clean(f"cannot be read: {facts.native_problem}")), indent=2)
    else:
        _native(console, facts.native)
    heading_line(console, "Package initialisers")
    paragraph(console, Text(clean(_initialisers(facts.initialisers))), indent=2)
    if facts.build is not None:
        heading_line(console, "Build")
        _facts(console, sorted(binary.build_settings.items()))
        shown = [f"{module.path} {module.version}" for module in facts.build.modules]
        _facts(console, ((count(len(shown), "dependency", "dependencies"), some(shown, LINES) or "none"),))
    return text_of(console)


def _initialisers(names: Sequence[str] | None) -> str:
    if names is None:
        return "their order cannot be read"
    return f"{len(names):,}, in this order: {some(names, LINES)}"


def _yes(state: bool | None) -> str:
    return "unknown" if state is None else "yes" if state else "no"


def _facts(console: Console, pairs: Sequence[tuple[str, str]]) -> None:
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
    table.add_column(no_wrap=True, style="dim")
    table.add_column(overflow="fold")
    for name, text in pairs:
        table.add_row(Text(clean(name)), Text(clean(text)))
    console.print(Padding(table, (0, 0, 0, 2)))


def _native(console: Console, native: NativePart) -> None:
    _facts(
        console,
        (
            ("interpreter", native.interpreter or "none (static)"),
            ("libraries", ", ".join(native.needed) or "none"),
            ("versions", ", ".join(native.versions) or "none"),
            ("tls", "none" if native.tls_size is None else f"{native.tls_size:,} bytes"),
            (
                "hardening",
                f"RELRO {native.relro}, stack {'executable' if native.exec_stack else 'not executable'}, PIE {_yes(native.pie)}",
            ),
        ),
    )


def _health(console: Console, health: HealthPart) -> None:
    if health.unverifiable:
        paragraph(console, Text(clean(f"cannot be verified: {health.unverifiable}"), "yellow"), indent=2)
    faults = (*health.start_faults, *health.decode_faults, *health.symbol_faults)
    compared = (
        f"{count(health.symbols_compared, 'symbol')} compared" if health.symbols_compared else "no symbols to compare"
    )
    state = f"layout {health.layout}{', obfuscated' if health.obfuscated else ''}, {compared}, {count(len(faults), 'fault')}"
    paragraph(console, Text(clean(state)), indent=2)
    for fault in faults[:LINES]:
        paragraph(console, Text(clean(f"{fault.kind}: {fault.subject}: {fault.detail}"), "yellow"), indent=4)
    if len(faults) > LINES:
        paragraph(console, Text(f"and {len(faults) - LINES:,} more; --format json lists all", "dim"), indent=4)


def _functions(console: Console, part: FunctionPart) -> None:
    packages = count(len(part.packages), "package")
    paragraph(console, Text(f"{count(part.total, 'function')} in {packages}, {part.bytes:,} bytes of code"), indent=2)
    if part.entries is not None:
        _list(console, part.entries)
        return
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("package", overflow="fold")
    table.add_column("functions", justify="right", no_wrap=True)
    table.add_column("bytes", justify="right", no_wrap=True)
    for line in part.packages[:PACKAGES]:
        table.add_row(Text(clean(line.package) or "(no package)"), f"{line.functions:,}", f"{line.bytes:,}")
    console.print()
    console.print(Padding(table, (0, 0, 0, 2)))
    if len(part.packages) > PACKAGES:
        rest = f"and {count(len(part.packages) - PACKAGES, 'more package')}; --functions lists every function"
        paragraph(console, Text(rest, "dim"), indent=2)


def _variables(console: Console, part: VariablePart) -> None:
    line = f"{count(part.total, 'variable')}, {part.bytes:,} bytes; the largest:"
    paragraph(console, Text(line), indent=2)
    for each in part.largest[:LINES]:
        paragraph(console, Text(clean(f"{each.bytes:>11,} {each.name} {each.type or ''}".rstrip())), indent=6, hang=4)
    if part.types_problem is not None:
        paragraph(console, Text(clean(f"types are not known: {part.types_problem}"), "dim"), indent=2)


def _embedded(console: Console, facts: Inspection) -> None:
    if facts.embedded is None:
        paragraph(console, Text(clean(f"cannot be read: {facts.embedded_problem}")), indent=2)
        return
    files = facts.embedded.files
    paragraph(console, Text(f"{count(len(files), 'file')}, {facts.embedded.bytes:,} bytes"), indent=2)
    for each in files[:FILES]:
        held = f" (in {each.variable})" if each.variable else ""
        paragraph(console, Text(clean(f"{each.bytes:>11,} {each.path}{held}")), indent=6, hang=4)
    if len(files) > FILES:
        paragraph(console, Text(f"and {len(files) - FILES:,} more; --format json lists all", "dim"), indent=4)


def _list(console: Console, lines: Sequence[FunctionLine]) -> None:
    """One line a function, never wrapped: it is for grep and sort."""
    console.print()
    for line in lines:
        text = f"  {line.address:#x} {line.bytes:>7} {clean(line.name)} {clean(line.file)}:{line.start_line}"
        console.print(Text(text), soft_wrap=True)
