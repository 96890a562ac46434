"""The man page hotgate(1), from the commands: `python -m scripts.docs.man` writes `docs/hotgate.1`, which wheels bring along.

The format is man(7).
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from gate import __version__
from scripts.docs.commands import everything

if TYPE_CHECKING:
    from collections.abc import Iterator

    import click

PAGE = Path(__file__).parents[2] / "docs" / "hotgate.1"
EXIT_CODES = (
    ("0", "pass"),
    ("10", "block"),
    ("11", "inconclusive: something that must be known could not be verified"),
    ("12", "taken back, by apply and rollback: the release before runs again"),
    ("2", "usage, or unreadable input"),
    ("1", "a bug in hotgate"),
)


def page() -> str:
    """The page as man(7) source."""
    lines = [
        f'.TH HOTGATE 1 "" "hotgate {__version__}" "User Commands"',
        ".SH NAME",
        "hotgate \\- decide whether a running Go service may be replaced in place",
        ".SH SYNOPSIS",
        ".B hotgate",
        r"\fICOMMAND\fR [\fIOPTIONS\fR] [\fIARGUMENTS\fR]",
    ]
    for path, command, ctx in everything():
        lines += [".SH DESCRIPTION" if path == "hotgate" else f'.SH "{_plain(path.upper())}"']
        if path != "hotgate":
            usage = " ".join(command.collect_usage_pieces(ctx))
            lines += [f".B {_plain(path)}", _plain(usage), ".PP"]
        lines += _paragraphs(command.help or "")
        for parameter in command.get_params(ctx):
            lines += _option(parameter, ctx)
    lines += [".SH EXIT STATUS"]
    for code, equivalence in EXIT_CODES:
        lines += [".TP", f".B {code}", _plain(equivalence)]
    return "\n".join(lines) + "\n"


def _paragraphs(text: str) -> Iterator[str]:
    for number, each in enumerate(part for part in text.replace("\b", "").split("\n\n") if part.strip()):
        if number:
            yield ".PP"
        yield _plain(" ".join(each.split()))


def _option(parameter: click.Parameter, ctx: click.Context) -> Iterator[str]:
    record = parameter.get_help_record(ctx)
    if record is not None:
        yield from (".TP", f".B {_plain(record[0])}", _plain(" ".join(record[1].split())))


def _plain(text: str) -> str:
    text = text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq").replace("`", "\\(ga")
    return f"\\&{text}" if text.startswith((".", "\\(aq")) else text


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
