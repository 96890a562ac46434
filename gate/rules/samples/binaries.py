"""Hand-made facts for the rules' own samples and for the tests: an update that changes nothing, and tweaks to it."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, cast

from msgspec import Struct, field
from msgspec.structs import replace

from gate.evidence.model import Bundle
from gate.evidence.types import TypeEvidence
from gate.inflection import package_of
from gate.policy.model import Policy
from probes.drift.build import build_drift
from probes.drift.data.facts import DataChange, DataDrift, EmbeddedChange
from probes.drift.facts import (
    FunctionChange,
    FunctionDrift,
    FunctionRef,
    GlobalDrift,
    InitDrift,
    VariableChange,
    VariableRef,
)
from probes.drift.native.facts import AbiFacts, HostDrift, NativeDrift, SharedDrift
from probes.drift.result import Drift
from probes.drift.types.facts import FieldSide, LayoutChange, TypeChange
from probes.elf.facts import NativeFacts
from probes.go.buildinfo.facts import BuildFacts, Module
from probes.go.facts import BinaryFacts, TableHealth
from probes.host import TargetFacts

if TYPE_CHECKING:
    from gate.evidence.profiles import ProfileEvidence
    from gate.evidence.rehearsal import PastRehearsal, RehearsalFacts
    from gate.evidence.way_back import WayBackFacts
    from probes.commandline.facts import ArgumentFacts
    from probes.elf.image import Image
    from probes.kernel.facts import SystemCallDrift
    from probes.live.facts import LiveFacts

NATIVE = NativeFacts(
    interpreter=None,
    needed=(),
    versions=(),
    soname=None,
    tls=None,
    tls_symbols=(),
    relro="none",
    exec_stack=False,
    pie=False,
)
HEALTH = TableHealth(layout="go1.20", obfuscated=False, unverifiable=None, symbols_compared=1200)
BUILD = BuildFacts(
    go_version="go1.26.3",
    path="example.com/shop/cmd/shop",
    main=Module("example.com/shop", "v1.4.0", ""),
    deps=(Module("example.com/rates", "v1.2.0", "h1:aGVsbG8="),),
    settings={
        "-trimpath": "true",
        "CGO_ENABLED": "0",
        "GOAMD64": "v1",
        "GOARCH": "amd64",
        "GOOS": "linux",
        "vcs": "git",
        "vcs.revision": "4f5e0c2b9d1a7f3e6c8b0a2d4e6f8a1c3b5d7e9f",
        "vcs.time": "2026-03-01T10:00:00Z",
        "vcs.modified": "false",
    },
    godebug={"tlsmlkem": "1"},
    godebug_known=True,
)
TARGET = TargetFacts(arch="amd64", os="linux", goamd64_level=3, goarm64=None)


def build(*, drop: str = "", settings: dict[str, str] | None = None, **changes: Any) -> BuildFacts:
    """The sample's build information; `settings` are laid over its own, `drop` names one to leave out."""
    kept = {**BUILD.settings, **(settings or {})}
    kept.pop(drop, None)
    return replace(BUILD, settings=kept, **changes)


def binary(**changes: Any) -> BinaryFacts:
    """The sample's binary: a static amd64 program with a verified function table."""
    facts = BinaryFacts(
        path="shop",
        size=12_345_678,
        sha256="a" * 64,
        arch="amd64",
        os="linux",
        linkage="exe",
        go_version="go1.26.3",
        build=BUILD,
        build_problem=None,
        go_build_id="old/build/id",
        gnu_build_id=None,
        native=NATIVE,
        native_problem=None,
        stripped=False,
        has_dwarf=True,
        cgo=False,
        health=HEALTH,
        initialisers=("runtime.init", "main.init"),
        fips="off",
        integrity="intact",
        functions=None,
        module=None,
        image=cast("Image", None),  # no rule looks into the file
    )
    return replace(facts, **changes)


def other(**changes: Any) -> BinaryFacts:
    """Another build of `binary`: other contents, another build id."""
    return binary(**{"sha256": "b" * 64, "go_build_id": "new/build/id", **changes})


def functions(**changes: Any) -> FunctionDrift:
    """Function drift in which nothing changed but addresses."""
    drift = FunctionDrift(
        old=6024,
        new=6024,
        matched=6024,
        identical=2598,
        moved=3426,
        added=(),
        removed=(),
        renamed=(),
        changed=(),
        undecided=(),
        remapped=0,
    )
    return replace(drift, **changes)


def change(name: str = "main.rate", **changes: Any) -> FunctionChange:
    """A function whose body changed."""
    facts = FunctionChange(
        name=name,
        package=package_of(name),
        kind="body",
        inlined_from=(),
        detail="constant 25 → 35",
        file="main.go",
        line=12,
        old_size=96,
        new_size=96,
        old_args=8,
        new_args=8,
    )
    return replace(facts, **changes)


def ref(name: str, *, exported: bool = False) -> FunctionRef:
    """A function that one side lacks."""
    return FunctionRef(name, package_of(name), "main.go", 1, exported)


def types(**changes: Any) -> TypeEvidence:
    """Types of which none changed."""
    return replace(TypeEvidence(compared=312), **changes)


def field_moved(path: str = "Order.Unit") -> LayoutChange:
    """A field that is 8 bytes further on in NEW."""
    sides = FieldSide("int64", "int64", 8, 16), FieldSide("int64", "int64", 8, 24)
    owner, _, name = path.rpartition(".")
    detail = f"{name}: offset 16 → 24"
    return LayoutChange(
        "moved",
        "reorder",
        f"main.{owner}",
        name,
        path,
        "value",
        hidden=False,
        old=sides[0],
        new=sides[1],
        detail=detail,
    )


def method_added(path: str = "Store.Close") -> LayoutChange:
    """A method that an interface asks for in NEW."""
    owner, _, name = path.rpartition(".")
    new = FieldSide("func() error", "func", 0, -1)
    detail = f"method {name}() error added"
    return LayoutChange(
        "method-added", "breaking", f"main.{owner}", name, path, "value", hidden=False, old=None, new=new, detail=detail
    )


def type_change(
    name: str = "main.Order", *, kind: str = "struct", changes: tuple[LayoutChange, ...] = ()
) -> TypeChange:
    """A type whose layout changed."""
    return TypeChange(name, kind, 72, 80, "reorder", changes or (field_moved(),))


NO_NATIVE_DRIFT = NativeDrift(
    needed_added=(),
    needed_removed=(),
    versions_added=(),
    versions_removed=(),
    interpreter=None,
    hardening=(),
    tls=None,
    uses=(),
    run_path=(),
    shared=None,
)
NO_SHARED_DRIFT = SharedDrift(
    soname=None,
    added=(),
    removed=(),
    reversioned=(),
    retyped=(),
    resized=(),
    state_added=(),
    state_removed=(),
    state_resized=(),
    memory=(),
    calls=(),
    plugin=None,
)


def native(**changes: Any) -> NativeDrift:
    """Native drift of two programs in which nothing changed."""
    return replace(NO_NATIVE_DRIFT, **changes)


def shared(**changes: Any) -> NativeDrift:
    """Native drift of two shared objects; `changes` are of their SharedDrift."""
    return native(shared=replace(NO_SHARED_DRIFT, **changes))


NO_INIT_DRIFT = InitDrift(old=2, new=2, added=(), removed=(), reordered=())
NO_GLOBAL_DRIFT = GlobalDrift(old=340, new=340, compared=340, added=(), removed=(), resized=(), retyped=())

NO_DATA_DRIFT = DataDrift(340, 24_000, 24_000, variables=(), files=2, embedded=(), undecided=())


def data_change(
    name: str = "main.rates", path: str = "[2]", old: str = "0.3", new: str = "0.4", **more: Any
) -> DataChange:
    """A variable that starts with another value."""
    text = old.startswith('"')
    sizes = (len(old) - 2, len(new) - 2) if text else (8, 8)
    before, after = (hashlib.sha256(value.encode("utf-8", "surrogatepass")).hexdigest() for value in (old, new))
    return DataChange(name, package_of(name), path, old, new, text, *sizes, before, after, **more)


def embedded_change(
    path: str = "migrations/004.sql", diff: tuple[str, ...] = ("-select 1;", "+select 2;")
) -> EmbeddedChange:
    """An embedded file that has other contents."""
    old, new = (hashlib.sha256(value).hexdigest() for value in (b"old", b"new"))
    return EmbeddedChange(path, "main.migrations", "changed", 812, 840, old, new, diff)


def variable(name: str, size: int = 8) -> VariableRef:
    """A package variable that one side lacks."""
    return VariableRef(name, package_of(name), size)


def variable_change(name: str, old_size: int = 8, new_size: int = 16, detail: str = "") -> VariableChange:
    """A package variable that is another one in NEW."""
    said = detail or f"{old_size:,} → {new_size:,} bytes"
    return VariableChange(name, package_of(name), old_size, new_size, said)


class Case(Struct, frozen=True):
    """One comparison; as it stands, of an update that changes nothing but addresses."""

    old: BinaryFacts = field(default_factory=binary)
    new: BinaryFacts = field(default_factory=other)
    functions: FunctionDrift | None = field(default_factory=functions)
    init: InitDrift | None = NO_INIT_DRIFT
    types: TypeEvidence | None = field(default_factory=types)
    policy: Policy = field(default_factory=Policy)
    target: TargetFacts = TARGET
    problems: dict[str, str] = field(default_factory=dict)
    globals: GlobalDrift | None = NO_GLOBAL_DRIFT
    data: DataDrift | None = NO_DATA_DRIFT
    native: NativeDrift | None = NO_NATIVE_DRIFT
    abi: AbiFacts | None = None
    loader: HostDrift | None = None
    live: LiveFacts | None = None
    arguments: ArgumentFacts | None = None
    system_calls: SystemCallDrift | None = None
    profile: ProfileEvidence | None = None
    way_back: WayBackFacts | None = None
    rehearsal: RehearsalFacts | PastRehearsal | None = None

    def drift(self) -> Drift:
        """What differs, the build part computed from both sides."""
        both = self.old.build is not None and self.new.build is not None
        built = build_drift(self.old.build, self.new.build) if both else None  # type: ignore[arg-type]
        return Drift(
            functions=self.functions,
            build=built,
            init=self.init,
            problems=self.problems,
            globals=self.globals,
            native=self.native,
            data=self.data,
        )

    def bundle(self) -> Bundle:
        """The evidence of this case, as a rule gets it."""
        found = Bundle.gather(
            self.old,
            self.new,
            self.drift(),
            self.policy,
            lambda: self.target,
            abi=lambda: self.abi,
            loader=self.loader,
        )
        if self.live is not None:
            from gate.evidence.live import live_values

            found = found.with_live(live_values(self.live))
        if self.arguments is not None:
            from gate.evidence.live import ARGUMENTS

            found = found.with_live({ARGUMENTS: lambda: self.arguments})
        if self.system_calls is not None:
            from gate.evidence.live import SYSTEM_CALLS

            found = found.with_value(SYSTEM_CALLS, self.system_calls)
        if self.profile is not None:
            found = found.with_profile(self.profile.values())
        if self.way_back is not None:
            found = found.with_value((type(self.way_back), "way back"), self.way_back)
        if self.rehearsal is not None:
            from gate.evidence.rehearsal import rehearsal_values

            found = found.with_rehearsal(rehearsal_values(self.rehearsal))
        return found if self.types is None else found.with_value((TypeEvidence, "types"), self.types)
