"""What Go's own tools say about a binary, in plain values. Nothing of `probes` is used."""

from __future__ import annotations

import ast
import subprocess
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from scripts.programs.gobuild import CACHE, FEW_COLLECTIONS, GO_CACHE, ONE_LIBRARY

if TYPE_CHECKING:
    from pathlib import Path

_HOME = CACHE / "home"


@dataclass(frozen=True, slots=True)
class Module:
    """A line `mod`, `dep` or `=>` of `go version -m`."""

    path: str
    version: str
    sum: str
    replace: Module | None = None


@dataclass(slots=True)
class BuildInfo:
    """What `go version -m` prints."""

    go_version: str
    path: str = ""
    main: Module | None = None
    deps: list[Module] | None = None
    settings: dict[str, str] | None = None


def run_tool(goroot: Path, *arguments: str, stdin: str | None = None) -> str:
    """Run `go <arguments>` with nothing of the caller's environment that could change the answer."""
    _HOME.mkdir(parents=True, exist_ok=True)
    env = FEW_COLLECTIONS | {
        "GOROOT": str(goroot),
        "GOTOOLCHAIN": "local",
        "GOFLAGS": ONE_LIBRARY,
        "GOTELEMETRY": "off",
        "GOCACHE": str(GO_CACHE),
        "HOME": str(_HOME),
        "PATH": f"{goroot / 'bin'}:/usr/bin:/bin",
    }
    command = [str(goroot / "bin" / "go"), *arguments]
    return subprocess.run(command, env=env, input=stdin, capture_output=True, text=True, check=True).stdout


@lru_cache(maxsize=4)
def text_symbols(goroot: Path, binary: Path) -> tuple[tuple[int, str], ...]:
    """The text symbols, (address, name), of `go tool nm`."""
    found = []
    for line in run_tool(goroot, "tool", "nm", str(binary)).splitlines():
        # An undefined symbol has blanks for its address.
        address, _, rest = line.lstrip().partition(" ")
        kind, _, name = rest.partition(" ")
        if kind in ("T", "t"):
            found.append((int(address, 16), name))
    return tuple(found)


def lines(goroot: Path, binary: Path, addresses: list[int]) -> list[tuple[str, str, int]]:
    """Function, file and line of every address, of `go tool addr2line`; ("?", "?", 0) where it knows none."""
    asked = "".join(f"{address:#x}\n" for address in addresses)
    answers = run_tool(goroot, "tool", "addr2line", str(binary), stdin=asked).splitlines()
    assert len(answers) == 2 * len(addresses), f"addr2line answered {len(answers)} lines to {len(addresses)} addresses"
    found = []
    for function, position in zip(answers[::2], answers[1::2], strict=True):
        file, _, line = position.rpartition(":")
        found.append((function, file, int(line)))
    return found


def build_info(goroot: Path, binary: Path) -> BuildInfo:
    """What `go version -m` says.

    Raises:
        subprocess.CalledProcessError: when it cannot read the file.
    """
    head, *rest = run_tool(goroot, "version", "-m", str(binary)).splitlines()
    info = BuildInfo(go_version=head.rpartition(": ")[2], deps=[], settings={})
    for line in rest:
        kind, *values = line.strip("\t").split("\t")
        if kind == "path":
            info.path = values[0]
        elif kind in ("mod", "dep"):
            module = Module(values[0], values[1], values[2] if len(values) > 2 else "")
            if kind == "mod":
                info.main = module
            else:
                info.deps.append(module)
        elif kind == "=>":
            old = info.deps.pop() if info.deps else info.main
            replace = Module(values[0], values[1], values[2] if len(values) > 2 else "")
            info.deps.append(Module(old.path, old.version, old.sum, replace))
        elif kind == "build":
            key, _, value = values[0].partition("=")
            info.settings[_unquoted(key)] = _unquoted(value)
    return info


def _unquoted(text: str) -> str:
    """Undo Go's quoting (strconv.Quote), which keys and values get when they hold blanks or quotes."""
    if text.startswith('"'):
        return str(ast.literal_eval(text))
    return text.strip("`")


def table_name(symbol: str, minor: int) -> str:
    """A symbol's name as the function table has it: without its ABI, before Go 1.21 type arguments as `[...]`."""
    name = symbol.removeprefix("local.").removesuffix(".abi0").removesuffix(".abiinternal")
    start, end = name.find("["), name.rfind("]")
    return f"{name[:start]}[...]{name[end + 1 :]}" if minor < 21 and 0 <= start < end else name


def symbol_name(function: str) -> str:
    """A function's name as the symbol table has it, where the linker writes no middle dots."""
    return function.replace("·", ".")
