"""The shape of a lock file, for pydantic. Import it only to read one."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from probes.go.types.saved import SavedType  # noqa: TC001 - pydantic evaluates the annotation


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _State(_Part):
    codec: Literal["memory", "gob", "json", "protobuf"]
    fingerprint: str


class _Interface(_Part):
    fingerprint: str


class _Variable(_Part):
    size: Annotated[int, Field(gt=0, lt=1 << 62)]
    type: Annotated[str, Field(max_length=4096)] = ""
    fingerprint: Annotated[str, Field(pattern="^([0-9a-f]{16})?$")] = ""


MAX_TYPES = 20_000
MAX_MEMBERS = 2_000


def _bounded(types: dict[str, SavedType]) -> dict[str, SavedType]:
    if len(types) > MAX_TYPES:
        raise ValueError(f"more than {MAX_TYPES:,} types")
    for name, each in types.items():
        if max(len(each.fields), len(each.methods), len(each.inputs), len(each.outputs)) > MAX_MEMBERS:
            raise ValueError(f"{name[:80]} has more than {MAX_MEMBERS:,} members")
        numbers = (each.size, each.align, each.pointers, each.length, each.direction, *(f.offset for f in each.fields))
        if min(numbers) < 0 or max(numbers) >= 1 << 62:
            raise ValueError(f"{name[:80]} has a number that no type has")
    return types


class LockShape(_Part):
    """What `gate.contract.lock.dump_lock` writes."""

    about: str
    schema_version: Literal["1"]
    goos: Literal["linux", "freebsd", "netbsd", "openbsd"]
    goarch: Literal["amd64", "arm64"]
    state: dict[str, _State]
    interfaces: dict[str, _Interface]
    globals: Annotated[dict[str, _Variable], Field(max_length=MAX_TYPES)] = {}
    types: Annotated[dict[str, SavedType], AfterValidator(_bounded)]
