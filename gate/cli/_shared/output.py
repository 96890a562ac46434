"""Where a report goes: stdout, and files that are written whole or not at all."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from gate.cli import Failure, mute_stdout
from gate.policy.errors import nearest
from gate.report import formats

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gate.report.models.report import Report

PIPE_WIDTH = 100


class Output(Struct, frozen=True):
    """One rendering: a format and the path it goes to, `-` for stdout."""

    format: str
    path: str


def parse_outputs(format_name: str | None, pairs: Sequence[str]) -> tuple[Output, ...]:
    """What `--format` and every `--output FMT=PATH` ask for; stdout gets `terminal` unless something else goes there.

    Raises:
        Failure: an unknown format, two reports for stdout or for one file, or a path that cannot be written. This is
            found out before any work is done.
    """
    outputs = []
    for pair in pairs:
        name, equals, path = pair.partition("=")
        if not equals or not path:
            raise Failure(f"not FORMAT=PATH: {pair}", hint="write it like --output json=report.json")
        if name not in formats.names():
            hint = f"{nearest(name, formats.names())}formats are {', '.join(formats.names())}"
            raise Failure(f"unknown format: {name}", hint=hint)
        outputs.append(Output(name, path))
    to_stdout = [output for output in outputs if output.path == "-"]
    if len(to_stdout) + bool(format_name) > 1:
        raise Failure("two reports for stdout", hint="give a path to all but one of them: --output FORMAT=PATH")
    if not to_stdout:
        outputs.insert(0, Output(format_name or formats.DEFAULT, "-"))
    taken: dict[str, str] = {}
    for output in outputs:
        if output.path == "-":
            continue
        _check_writable(output.path)
        place = os.path.realpath(output.path)
        if place in taken:
            same = "" if taken[place] == output.path else f" and {taken[place]}"
            raise Failure(f"two reports for one file: {output.path}{same}", hint="give each report its own path")
        taken[place] = output.path
    return tuple(outputs)


def refuse_overwriting(outputs: Sequence[Output], inputs: Mapping[str, str | None]) -> None:
    """Raise Failure when a report would replace what is read; `inputs` maps what a path is, such as OLD, to the path."""
    read = {os.path.realpath(path): name for name, path in inputs.items() if path}
    for output in outputs:
        name = read.get(os.path.realpath(output.path)) if output.path != "-" else None
        if name is not None:
            raise Failure(f"the report would overwrite {name}: {output.path}", hint="write it to another path")


def _check_writable(path: str) -> None:
    place = Path(path)
    problem = ""
    if place.is_dir():
        problem = "it is a directory"
    elif not place.absolute().parent.is_dir():
        problem = "its directory does not exist"
    elif not os.access(place if _is_device(place) else place.absolute().parent, os.W_OK):
        problem = "no permission"
    if problem:
        raise Failure(f"cannot write the report ({problem}): {path}")


def _is_device(place: Path) -> bool:
    return place.exists() and not place.is_file()


def import_renderers(outputs: Sequence[Output]) -> None:
    """Import what `write_report` will need, so that it can be done while there is nothing else to do."""
    for output in outputs:
        formats.renderer(output.format)


def write_report(report: Report, outputs: Sequence[Output]) -> None:
    """Render `report` for each of `outputs`, stdout first.

    Raises:
        Failure: a file could not be written after all.
    """
    for output in sorted(outputs, key=lambda each: each.path != "-"):
        if output.path != "-":
            write_whole(output.path, formats.renderer(output.format).render(report))
        elif output.format == formats.DEFAULT:
            from gate.report.formats import terminal  # rich is slow to import

            print_text(terminal.render(report, width=terminal_width(), color=wants_color()))
        else:
            print_text(formats.renderer(output.format).render(report))


def print_text(text: str) -> None:
    """Write to stdout. A reader that went away is no failure: the exit code still carries the verdict.

    Raises:
        Failure: the disk behind stdout is full, or the like.
    """
    try:
        # UTF-8 whatever the locale is: the report must not depend on who runs it.
        sys.stdout.buffer.write(text.encode("utf-8", "backslashreplace"))
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        mute_stdout()
    except OSError as exc:
        mute_stdout()
        raise Failure(f"cannot write the report ({exc.strerror}): stdout") from exc


def write_whole(path: str, text: str | bytes) -> None:
    """Write `text` to `path` so that a reader sees the old file or the new one, never half of it.

    Raises:
        Failure: the file cannot be written.
    """
    data = text if isinstance(text, bytes) else text.encode("utf-8", "backslashreplace")
    try:
        if _is_device(Path(path)):
            Path(path).write_bytes(data)
        else:
            _replace(Path(path).resolve(), data)
    except OSError as exc:
        raise Failure(f"cannot write the report ({exc.strerror}): {path}") from exc


def _replace(path: Path, data: bytes) -> None:
    import tempfile

    handle, name = tempfile.mkstemp(prefix=".hotgate-", dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(0o666 & ~_umask())  # mkstemp gives 0600, and a report is no secret
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _umask() -> int:
    current = os.umask(0o022)
    os.umask(current)
    return current


def wants_color() -> bool:
    """Whether stdout is a terminal that shows colour, and NO_COLOR is not set (no-color.org)."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def terminal_width() -> int:
    """The terminal's columns; COLUMNS or 100 when stdout is none."""
    return shutil.get_terminal_size((PIPE_WIDTH, 24)).columns if sys.stdout.isatty() else _columns()


def _columns() -> int:
    columns = os.environ.get("COLUMNS", "")
    return int(columns) if columns.isdecimal() and int(columns) > 0 else PIPE_WIDTH
