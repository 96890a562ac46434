"""Flags of pflag, and of cobra, which uses it.

Source: github.com/spf13/pflag 1.0.5 flag.go (`Flag`, `AddFlag`, `VarPF`), github.com/spf13/cobra 1.8.1 command.go.
"""

from __future__ import annotations

from collections.abc import Iterable

from probes.code.tracing import Tracing
from probes.code.types import Types
from probes.code.values import Call, Sym, Trace, Value
from probes.commandline import settings, standard
from probes.commandline.facts import ALL, Definitions
from probes.commandline.on_error import ends
from probes.commandline.sinks import Defined, Name, Search, Sink, calls_to

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
    owners = _owners(tracing, search.found)
    if any(True for _ in calls_to(tracing, program.entries(*_GO_FLAGS), lambda package: package == PFLAG)):
        others = Search(tracing, lambda itab: standard.takes_value(types, itab), standard.own)
        others.run(standard.seeds(tracing))
        for flag in others.found:  # a name of one letter becomes a shorthand too
            long |= dict.fromkeys(flag.names, flag.takes)
            short |= {name: flag.takes for name in flag.names if len(name) == 1}
            owners = {}
        gaps += others.unresolved
    long |= {"help": False}
    short |= {"h": False}
    return Definitions(
        "pflag", long, short, tuple(dict.fromkeys(gaps)), tuple(dict.fromkeys(lenient)), owners, nested=True
    )


def _owners(tracing: Tracing, found: Iterable[Defined]) -> dict[str, frozenset[str]]:
    """The subcommands of flags, as they are written; none for a flag of which one definition's is not known."""
    owners: dict[str, set[str]] = {}
    for flag in found:
        if own(tracing.program.package(flag.row)):
            continue
        owner = _owner(tracing, flag)
        for dashes, name in zip(("--", "-"), flag.names, strict=False):
            owners.setdefault(dashes + name, set()).add(owner)
    return {name: frozenset(each) for name, each in owners.items() if "" not in each}


def _owner(tracing: Tracing, flag: Defined) -> str:
    """The command whose set a flag is put into: `c.Flags()` of one with `Use: "serve [flags]"`; "" where that is not known."""
    program, trace = tracing.program, tracing.of(flag.row)
    set_ = flag.set
    call = trace.calls.get(set_.key >> 4) if isinstance(set_, Sym) and set_.kind == "result" else None
    row = program.row(call.target) if call is not None and call.target else -1
    if call is None or row < 0:
        return ""
    if program.name(row) == f"{COBRA}.(*Command).PersistentFlags":
        return ALL
    if program.name(row) != f"{COBRA}.(*Command).Flags":
        return ""
    command = call.arguments[0]
    pair: tuple[Value, Value] = (None, None)
    if isinstance(command, Sym) and command.kind == "object" and command.key in trace.objects:
        made = trace.objects[command.key]
        pair = made.get(command.offset), made.get(command.offset + 8)
    elif isinstance(command, Sym) and command.kind == "load":  # a variable that the linker gave its value
        at = program.word(command.key)
        pair = (program.word(at), program.word(at + 8)) if at else (None, None)
    first, length = pair
    use = program.text_at(first, length) if isinstance(first, int) and isinstance(length, int) else None
    return (use or "").partition(" ")[0]


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
