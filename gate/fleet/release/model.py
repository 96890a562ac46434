"""A release plan as it was read: frozen, every name checked."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

Phase = Literal["expand", "contract"]


class Pair(Struct, frozen=True):
    """Paths of an interface before and after."""

    old: str
    new: str


class Kubernetes(Struct, frozen=True):
    """Names that Argo Rollouts knows; `image` has no tag."""

    namespace: str
    rollout: str
    container: str
    image: str


class Component(Struct, frozen=True):
    """One service and the version that it goes to. `line` is where the plan has it; `takes` in seconds; paths are ready to be opened."""

    name: str
    version: str
    line: int
    hosts: str
    depends_on: tuple[str, ...] = ()
    provides: tuple[str, ...] = ()
    calls: tuple[str, ...] = ()
    produces: tuple[str, ...] = ()
    consumes: tuple[str, ...] = ()
    phase: Phase | None = None
    schema_of: str = ""
    protobuf: Pair | None = None
    openapi: Pair | None = None
    migrations: tuple[str, ...] = ()
    kubernetes: Kubernetes = Kubernetes("default", "", "", "")
    takes: float = 0.0
    owner: str = ""


class Release(Struct, frozen=True):
    """The plan. `batches` are numbers or shares, the last one `100%`; `observe` in seconds; `source` is the file's path."""

    source: str
    name: str
    components: tuple[Component, ...]
    strategy: Literal["rolling", "parallel"]
    batches: tuple[str, ...]
    observe: float
    rollback_policy: Literal["auto", "manual"]
    forks: int
    contacts: tuple[str, ...]
