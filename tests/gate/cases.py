"""Comparisons made by hand that all formats are tried on."""

from __future__ import annotations

from datetime import date

from msgspec.structs import replace

from gate.model import Mode
from gate.policy.model import Policy, Suppression, Thresholds
from gate.rules.samples.binaries import (
    HEALTH,
    NO_DATA_DRIFT,
    NO_GLOBAL_DRIFT,
    NO_INIT_DRIFT,
    Case,
    binary,
    build,
    change,
    data_change,
    embedded_change,
    functions,
    other,
    ref,
    variable,
    variable_change,
)
from probes.drift.data.facts import UndecidedData
from probes.drift.facts import Rename
from probes.go.buildinfo.facts import Module

FORGED = (
    "]]></script><img src=x onerror=alert(1)>%0A::error file=a,line=1::owned`|[a](https://evil.example)@all{0}\ufffe"
)

HOSTILE = "main.\x1b]0;owned\x07\nPASS  [bold]x[/bold]\u202e\udcff"

CASES = {
    "pass": Case(),
    "same-file": Case(new=binary()),
    "handed-off": Case(policy=Policy(mode=Mode.HANDOFF, mode_by="OLD calls github.com/cloudflare/tableflip.New")),
    "hotfix-pass": Case(functions=functions(changed=(change(),), remapped=12), policy=Policy(mode=Mode.HOTFIX)),
    "block": Case(
        new=other(
            go_version="go1.27.0",
            stripped=True,
            build=build(
                settings={"-race": "true", "GOEXPERIMENT": "greenteagc", "vcs.modified": "true"},
                deps=(
                    Module("example.com/rates", "v1.1.0", "h1:b2xk"),
                    Module("example.com/fresh", "v0.1.0", "h1:eA=="),
                ),
                godebug={"tlsmlkem": "0"},
            ),
        ),
        functions=functions(
            old=6024,
            new=6026,
            changed=(
                change("main.total", kind="resized", inlined_from=("example.com/pay/ledger.rate",), detail=""),
                change("example.com/pay/ledger.rate"),
                change("example.com/pay/ledger.(*Book).Post", kind="signature", detail="", new_args=24),
                *(change(f"example.com/shop/internal/handlers.handle{n}") for n in range(20)),
            ),
            added=(ref("main.fresh"), *(ref(f"gopkg.in/yaml%2ev3.new{n}") for n in range(10))),
            removed=(ref("main.stale"),),
            renamed=(Rename("main.main.func1", "main.main.func2"),),
            remapped=2400,
        ),
        init=replace(NO_INIT_DRIFT, new=3, added=("example.com/fresh.init",)),
        globals=replace(
            NO_GLOBAL_DRIFT,
            new=342,
            added=(variable("example.com/fresh.registry"), *(variable(f"runtime.new{n}") for n in range(9))),
            removed=(variable("main.stale", 24),),
            resized=(variable_change("main.limits", 128, 256),),
        ),
        data=replace(
            NO_DATA_DRIFT,
            variables=(
                data_change(),
                data_change("main.apiKey", "", '"hunter2"', '"hunter3"'),
                data_change("", "+16", "3", "4", used_by=("main.price",)),
                data_change("", "", '"hunter4"', '"hunter5"', used_by=("main.price", "main.total")),
            ),
            embedded=(embedded_change(), embedded_change("tls/server.key", ("-hunter6", "+hunter7"))),
            undecided=(UndecidedData("main.rates→+8", "main", "it leads to data whose extent is not known"),),
        ),
        policy=Policy(protected_packages=("example.com/pay/...",), thresholds=Thresholds(max_changed_functions=10)),
    ),
    "inconclusive": Case(
        old=binary(build=None, build_problem="the section is empty", cgo=None),
        new=other(health=replace(HEALTH, unverifiable="its layout is newer than go1.27")),
        functions=None,
        init=None,
        globals=None,
        data=None,
        problems={"init": "OLD is stripped", "globals": "OLD: it has no ELF symbol table (stripped)"},
    ),
    "undecided": Case(functions=functions(undecided=("main.jump",))),
    "hostile": Case(
        new=other(path=f"shop{HOSTILE}", build=build(settings={f"-tags{HOSTILE}": HOSTILE}, path=HOSTILE)),
        functions=functions(
            changed=(change(HOSTILE, package=HOSTILE, detail=HOSTILE, file=HOSTILE, inlined_from=(HOSTILE,)),),
            added=(ref(HOSTILE),),
            removed=(ref(HOSTILE),),
            renamed=(Rename(HOSTILE, HOSTILE),),
        ),
        globals=replace(NO_GLOBAL_DRIFT, added=(variable(HOSTILE),), resized=(variable_change(HOSTILE),)),
        data=replace(
            NO_DATA_DRIFT,
            variables=(data_change(HOSTILE, HOSTILE, HOSTILE, HOSTILE),),
            embedded=(embedded_change(HOSTILE, (HOSTILE,)),),
            undecided=(UndecidedData(HOSTILE, HOSTILE, HOSTILE),),
        ),
        policy=Policy(protected_packages=("*",)),
    ),
    "suppressed": Case(
        new=other(arch="arm64", stripped=True),
        policy=Policy(
            suppress=(Suppression("HG401", "*", "moving to arm64", date(2026, 6, 30)),),
            severity={"HG402": "off"},
        ),
    ),
    "forged": Case(
        new=other(path=f"shop{FORGED}", build=build(settings={f"-tags{FORGED}": FORGED}, path=FORGED)),
        functions=functions(
            changed=(change(FORGED, package=FORGED, detail=FORGED, file=FORGED, inlined_from=(FORGED,)),),
            added=(ref(FORGED),),
            removed=(ref(FORGED),),
            renamed=(Rename(FORGED, FORGED),),
            undecided=(FORGED,),
        ),
        data=replace(
            NO_DATA_DRIFT,
            variables=(data_change(FORGED, FORGED, FORGED, FORGED),),
            embedded=(embedded_change(FORGED, (FORGED,)),),
        ),
        policy=Policy(protected_packages=("*",)),
    ),
}
