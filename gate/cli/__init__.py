"""The command line.

Each module of this package whose name has no underscore in front is one command: it defines `command`, and the first
line of its docstring is its line in `hotgate --help`, which imports none of them.
"""

from __future__ import annotations

import _thread
import atexit
import contextlib
import importlib
import os
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

import click

from gate import __version__
from gate.exits import EXIT_BUG, EXIT_USAGE
from gate.policy.errors import PolicyError, nearest
from gate.store.errors import StoreError
from probes.errors import ProbeError

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = Path(__file__).parents[2]
_PYTHON = ".".join(map(str, sys.version_info[:3]))
EXIT_SIGINT = 130
EXIT_SIGPIPE = 141


class CommandFiles(click.Group):
    """A group whose commands are the modules of a package of its own, imported when they are called.

    A subclass names the package; modules whose names begin with an underscore are none.
    """

    package: ClassVar[str]

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names of the command modules, sorted."""
        del ctx
        return sorted(path.stem for path in _folder(self.package).glob("[!_]*.py"))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name, or None. In `--help` only its first line is read."""
        if cmd_name not in self.list_commands(ctx):
            return None
        command = importlib.import_module(f"{self.package}.{cmd_name}").command
        if not isinstance(command, click.Command):
            raise TypeError(f"{self.package}.{cmd_name} defines no command")
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does, with the nearest command in the error."""
        known = self.list_commands(ctx)
        if args and not args[0].startswith("-") and args[0] not in known:
            said = " ".join(filter(None, (ctx.info_name if ctx.parent is not None else "", args[0])))
            raise Failure(f"no such command: {said}", hint=f"{nearest(args[0], known)}commands are {', '.join(known)}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, _summary(self.package, name)) for name in self.list_commands(ctx)])


class _Hotgate(CommandFiles):
    """All commands."""

    package = "gate.cli"

    def invoke(self, ctx: click.Context) -> Any:
        """As click does, unless a `HOTGATE_*` variable means nothing. `--help` works all the same."""
        if not set(ctx.help_option_names) & set(ctx.args) and any(name.startswith("HOTGATE_") for name in os.environ):
            from gate.policy.environment import check_environment

            check_environment(os.environ)
        return super().invoke(ctx)

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        windows_expand_args: bool = True,
        **extra: Any,
    ) -> NoReturn:
        """Run, then exit with the exit code: 2 for what the user can put right, 1 for a bug in hotgate."""
        del standalone_mode
        try:
            extra["windows_expand_args"] = windows_expand_args
            result = super().main(args, prog_name, complete_var, standalone_mode=False, **extra)
            sys.stdout.flush()
            code = result if isinstance(result, int) else 0
        except (click.ClickException, ProbeError, PolicyError, StoreError) as exc:
            code = _explain(exc)
        except (KeyboardInterrupt, click.Abort):
            code = EXIT_SIGINT
        except BrokenPipeError:
            mute_stdout()
            code = EXIT_SIGPIPE
        except ModuleNotFoundError as exc:
            code = _missing(exc)
        except Exception as exc:  # noqa: BLE001 - the last line of defence: one line, and a code that says "bug"
            code = EXIT_SIGINT if _interrupted(exc) else _bug(exc)
        sys.exit(code)


class Failure(click.ClickException):
    """Something that the user can put right: shown as `error:` and `hint:`, exit code 2."""

    exit_code = EXIT_USAGE

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


def mute_stdout() -> None:
    """The reader is gone: keep the interpreter from failing once more when it flushes at exit."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _folder(package: str) -> Path:
    return ROOT.joinpath(*package.split("."))


def _summary(package: str, name: str) -> str:
    with (_folder(package) / f"{name}.py").open(encoding="utf-8") as file:
        return file.readline().strip().strip('"')


def _explain(exc: click.ClickException | ProbeError | PolicyError | StoreError) -> int:
    from gate.report.text.clean import clean

    hint = getattr(exc, "hint", "")
    if isinstance(exc, click.UsageError):
        message = exc.format_message()
        message = message[:1].lower() + message[1:].rstrip(".")
        hint = f"try `{exc.ctx.command_path if exc.ctx else 'hotgate'} --help`"
    elif isinstance(exc, click.ClickException):
        message = exc.format_message()
    else:
        message = str(exc)
    click.echo(f"error: {clean(message)}", err=True)
    if hint:
        click.echo(f"hint: {clean(hint)}", err=True)
    return exc.exit_code if isinstance(exc, Failure) else EXIT_USAGE


def _missing(exc: ModuleNotFoundError) -> int:
    from gate.extras import extra_for

    extra = extra_for(exc.name)
    if extra is None:
        return _bug(exc)
    click.echo(f"error: this command needs the package {exc.name}, which is not installed", err=True)
    click.echo(f"hint: pip install 'hotgate[{extra}]'", err=True)
    return EXIT_USAGE


def _bug(exc: Exception) -> int:
    from gate.report.text.clean import clean

    if os.environ.get("HOTGATE_DEBUG") == "1":
        import traceback

        traceback.print_exception(exc)
    click.echo(f"error: bug in hotgate: {type(exc).__name__}: {clean(str(exc))}", err=True)
    click.echo("hint: run again with HOTGATE_DEBUG=1 and report what it prints", err=True)
    return EXIT_BUG


@click.group(
    "hotgate",
    cls=_Hotgate,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit codes: 0 pass, 10 block, 11 inconclusive, 12 taken back (apply, rollback), 2 usage or unreadable input, 1 a bug in hotgate.",
)
@click.version_option(
    __version__,
    "--version",
    prog_name="hotgate",
    message=f"%(prog)s %(version)s (Python {_PYTHON}, {sys.platform}/{os.uname().machine})",
)
def cli() -> None:
    """Decide whether a running Go service may be replaced in place: pass, block or inconclusive."""


def main() -> NoReturn:
    """The `hotgate` program."""
    # numpy's OpenBLAS starts a thread a core, which spins beside every command; no command multiplies large matrices.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    sys.unraisablehook = _interrupt_again
    try:
        cli.main(prog_name="hotgate")
    except SystemExit as end:
        if end.code == EXIT_SIGINT:
            os._exit(EXIT_SIGINT)  # a thread that reads a slow file would keep the interpreter from ending
        if isinstance(end.code, int) and _nothing_left():
            # To take the interpreter apart is 5% of the time of a comparison; the kernel does it at once.
            os._exit(end.code)
        raise


def _interrupted(exc: BaseException | None) -> bool:
    """Whether `exc` stands for ctrl-C: what is raised where a class is made comes out as RuntimeError before Python 3.12."""
    while exc is not None and not isinstance(exc, KeyboardInterrupt):
        exc = exc.__cause__
    return exc is not None


def _interrupt_again(unraisable: sys.UnraisableHookArgs) -> None:
    """Ctrl-C in a destructor or a weak reference's callback, such as the import lock's, is dropped by Python: repeat it."""
    if issubclass(unraisable.exc_type, KeyboardInterrupt):
        threading.Timer(0.02, _thread.interrupt_main).start()  # not from here, where it would be dropped as well
    else:
        sys.__unraisablehook__(unraisable)


def _nothing_left() -> bool:
    """Whether the interpreter may end at once: no thread, no handler, no profiler, and nothing unwritten."""
    handlers = getattr(atexit, "_ncallbacks", lambda: 1)()
    if handlers or threading.active_count() > 1 or sys.getprofile() is not None or sys.gettrace() is not None:
        return False
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except (OSError, ValueError, AttributeError):
        return False
    return True
