"""The build information that the linker embeds (debug/buildinfo, runtime/debug.BuildInfo)."""

from __future__ import annotations

import re

from probes.elf.headers import SHF_WRITE
from probes.elf.image import Image
from probes.errors import MalformedTable
from probes.go.buildinfo.facts import BuildFacts, Module
from probes.go.buildinfo.godebug import effective
from probes.go.buildinfo.version import go_minor

MAGIC = b"\xff Go buildinf:"  # 14 bytes, aligned to 16
HEADER = 32
FLAG_INLINE = 2  # header byte 15: strings follow inline, with varint lengths (1.18+)
MAX_STRING = 16 << 20
MAX_MODULES = 100_000


def find_build_info(image: Image) -> tuple[str, str] | None:
    """Go version and module text of the file; None when it carries none.

    Raises:
        MalformedTable: the header is there, what it points at is not.
    """
    for start, stop in _ranges(image):
        position = start
        while (position := image.buffer.find(MAGIC, position, stop)) >= 0:
            if position % 16 == 0 and position + HEADER <= stop:
                return _decode(image, position)
            position += 1
    return None


def _ranges(image: Image) -> list[tuple[int, int]]:
    section = image.elf.section(".go.buildinfo")
    ranges = [(section.offset, section.offset + section.size)] if section is not None else []
    data = next((s for s in image.elf.sections if s.name == ".data" and s.flags & SHF_WRITE), None)
    ranges += [(data.offset, data.offset + data.size)] if data is not None else []
    ranges += [(s.offset, s.offset + s.end - s.start) for s in image.spans if s.writable or not s.executable]
    return ranges


def _decode(image: Image, position: int) -> tuple[str, str]:
    flags = image.buffer[position + 15]
    if flags & FLAG_INLINE:
        version, position = _inline(image, position + HEADER)
        modules, _ = _inline(image, position)
    else:
        if flags & 1 or image.buffer[position + 14] != 8:
            raise MalformedTable("build information of another architecture", subject=image.path, offset=position)
        words = [int.from_bytes(image.buffer[position + at : position + at + 8], "little") for at in (16, 24)]
        version, modules = (_string(image, word) for word in words)
    # The text lies between two 16-byte sentinels (cmd/go/internal/modload.ModInfoData).
    modules = modules[16:-16] if len(modules) >= 33 and modules[-17] == ord("\n") else b""
    return version.decode("utf-8", "replace"), modules.decode("utf-8", "replace")


def _inline(image: Image, position: int) -> tuple[bytes, int]:
    length = shift = 0
    for _ in range(10):
        if position >= len(image.buffer):
            break
        byte = image.buffer[position]
        position += 1
        length |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            if length > MAX_STRING or position + length > len(image.buffer):
                break
            return bytes(image.buffer[position : position + length]), position + length
    raise MalformedTable("build information is cut off", subject=image.path, offset=position)


def _string(image: Image, address: int) -> bytes:
    if not address:
        return b""
    data, length = image.u64(address), image.u64(address + 8)
    if not length:
        return b""
    if length > MAX_STRING:
        raise MalformedTable("build information has an impossible length", subject=image.path)
    return image.bytes(data, length).tobytes()


def parse_build(version: str, text: str) -> BuildFacts:
    """Decode the module text (runtime/debug.ParseBuildInfo): tab-separated `path`, `mod`, `dep`, `=>`, `build` lines."""
    path, main = "", None
    deps: list[Module] = []
    settings: dict[str, str] = {}
    target: str | None = None
    for line in text.split("\n"):
        key, _, rest = line.partition("\t")
        fields = rest.split("\t")
        if key == "path":
            path = rest
        elif key == "mod":
            main, target = _module(fields), "mod"
        elif key == "dep" and len(deps) < MAX_MODULES:
            deps.append(_module(fields))
            target = "dep"
        elif key == "=>":
            replacement = _module(fields)
            if target == "dep" and deps:
                deps[-1] = Module(deps[-1].path, deps[-1].version, deps[-1].sum, replacement)
            elif target == "mod" and main is not None:
                main = Module(main.path, main.version, main.sum, replacement)
        elif key == "build":
            name, value = _setting(rest)
            if name:
                settings[name] = value
    godebug, known = effective(go_minor(version), settings.get("DefaultGODEBUG", ""))
    return BuildFacts(version, path, main, tuple(deps), settings, godebug, known)


def _module(fields: list[str]) -> Module:
    padded = [*fields, "", "", ""]
    return Module(padded[0], padded[1], padded[2])


def _setting(text: str) -> tuple[str, str]:
    if text[:1] in {'"', "`"}:
        end = text.find(text[0], 1)
        name, rest = _unquote(text[: end + 1]), text[end + 1 :]
    else:
        end = text.find("=")
        name, rest = text[: max(end, 0)], text[max(end, 0) :]
    return name, _unquote(rest.removeprefix("="))


def _unquote(text: str) -> str:
    """Undo Go's strconv.Quote and its raw form; text that is neither is given back as it is."""
    if len(text) >= 2 and text[0] == text[-1] == "`":
        return text[1:-1]
    return _ESCAPE.sub(_escaped, text[1:-1]) if _QUOTED.fullmatch(text) else text


_ESCAPE = re.compile(r"\\(?:([abfnrtv\\\"'])|x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8}))")
_QUOTED = re.compile(r'"(?:[^"\\\n]|\\(?:[abfnrtv\\"\']|x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}))*"')
_SHORT = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}


def _escaped(match: re.Match[str]) -> str:
    short, *numbers = match.groups()
    if short:
        return _SHORT.get(short, short)
    code = int(next(number for number in numbers if number), 16)
    # A byte that is no UTF-8 by itself, half a surrogate pair, a number beyond Unicode: none is a character.
    return chr(code) if (code < 0x80 or not match[2]) and code <= 0x10FFFF and code >> 11 != 0x1B else "\ufffd"
