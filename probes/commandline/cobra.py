"""Flags of pflag, and of cobra, which uses it.

Source: github.com/spf13/pflag 1.0.5 flag.go (`Flag`, `AddFlag`, `VarPF`), github.com/spf13/cobra 1.8.1 command.go.
"""

from __future__ import annotations

from collections.abc import Iterable

from probes.code.tracing import Tracing
from probes.code.types import Types
from probes.code.values import Call, Sym, Trace, Value
from probes.commandline import settings, standard
from probes.commandline.facts import Definitions
from probes.commandline.on_error import ends
from probes.commandline.sinks import Name, Search, Sink, calls_to

PFLAG, COBRA = "github.com/spf13/pflag", "github.com/spf13/cobra"
_SET = f"{PFLAG}.(*FlagSet)"
_EXECUTES = tuple(f"{COBRA}.(*Command).{name}" for name in ("Execute", "ExecuteC", "ExecuteContext", "ExecuteContextC"))
_NO_VALUE = {"*pflag.boolValue", "*pflag.countValue", "pflag.boolFuncValue", "*pflag.boolFuncValue"}
_NORMALIZE = (f"{_SET}.SetNormalizeFunc", f"{COBRA}.(*Command).SetGlobalNormalizationFunc")
_GO_FLAGS = (f"{_SET}.AddGoFlagSet", f"{_SET}.AddGoFlag", f"{PFLAG}.PFlagFromGoFlag")
_SWITCHES = ("FParseErrWhitelist", "FParseErrAllowlist", "DisableFlagParsing")


def own(package: str) -> bool:
    """Whether a package is one of the two."""
    return package in {PFLAG, COBRA}


def read(tracing: Tracing, types: Types) -> Definitions | None:
    """The flags of all commands; None where nothing of the program parses its command line by pflag."""
    program = tracing.program
    executes = list(calls_to(tracing, program.entries(*_EXECUTES), own))
    parses = list(calls_to(tracing, program.entries(f"{PFLAG}.Parse", f"{_SET}.Parse"), own))
    if not executes and not parses:
        return None
    search = Search(tracing, lambda itab: _takes(types, itab), own)
    # type Flag struct { Name, Shorthand, Usage string; Value Value; … }
    sink = Sink((Name(1, 0), Name(1, 16)), Name(1, 48))
    search.run(dict.fromkeys(program.entries(f"{_SET}.AddFlag"), sink))
    gaps = [*search.unresolved]
    lenient = _lenient(tracing, types)
    if not executes:
        lenient += _plain(tracing, parses)
    long: dict[str, bool | None] = {flag.names[0]: flag.takes for flag in search.found if flag.names}
    short = {flag.names[1]: flag.takes for flag in search.found if len(flag.names) > 1}
    if any(True for _ in calls_to(tracing, program.entries(*_GO_FLAGS), lambda package: package == PFLAG)):
        others = Search(tracing, lambda itab: standard.takes_value(types, itab), standard.own)
        others.run(standard.seeds(tracing))
        for flag in others.found:  # a name of one letter becomes a shorthand too
            long |= dict.fromkeys(flag.names, flag.takes)
            short |= {name: flag.takes for name in flag.names if len(name) == 1}
        gaps += others.unresolved
    long |= {"help": False}
    short |= {"h": False}
    return Definitions("pflag", long, short, tuple(dict.fromkeys(gaps)), tuple(dict.fromkeys(lenient)), nested=True)


def _takes(types: Types, itab: Value) -> bool | None:
    name = types.of_value(itab)
    if name:
        return name not in _NO_VALUE
    return None


def _lenient(tracing: Tracing, types: Types) -> list[str]:
    program = tracing.program
    out = []
    for row, _, _, _ in calls_to(tracing, program.entries(*_NORMALIZE), own):
        out.append(f"{program.name(row)} gives flags other names (SetNormalizeFunc)")
    for row, _, call, _ in calls_to(tracing, program.entries(f"{_SET}.SetInterspersed"), own):
        if call.arguments[1] != 1:
            out.append(f"{program.name(row)} ends flags at the first other word (SetInterspersed)")
    for name, switches in (
        (f"{COBRA}.Command", _SWITCHES),
        (f"{PFLAG}.FlagSet", ("ParseErrorsWhitelist", "ParseErrorsAllowlist")),
    ):
        found = settings.switched_on(tracing, types, name, switches, (PFLAG, COBRA))
        out += [f"{switch} of {name.rpartition('/')[2]} is set" for switch in found]
    return out


def _plain(tracing: Tracing, parses: Iterable[tuple[int, Trace, Call, str]]) -> list[str]:
    """Without cobra: what sets of pflag do about an unknown flag. `pflag.CommandLine` exits."""
    program = tracing.program
    out = []
    for row, trace, call, name in parses:
        receiver = call.arguments[0]
        if name == f"{PFLAG}.Parse" or (isinstance(receiver, Sym) and receiver in _command_line(tracing)):
            continue
        handling = _handling(tracing, receiver, trace)
        if handling == 0 and ends(tracing, row, call.address, 0) is True:
            continue
        if handling not in {1, 2}:
            out.append(f"what {program.name(row)} does about an unknown flag is not known")
    return out


def _command_line(tracing: Tracing) -> set[Sym]:
    """The variables of the package that its initialisation gives a set: pflag.CommandLine."""
    program = tracing.program
    if f"{PFLAG}.init" not in program.rows:
        return set()
    stores = tracing.of(program.rows[f"{PFLAG}.init"]).stores.items()
    return {Sym("load", place) for (_, place, size), value in stores if size == 8 and isinstance(value, Sym)}


def _handling(tracing: Tracing, value: Value, trace: Trace) -> int | None:
    """The constant that a set was made with: 0 to continue, 1 to exit, 2 to panic; None where that is not known."""
    made = trace.calls.get(value.key >> 4) if isinstance(value, Sym) and value.kind == "result" else None
    if made is None or made.target not in tracing.program.entries(f"{PFLAG}.NewFlagSet"):
        return None
    found = made.arguments[2]
    return found if isinstance(found, int) else None
