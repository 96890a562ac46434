"""The shape of `release.yaml`: which keys there are, and what each may be. The JSON Schema is made from it."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from gate.fleet.release import names
from gate.policy.errors import PolicyError
from gate.policy.validators import checked, seconds_between

MAX_COMPONENTS = 5000
MAX_BATCHES = 100


def _named(pattern: str) -> tuple[object, object]:
    """What checks a name, and what describes it in the JSON Schema."""
    return checked(partial(names.checked_name, pattern=pattern)), Field(
        json_schema_extra={"pattern": f"^(?:{pattern})$"}
    )


def _batch(text: str) -> str:
    number, percent = text.removesuffix("%"), text.endswith("%")
    if not (number.isascii() and number.isdecimal() and len(number) <= 6):
        raise PolicyError(f"{text[:40]!r} is no batch", hint="a number of hosts such as 2, or a share such as 10%")
    if int(number) == 0:
        raise PolicyError(f"a batch of {text} is empty", hint="a number of hosts such as 2, or a share such as 10%")
    if percent and int(number) > 100:
        raise PolicyError(f"a batch of {text} is more than all hosts")
    return f"{int(number)}{'%' if percent else ''}"


Name = Annotated[str, *_named(names.COMPONENT)]
Version = Annotated[str, *_named(names.VERSION)]
Group = Annotated[str, *_named(names.GROUP)]
Label = Annotated[str, *_named(names.LABEL)]
Image = Annotated[str, *_named(names.IMAGE)]
Words = Annotated[str, checked(names.checked_words)]
FilePath = Annotated[str, checked(names.checked_path)]
Batch = Annotated[str, checked(_batch), Field(json_schema_extra={"pattern": "^[0-9]{1,6}%?$"})]
Duration = Annotated[str, seconds_between(0, 86400 * 7), Field(json_schema_extra={"pattern": "^[0-9.]+(ms|s|m|h|d)$"})]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)


class SchemaChange(_Table):
    """What a version asks of a database's schema.

    `expand`: it uses what an expanded schema adds, so it comes after the component that has the schema. `contract`: it removes what
    older versions used, so it comes after all components that use the schema.
    """

    phase: Literal["expand", "contract"]
    of: Name = Field(description="The component whose schema it is.")


class Pair(_Table):
    """The same interface twice, as files or folders; paths are relative to the plan."""

    old: FilePath
    new: FilePath


class Interfaces(_Table):
    """Files in which the tools that know them look for breaking changes."""

    protobuf: Pair | None = Field(default=None, description="Folders or images that `buf breaking` compares.")
    openapi: Pair | None = Field(default=None, description="OpenAPI files that `oasdiff` compares.")
    migrations: list[FilePath] = Field(default=[], max_length=1000, description="SQL files that `squawk` reads.")


class Kubernetes(_Table):
    """Where the component runs as an Argo Rollout; each key defaults to the component's name."""

    namespace: Label = "default"
    rollout: Label | Literal[""] = ""
    container: Label | Literal[""] = ""
    image: Image | Literal[""] = Field(default="", description="Without a tag, which is the version.")


class Component(_Table):
    """One service, and the version that it goes to."""

    name: Name = Field(description="Also the service's name in the sidecar, and [host.NAME] in hotgate.toml.")
    version: Version
    depends_on: list[Name] = Field(default=[], max_length=MAX_COMPONENTS, description="Updated before it.")
    hosts: Group | Literal[""] = Field(default="", description="The inventory's group that runs it; default: its name.")
    provides: list[Name] = Field(
        default=[], max_length=100, description="Interfaces that this version begins to serve."
    )
    calls: list[Name] = Field(default=[], max_length=100, description="Interfaces that this version begins to call.")
    produces: list[Name] = Field(default=[], max_length=100, description="Queues that it writes to.")
    consumes: list[Name] = Field(default=[], max_length=100, description="Queues that it reads from.")
    schema_: SchemaChange | None = Field(default=None, alias="schema")
    interfaces: Interfaces = Field(default_factory=Interfaces)
    kubernetes: Kubernetes = Field(default_factory=Kubernetes)
    takes: Duration = Field(default="0s", description="The least time of one update on one host, for the plan's times.")
    owner: Words = Field(default="", description="Whom the runbook names.")


class Release(_Table):
    """A release of several components: `release.yaml`."""

    name: Label = Field(default="release", description="Of the release, in the files that are rendered.")
    components: list[Component] = Field(min_length=1, max_length=MAX_COMPONENTS)
    hosts: Group | Literal[""] = Field(default="", description="The group that runs every component that names none.")
    strategy: Literal["rolling", "parallel"] = Field(
        default="rolling",
        description="One component after the other, or side by side those that do not depend on each other.",
    )
    batches: list[Batch] = Field(
        default=["1", "10%", "100%"],
        min_length=1,
        max_length=MAX_BATCHES,
        description="Hosts that are updated together, as in Ansible's `serial`; the last one is 100%: all that are left.",
    )
    observe: Duration = Field(default="5m", description="How long each batch is watched before the next one.")
    rollback_policy: Literal["auto", "manual"] = "auto"
    forks: int = Field(default=50, ge=1, le=10_000, description="Hosts that Ansible works on at once.")
    contacts: list[Words] = Field(default=[], max_length=100, description="Whom the runbook names.")


SHAPES: dict[str, type[BaseModel]] = {
    "schema": SchemaChange,
    "protobuf": Pair,
    "openapi": Pair,
    "interfaces": Interfaces,
    "kubernetes": Kubernetes,
    "components": Component,
}
